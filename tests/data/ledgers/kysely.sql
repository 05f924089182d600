CREATE TABLE public.kysely_migration (
    name character varying(255) NOT NULL,
    "timestamp" character varying(255) NOT NULL
);
CREATE TABLE public.kysely_migration_lock (
    id character varying(255) NOT NULL,
    is_locked integer DEFAULT 0 NOT NULL
);
INSERT INTO public.kysely_migration VALUES ('20240101000000_accounts', '2026-11-29T17:30:47.788Z');
INSERT INTO public.kysely_migration VALUES ('20240102000000_projects', '2026-11-29T17:30:47.804Z');
INSERT INTO public.kysely_migration VALUES ('20240103000000_tasks', '2026-11-29T17:30:47.805Z');
INSERT INTO public.kysely_migration_lock VALUES ('migration_lock', 0);
ALTER TABLE ONLY public.kysely_migration_lock
    ADD CONSTRAINT kysely_migration_lock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.kysely_migration
    ADD CONSTRAINT kysely_migration_pkey PRIMARY KEY (name);
