CREATE TABLE public."SequelizeMeta" (
    name character varying(255) NOT NULL
);
INSERT INTO public."SequelizeMeta" VALUES ('20240101000000-accounts.js');
INSERT INTO public."SequelizeMeta" VALUES ('20240102000000-projects.js');
INSERT INTO public."SequelizeMeta" VALUES ('20240103000000-tasks.js');
ALTER TABLE ONLY public."SequelizeMeta"
    ADD CONSTRAINT "SequelizeMeta_pkey" PRIMARY KEY (name);
