CREATE TABLE public.pgmigrations (
    id integer NOT NULL,
    name character varying(255) NOT NULL,
    run_on timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.pgmigrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.pgmigrations_id_seq OWNED BY public.pgmigrations.id;
ALTER TABLE ONLY public.pgmigrations ALTER COLUMN id SET DEFAULT nextval('public.pgmigrations_id_seq'::regclass);
INSERT INTO public.pgmigrations VALUES (1, '1704101600000_accounts', '2026-11-21 11:38:43.142329');
INSERT INTO public.pgmigrations VALUES (2, '1704102600000_projects', '2026-11-21 11:38:43.142329');
INSERT INTO public.pgmigrations VALUES (3, '1704103600000_tasks', '2026-11-21 11:38:43.142329');
SELECT pg_catalog.setval('public.pgmigrations_id_seq', 3, true);
ALTER TABLE ONLY public.pgmigrations
    ADD CONSTRAINT pgmigrations_pkey PRIMARY KEY (id);
