CREATE TABLE "accounts" (
    "id" BIGINT PRIMARY KEY
);
