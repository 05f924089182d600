CREATE TABLE "accounts" (
	"id" bigint PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE INDEX "accounts_id" ON "accounts" ("id");
