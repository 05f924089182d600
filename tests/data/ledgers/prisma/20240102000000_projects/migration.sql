CREATE TABLE "projects" (
    "id" BIGINT PRIMARY KEY
);
