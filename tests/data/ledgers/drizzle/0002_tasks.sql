CREATE TABLE "tasks" (
	"id" bigint PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE INDEX "tasks_id" ON "tasks" ("id");
