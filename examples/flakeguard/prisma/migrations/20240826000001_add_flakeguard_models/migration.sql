-- "orgId" on FlakeGuard's own tables, from the installation of the repository down to each row.
-- FGJob, FGIssueLink and the tables of the join have their owner through a parent.

ALTER TABLE "FGRepository" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGTestCase" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGWorkflowRun" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGOccurrence" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGFlakeScore" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGFailureCluster" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FGQuarantineDecision" ADD COLUMN "orgId" TEXT;

UPDATE "FGRepository" AS repository SET "orgId" = installation."orgId"
FROM "Installation" AS installation
WHERE installation."id" = repository."installationId";

UPDATE "FGTestCase" AS test SET "orgId" = repository."orgId"
FROM "FGRepository" AS repository
WHERE repository."id" = test."repoId";

UPDATE "FGWorkflowRun" AS run SET "orgId" = repository."orgId"
FROM "FGRepository" AS repository
WHERE repository."id" = run."repoId";

UPDATE "FGFailureCluster" AS cluster SET "orgId" = repository."orgId"
FROM "FGRepository" AS repository
WHERE repository."id" = cluster."repoId";

UPDATE "FGOccurrence" AS occurrence SET "orgId" = test."orgId"
FROM "FGTestCase" AS test
WHERE test."id" = occurrence."testId";

UPDATE "FGFlakeScore" AS score SET "orgId" = test."orgId"
FROM "FGTestCase" AS test
WHERE test."id" = score."testId";

UPDATE "FGQuarantineDecision" AS decision SET "orgId" = test."orgId"
FROM "FGTestCase" AS test
WHERE test."id" = decision."testId";

-- A repository whose installation is gone stops the migration here: whose it is, only a person can say.
ALTER TABLE "FGRepository" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGTestCase" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGWorkflowRun" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGOccurrence" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGFlakeScore" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGFailureCluster" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FGQuarantineDecision" ALTER COLUMN "orgId" SET NOT NULL;

-- A score gets an identity of its own; the test stays unique. One table, one statement: the key is
-- never missing, and never changed twice.

ALTER TABLE "FGFlakeScore" ADD COLUMN "id" TEXT;
UPDATE "FGFlakeScore" SET "id" = 'score_' || "testId";
ALTER TABLE "FGFlakeScore"
    ALTER COLUMN "id" SET NOT NULL,
    DROP CONSTRAINT "FGFlakeScore_pkey",
    ADD CONSTRAINT "FGFlakeScore_pkey" PRIMARY KEY ("id");
CREATE UNIQUE INDEX "FGFlakeScore_testId_key" ON "FGFlakeScore"("testId");

-- What was unique in the installation is unique in the organization.

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

-- Look-ups

CREATE INDEX "FGRepository_orgId_idx" ON "FGRepository"("orgId");
CREATE INDEX "FGRepository_orgId_provider_idx" ON "FGRepository"("orgId", "provider");
CREATE INDEX "FGTestCase_orgId_idx" ON "FGTestCase"("orgId");
CREATE INDEX "FGTestCase_orgId_repoId_idx" ON "FGTestCase"("orgId", "repoId");
CREATE INDEX "FGWorkflowRun_orgId_idx" ON "FGWorkflowRun"("orgId");
CREATE INDEX "FGWorkflowRun_orgId_repoId_idx" ON "FGWorkflowRun"("orgId", "repoId");
CREATE INDEX "FGOccurrence_orgId_idx" ON "FGOccurrence"("orgId");
CREATE INDEX "FGOccurrence_orgId_testId_idx" ON "FGOccurrence"("orgId", "testId");
CREATE INDEX "FGFlakeScore_orgId_idx" ON "FGFlakeScore"("orgId");
CREATE INDEX "FGFlakeScore_orgId_score_idx" ON "FGFlakeScore"("orgId", "score");
CREATE INDEX "FGFailureCluster_orgId_idx" ON "FGFailureCluster"("orgId");
CREATE INDEX "FGFailureCluster_orgId_repoId_idx" ON "FGFailureCluster"("orgId", "repoId");
CREATE INDEX "FGQuarantineDecision_orgId_idx" ON "FGQuarantineDecision"("orgId");
CREATE INDEX "FGQuarantineDecision_orgId_state_idx" ON "FGQuarantineDecision"("orgId", "state");

-- References

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
