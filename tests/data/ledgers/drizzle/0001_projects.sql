CREATE TABLE "projects" (
	"id" bigint PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE INDEX "projects_id" ON "projects" ("id");
