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
INSERT INTO public._prisma_migrations VALUES ('39140c7a-0129-4013-95f5-758ac8115ae7', '48bd0c86e85c0f077e106379d42b5c56e2be359ab4b38817b9040dbe2142b42a', '2026-11-21 12:03:50.023+00', '20240101000000_accounts', NULL, NULL, '2026-11-21 12:03:50.001+00', 1);
INSERT INTO public._prisma_migrations VALUES ('be78d3bd-4234-4157-9a40-002b197e6cec', 'e462206fc0dbc5c6370a09632de660ee07549f05ab7ffd0ce7df0ddab4322730', '2026-11-21 12:03:50.064+00', '20240102000000_projects', NULL, NULL, '2026-11-21 12:03:50.035+00', 1);
INSERT INTO public._prisma_migrations VALUES ('9e81dad3-475d-4e3e-8c54-b2270e15e75a', 'ad8bee191492a297b6fccae735ebebef7e2f2a9f6a77ffdeafea4576a5444814', '2026-11-21 12:03:50.095+00', '20240103000000_tasks', NULL, NULL, '2026-11-21 12:03:50.066+00', 1);
INSERT INTO public._prisma_migrations VALUES ('a74b1a5c-6703-47ba-8c6f-92355f04a445', 'c762f68b01eac9fc618fc04f34941ecab729e9901851119781d6e1fb1fcdb033', NULL, '20240104000000_broken', 'external connector error
No such table: nowhere
   0: sql_schema_connector::apply_migration::apply_script
           with migration_name="20240104000000_broken"
             at schema-engine/connectors/sql-schema-connector/src/apply_migration.rs:113
   1: schema_commands::commands::apply_migrations::Applying migration
           with migration_name="20240104000000_broken"
             at schema-engine/commands/src/commands/apply_migrations.rs:95
   2: schema_engine_wasm::wasm::engine::ApplyMigrations
             at schema-engine/schema-engine-wasm/src/wasm/engine.rs:167', NULL, '2026-11-21 12:03:50.112+00', 0);
ALTER TABLE ONLY public._prisma_migrations
    ADD CONSTRAINT _prisma_migrations_pkey PRIMARY KEY (id);
