CREATE SCHEMA drizzle;
CREATE TABLE drizzle.__drizzle_migrations (
    id integer NOT NULL,
    hash text NOT NULL,
    created_at bigint
);
CREATE SEQUENCE drizzle.__drizzle_migrations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE drizzle.__drizzle_migrations_id_seq OWNED BY drizzle.__drizzle_migrations.id;
ALTER TABLE ONLY drizzle.__drizzle_migrations ALTER COLUMN id SET DEFAULT nextval('drizzle.__drizzle_migrations_id_seq'::regclass);
INSERT INTO drizzle.__drizzle_migrations VALUES (1, 'c1ab4b39aee4a03872105b9159cbaf5f2d946a70b7f4342e79c123fe7b066b87', 1704067200000);
INSERT INTO drizzle.__drizzle_migrations VALUES (2, 'c95177b9a1c319d534f29a621501933824d30c067ff598a33d84059453edb3e8', 1704153600000);
INSERT INTO drizzle.__drizzle_migrations VALUES (3, '794f77b6e072a4445e045a52618c08f931ae2593ce6a913409fb0ac8de207b99', 1704240000000);
SELECT pg_catalog.setval('drizzle.__drizzle_migrations_id_seq', 3, true);
ALTER TABLE ONLY drizzle.__drizzle_migrations
    ADD CONSTRAINT __drizzle_migrations_pkey PRIMARY KEY (id);
