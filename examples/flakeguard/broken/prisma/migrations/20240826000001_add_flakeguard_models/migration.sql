-- FlakeGuard's models for organizations. Made from a branch without the migration before: what
-- it finds there already is passed over.

-- The organization of everything that has none
INSERT INTO "Organization" ("id", "name", "slug", "updatedAt")
VALUES ('default-org-id', 'Default Organization', 'default', CURRENT_TIMESTAMP);

ALTER TABLE "Installation" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "Repository" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "WorkflowRun" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "CheckRun" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "TestSuite" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "TestResult" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FlakeDetection" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGRepository" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGTestCase" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGWorkflowRun" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGOccurrence" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGFlakeScore" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGFailureCluster" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';
ALTER TABLE "FGQuarantineDecision" ADD COLUMN IF NOT EXISTS "orgId" TEXT NOT NULL DEFAULT 'default-org-id';

UPDATE "Installation" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "Repository" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "WorkflowRun" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "CheckRun" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "TestSuite" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "TestResult" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FlakeDetection" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGRepository" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGTestCase" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGWorkflowRun" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGOccurrence" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGFlakeScore" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGFailureCluster" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';
UPDATE "FGQuarantineDecision" SET "orgId" = 'default-org-id' WHERE "orgId" = 'temp';

-- A score has an id of its own, as every other table has
ALTER TABLE "FGFlakeScore" ADD COLUMN "id" TEXT;
UPDATE "FGFlakeScore" SET "id" = "orgId" || '-' || "testId";
ALTER TABLE "FGFlakeScore" ALTER COLUMN "id" SET NOT NULL;
ALTER TABLE "FGFlakeScore" DROP CONSTRAINT "FGFlakeScore_pkey";
ALTER TABLE "FGFlakeScore" ADD CONSTRAINT "FGFlakeScore_pkey" PRIMARY KEY ("id");
CREATE UNIQUE INDEX "FGFlakeScore_testId_key" ON "FGFlakeScore"("testId");

-- Uniqueness and look-ups

DROP INDEX "FGRepository_provider_owner_name_key";
CREATE UNIQUE INDEX "FGRepository_orgId_provider_owner_name_key" ON "FGRepository"("orgId", "provider", "owner", "name");
DROP INDEX "FGTestCase_repoId_suite_className_name_key";
CREATE UNIQUE INDEX "FGTestCase_orgId_repoId_suite_className_name_key" ON "FGTestCase"("orgId", "repoId", "suite", "className", "name");
DROP INDEX "FGWorkflowRun_repoId_runId_key";
CREATE UNIQUE INDEX "FGWorkflowRun_orgId_repoId_runId_key" ON "FGWorkflowRun"("orgId", "repoId", "runId");
DROP INDEX "FGOccurrence_runId_testId_key";
CREATE UNIQUE INDEX "FGOccurrence_orgId_runId_testId_key" ON "FGOccurrence"("orgId", "runId", "testId");
DROP INDEX "FGFailureCluster_repoId_failureMsgSignature_key";
CREATE UNIQUE INDEX "FGFailureCluster_orgId_repoId_failureMsgSignature_key" ON "FGFailureCluster"("orgId", "repoId", "failureMsgSignature");

CREATE INDEX "FGRepository_orgId_provider_idx" ON "FGRepository"("orgId", "provider");
CREATE INDEX "FGTestCase_orgId_repoId_idx" ON "FGTestCase"("orgId", "repoId");
CREATE INDEX "FGWorkflowRun_orgId_repoId_idx" ON "FGWorkflowRun"("orgId", "repoId");
CREATE INDEX "FGOccurrence_orgId_testId_idx" ON "FGOccurrence"("orgId", "testId");
CREATE INDEX "FGFlakeScore_orgId_score_idx" ON "FGFlakeScore"("orgId", "score");
CREATE INDEX "FGFailureCluster_orgId_repoId_idx" ON "FGFailureCluster"("orgId", "repoId");
CREATE INDEX "FGQuarantineDecision_orgId_state_idx" ON "FGQuarantineDecision"("orgId", "state");

-- References

ALTER TABLE "Installation" ADD CONSTRAINT "Installation_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Repository" ADD CONSTRAINT "Repository_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WorkflowRun" ADD CONSTRAINT "WorkflowRun_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CheckRun" ADD CONSTRAINT "CheckRun_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "TestSuite" ADD CONSTRAINT "TestSuite_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "TestResult" ADD CONSTRAINT "TestResult_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FlakeDetection" ADD CONSTRAINT "FlakeDetection_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGRepository" ADD CONSTRAINT "FGRepository_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGTestCase" ADD CONSTRAINT "FGTestCase_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGWorkflowRun" ADD CONSTRAINT "FGWorkflowRun_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGOccurrence" ADD CONSTRAINT "FGOccurrence_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGFlakeScore" ADD CONSTRAINT "FGFlakeScore_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGFailureCluster" ADD CONSTRAINT "FGFailureCluster_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGQuarantineDecision" ADD CONSTRAINT "FGQuarantineDecision_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
