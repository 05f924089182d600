-- JUnit files carry suites, class names and the file of each test: keep them, and keep re-runs of
-- the same test apart from new tests. Ingestion becomes a queue that can be watched.

CREATE TABLE "TestSuite" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "package" TEXT,
    "hostname" TEXT,
    "tests" INTEGER NOT NULL DEFAULT 0,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "errors" INTEGER NOT NULL DEFAULT 0,
    "skipped" INTEGER NOT NULL DEFAULT 0,
    "time" DOUBLE PRECISION,
    "timestamp" TEXT,
    "runId" TEXT,
    "jobName" TEXT,
    "repositoryId" TEXT NOT NULL,
    "checkRunId" TEXT,
    "workflowJobId" TEXT,
    "systemOut" TEXT,
    "systemErr" TEXT,
    "properties" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "TestSuite_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "IngestionJob" (
    "id" TEXT NOT NULL,
    "correlationId" TEXT,
    "workflowRunId" TEXT NOT NULL,
    "repositoryId" TEXT NOT NULL,
    "priority" TEXT NOT NULL DEFAULT 'normal',
    "status" TEXT NOT NULL DEFAULT 'queued',
    "artifactCount" INTEGER,
    "testCount" INTEGER,
    "failureCount" INTEGER,
    "errorCount" INTEGER,
    "processingTimeMs" INTEGER,
    "errorMessage" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "startedAt" TIMESTAMP(3),
    "completedAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "IngestionJob_pkey" PRIMARY KEY ("id")
);

-- A result now belongs to a suite and, where GitHub says so, to a job. The full name is what JUnit
-- reports call a test: results that came before have only suite and name to make it from.

ALTER TABLE "TestResult"
    ADD COLUMN "class" TEXT,
    ADD COLUMN "testFullName" TEXT,
    ADD COLUMN "file" TEXT,
    ADD COLUMN "attempt" INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN "jobName" TEXT,
    ADD COLUMN "testSuiteId" TEXT,
    ADD COLUMN "workflowJobId" TEXT;

UPDATE "TestResult" SET "testFullName" = "suite" || '.' || "name";

-- The newest result of a test stands for it; older ones were superseded by it.
DELETE FROM "TestResult" AS older
USING "TestResult" AS newer
WHERE older."repositoryId" = newer."repositoryId"
  AND older."testFullName" = newer."testFullName"
  AND older."suite" = newer."suite"
  AND (older."createdAt", older."id") < (newer."createdAt", newer."id");

ALTER TABLE "TestResult" ALTER COLUMN "testFullName" SET NOT NULL;

-- Uniqueness and look-ups

CREATE UNIQUE INDEX "TestSuite_repositoryId_name_runId_key" ON "TestSuite"("repositoryId", "name", "runId");
CREATE INDEX "TestSuite_checkRunId_idx" ON "TestSuite"("checkRunId");
CREATE INDEX "TestSuite_createdAt_idx" ON "TestSuite"("createdAt");
CREATE INDEX "TestSuite_name_idx" ON "TestSuite"("name");
CREATE INDEX "TestSuite_repositoryId_idx" ON "TestSuite"("repositoryId");
CREATE INDEX "TestSuite_repositoryId_name_idx" ON "TestSuite"("repositoryId", "name");
CREATE INDEX "TestSuite_runId_idx" ON "TestSuite"("runId");
CREATE INDEX "TestSuite_workflowJobId_idx" ON "TestSuite"("workflowJobId");

CREATE UNIQUE INDEX "TestResult_repositoryId_testFullName_file_suite_key" ON "TestResult"("repositoryId", "testFullName", "file", "suite");
CREATE INDEX "TestResult_class_idx" ON "TestResult"("class");
CREATE INDEX "TestResult_jobName_idx" ON "TestResult"("jobName");
CREATE INDEX "TestResult_testFullName_idx" ON "TestResult"("testFullName");
CREATE INDEX "TestResult_testSuiteId_idx" ON "TestResult"("testSuiteId");
CREATE INDEX "TestResult_testSuiteId_status_idx" ON "TestResult"("testSuiteId", "status");
CREATE INDEX "TestResult_workflowJobId_idx" ON "TestResult"("workflowJobId");

CREATE UNIQUE INDEX "IngestionJob_correlationId_key" ON "IngestionJob"("correlationId");
CREATE INDEX "IngestionJob_correlationId_idx" ON "IngestionJob"("correlationId");
CREATE INDEX "IngestionJob_createdAt_idx" ON "IngestionJob"("createdAt");
CREATE INDEX "IngestionJob_repositoryId_idx" ON "IngestionJob"("repositoryId");
CREATE INDEX "IngestionJob_status_createdAt_idx" ON "IngestionJob"("status", "createdAt");
CREATE INDEX "IngestionJob_status_idx" ON "IngestionJob"("status");
CREATE INDEX "IngestionJob_workflowRunId_idx" ON "IngestionJob"("workflowRunId");

-- References. An ingestion job names its run and repository without referring to them: it is queued
-- from the webhook, before either has been stored.

ALTER TABLE "TestSuite" ADD CONSTRAINT "TestSuite_checkRunId_fkey" FOREIGN KEY ("checkRunId")
    REFERENCES "CheckRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "TestSuite" ADD CONSTRAINT "TestSuite_repositoryId_fkey" FOREIGN KEY ("repositoryId")
    REFERENCES "Repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "TestSuite" ADD CONSTRAINT "TestSuite_workflowJobId_fkey" FOREIGN KEY ("workflowJobId")
    REFERENCES "WorkflowJob"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "TestResult" ADD CONSTRAINT "TestResult_testSuiteId_fkey" FOREIGN KEY ("testSuiteId")
    REFERENCES "TestSuite"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "TestResult" ADD CONSTRAINT "TestResult_workflowJobId_fkey" FOREIGN KEY ("workflowJobId")
    REFERENCES "WorkflowJob"("id") ON DELETE SET NULL ON UPDATE CASCADE;
