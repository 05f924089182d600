CREATE TABLE public.schemaversion (
    version bigint NOT NULL,
    name text,
    md5 text,
    run_at timestamp with time zone
);
INSERT INTO public.schemaversion VALUES (0, NULL, NULL, NULL);
INSERT INTO public.schemaversion VALUES (20240101000000, 'accounts', 'db34a2e82336f262fac93c3c041dd55e', '2026-11-29 17:30:58.776+00');
INSERT INTO public.schemaversion VALUES (20240102000000, 'projects', 'a37f9ef12e995d660b012cdf84df26e1', '2026-11-29 17:30:58.789+00');
INSERT INTO public.schemaversion VALUES (20240103000000, 'tasks', '5c7b5308173d5f02b285f0338d1d7a49', '2026-11-29 17:30:58.806+00');
ALTER TABLE ONLY public.schemaversion
    ADD CONSTRAINT schemaversion_pkey PRIMARY KEY (version);
