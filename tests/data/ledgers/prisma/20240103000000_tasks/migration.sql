CREATE TABLE "tasks" (
    "id" BIGINT PRIMARY KEY
);
