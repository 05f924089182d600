CREATE TABLE public.migrations (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    run_on timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.migrations_id_seq OWNED BY public.migrations.id;
ALTER TABLE ONLY public.migrations ALTER COLUMN id SET DEFAULT nextval('public.migrations_id_seq'::regclass);
INSERT INTO public.migrations VALUES (1, '/20240101000000-accounts', '2026-11-29 17:31:00.699');
INSERT INTO public.migrations VALUES (2, '/20240102000000-projects', '2026-11-29 17:31:00.758');
INSERT INTO public.migrations VALUES (3, '/20240103000000-tasks', '2026-11-29 17:31:00.798');
SELECT pg_catalog.setval('public.migrations_id_seq', 3, true);
ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (id);
