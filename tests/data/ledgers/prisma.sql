CREATE TABLE public._prisma_migrations (
    id character varying(36) NOT NULL,
    checksum character varying(64) NOT NULL,
    finished_at timestamp with time zone,
    migration_name character varying(255) NOT NULL,
    logs text,
    rolled_back_at timestamp with time zone,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_steps_count integer DEFAULT 0 NOT NULL
);
INSERT INTO public._prisma_migrations VALUES ('dc612864-dd88-458e-9b5f-aaa6eb6cc567', '48bd0c86e85c0f077e106379d42b5c56e2be359ab4b38817b9040dbe2142b42a', '2026-11-21 11:40:10.465+00', '20240101000000_accounts', NULL, NULL, '2026-11-21 11:40:10.453+00', 1);
INSERT INTO public._prisma_migrations VALUES ('bc396219-abdf-4b43-b79b-8aeea5e2ec91', 'e462206fc0dbc5c6370a09632de660ee07549f05ab7ffd0ce7df0ddab4322730', '2026-11-21 11:40:10.481+00', '20240102000000_projects', NULL, NULL, '2026-11-21 11:40:10.466+00', 1);
INSERT INTO public._prisma_migrations VALUES ('980e87ce-0a59-4443-8832-2092cd8eaeb9', 'ad8bee191492a297b6fccae735ebebef7e2f2a9f6a77ffdeafea4576a5444814', '2026-11-21 11:40:10.495+00', '20240103000000_tasks', NULL, NULL, '2026-11-21 11:40:10.482+00', 1);
ALTER TABLE ONLY public._prisma_migrations
    ADD CONSTRAINT _prisma_migrations_pkey PRIMARY KEY (id);
