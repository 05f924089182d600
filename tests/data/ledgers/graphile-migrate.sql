CREATE SCHEMA graphile_migrate;
CREATE TABLE graphile_migrate.current (
    filename text DEFAULT 'current.sql'::text NOT NULL,
    content text NOT NULL,
    date timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE graphile_migrate.migrations (
    hash text NOT NULL,
    previous_hash text,
    filename text NOT NULL,
    date timestamp with time zone DEFAULT now() NOT NULL
);
INSERT INTO graphile_migrate.migrations VALUES ('sha1:68a4b75cccf4a1498fb8e70fc7fda907227a4636', NULL, '000001.sql', '2026-11-29 17:31:03.459846+00');
INSERT INTO graphile_migrate.migrations VALUES ('sha1:25e7b56902c653b9565fdbe23bf4b33e33ddcf7f', 'sha1:68a4b75cccf4a1498fb8e70fc7fda907227a4636', '000002.sql', '2026-11-29 17:31:05.36709+00');
INSERT INTO graphile_migrate.migrations VALUES ('sha1:8ed493608ec0976c67aa09e51c8725869091881d', 'sha1:25e7b56902c653b9565fdbe23bf4b33e33ddcf7f', '000003.sql', '2026-11-29 17:31:07.635838+00');
ALTER TABLE ONLY graphile_migrate.current
    ADD CONSTRAINT current_pkey PRIMARY KEY (filename);
ALTER TABLE ONLY graphile_migrate.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY graphile_migrate.migrations
    ADD CONSTRAINT migrations_previous_hash_fkey FOREIGN KEY (previous_hash) REFERENCES graphile_migrate.migrations(hash);
