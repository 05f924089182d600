-- FlakeGuard's own model (FG): tests, their occurrences in runs, a score for each, clusters of
-- similar failures, and decisions to quarantine.

CREATE TYPE "FGQuarantineState" AS ENUM ('PROPOSED', 'ACTIVE', 'EXPIRED', 'DISMISSED', 'RESOLVED');

-- A repository as the detector sees it, whichever forge it lives on
CREATE TABLE "FGRepository" (
    "id" TEXT NOT NULL,
    "provider" TEXT NOT NULL DEFAULT 'github',
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "installationId" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGRepository_pkey" PRIMARY KEY ("id")
);

-- A test, known by its place in the repository; its occurrences are its runs
CREATE TABLE "FGTestCase" (
    "id" TEXT NOT NULL,
    "repoId" TEXT NOT NULL,
    "suite" TEXT NOT NULL,
    "className" TEXT,
    "name" TEXT NOT NULL,
    "file" TEXT,
    "ownerTeam" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGTestCase_pkey" PRIMARY KEY ("id")
);

-- Runs and their jobs
CREATE TABLE "FGWorkflowRun" (
    "id" TEXT NOT NULL,
    "repoId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "conclusion" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGWorkflowRun_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "FGJob" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "jobId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "conclusion" TEXT,
    "startedAt" TIMESTAMP(3),
    "completedAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGJob_pkey" PRIMARY KEY ("id")
);

-- One execution of a test in a run
CREATE TABLE "FGOccurrence" (
    "id" TEXT NOT NULL,
    "testId" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "jobId" TEXT,
    "status" TEXT NOT NULL,
    "durationMs" INTEGER,
    "failureMsgSignature" TEXT,
    "failureStackDigest" TEXT,
    "failureMessage" TEXT,
    "failureStackTrace" TEXT,
    "attempt" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "FGOccurrence_pkey" PRIMARY KEY ("id")
);

-- The current score of a test: one row each, so the test is the key
CREATE TABLE "FGFlakeScore" (
    "testId" TEXT NOT NULL,
    "score" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "windowN" INTEGER NOT NULL DEFAULT 50,
    "lastUpdatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGFlakeScore_pkey" PRIMARY KEY ("testId")
);

-- Failures that look alike, and the tests they were seen in
CREATE TABLE "FGFailureCluster" (
    "id" TEXT NOT NULL,
    "repoId" TEXT NOT NULL,
    "failureMsgSignature" TEXT NOT NULL,
    "failureStackDigest" TEXT,
    "testIds" TEXT[],
    "exampleMessage" TEXT,
    "exampleStackTrace" TEXT,
    "occurrenceCount" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGFailureCluster_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "_FGFailureClusterToFGTestCase" (
    "A" TEXT NOT NULL,
    "B" TEXT NOT NULL,

    CONSTRAINT "_FGFailureClusterToFGTestCase_AB_pkey" PRIMARY KEY ("A", "B")
);

-- What was decided about a flaky test, and where it is followed up
CREATE TABLE "FGQuarantineDecision" (
    "id" TEXT NOT NULL,
    "testId" TEXT NOT NULL,
    "state" "FGQuarantineState" NOT NULL DEFAULT 'PROPOSED',
    "rationale" TEXT NOT NULL,
    "byUser" TEXT,
    "until" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FGQuarantineDecision_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "FGIssueLink" (
    "id" TEXT NOT NULL,
    "testId" TEXT NOT NULL,
    "provider" TEXT NOT NULL DEFAULT 'github',
    "url" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "FGIssueLink_pkey" PRIMARY KEY ("id")
);

-- Uniqueness and look-ups

CREATE UNIQUE INDEX "FGRepository_provider_owner_name_key" ON "FGRepository"("provider", "owner", "name");
CREATE INDEX "FGRepository_installationId_idx" ON "FGRepository"("installationId");
CREATE INDEX "FGRepository_owner_idx" ON "FGRepository"("owner");
CREATE INDEX "FGRepository_provider_idx" ON "FGRepository"("provider");

CREATE UNIQUE INDEX "FGTestCase_repoId_suite_className_name_key" ON "FGTestCase"("repoId", "suite", "className", "name");
CREATE INDEX "FGTestCase_file_idx" ON "FGTestCase"("file");
CREATE INDEX "FGTestCase_ownerTeam_idx" ON "FGTestCase"("ownerTeam");
CREATE INDEX "FGTestCase_repoId_idx" ON "FGTestCase"("repoId");
CREATE INDEX "FGTestCase_repoId_suite_className_name_idx" ON "FGTestCase"("repoId", "suite", "className", "name");
CREATE INDEX "FGTestCase_suite_idx" ON "FGTestCase"("suite");

CREATE UNIQUE INDEX "FGWorkflowRun_repoId_runId_key" ON "FGWorkflowRun"("repoId", "runId");
CREATE INDEX "FGWorkflowRun_conclusion_idx" ON "FGWorkflowRun"("conclusion");
CREATE INDEX "FGWorkflowRun_createdAt_idx" ON "FGWorkflowRun"("createdAt");
CREATE INDEX "FGWorkflowRun_repoId_idx" ON "FGWorkflowRun"("repoId");
CREATE INDEX "FGWorkflowRun_status_idx" ON "FGWorkflowRun"("status");

CREATE UNIQUE INDEX "FGJob_runId_jobId_key" ON "FGJob"("runId", "jobId");
CREATE INDEX "FGJob_conclusion_idx" ON "FGJob"("conclusion");
CREATE INDEX "FGJob_runId_idx" ON "FGJob"("runId");
CREATE INDEX "FGJob_status_idx" ON "FGJob"("status");

CREATE UNIQUE INDEX "FGOccurrence_runId_testId_key" ON "FGOccurrence"("runId", "testId");
CREATE INDEX "FGOccurrence_createdAt_idx" ON "FGOccurrence"("createdAt");
CREATE INDEX "FGOccurrence_failureMsgSignature_testId_idx" ON "FGOccurrence"("failureMsgSignature", "testId");
CREATE INDEX "FGOccurrence_failureStackDigest_testId_idx" ON "FGOccurrence"("failureStackDigest", "testId");
CREATE INDEX "FGOccurrence_runId_idx" ON "FGOccurrence"("runId");
CREATE INDEX "FGOccurrence_status_idx" ON "FGOccurrence"("status");
CREATE INDEX "FGOccurrence_testId_createdAt_idx" ON "FGOccurrence"("testId", "createdAt");
CREATE INDEX "FGOccurrence_testId_idx" ON "FGOccurrence"("testId");
CREATE INDEX "FGOccurrence_testId_status_idx" ON "FGOccurrence"("testId", "status");

CREATE INDEX "FGFlakeScore_lastUpdatedAt_idx" ON "FGFlakeScore"("lastUpdatedAt");
CREATE INDEX "FGFlakeScore_score_idx" ON "FGFlakeScore"("score");

CREATE UNIQUE INDEX "FGFailureCluster_repoId_failureMsgSignature_key" ON "FGFailureCluster"("repoId", "failureMsgSignature");
CREATE INDEX "FGFailureCluster_createdAt_idx" ON "FGFailureCluster"("createdAt");
CREATE INDEX "FGFailureCluster_failureMsgSignature_repoId_idx" ON "FGFailureCluster"("failureMsgSignature", "repoId");
CREATE INDEX "FGFailureCluster_failureStackDigest_idx" ON "FGFailureCluster"("failureStackDigest");
CREATE INDEX "FGFailureCluster_occurrenceCount_idx" ON "FGFailureCluster"("occurrenceCount");

CREATE INDEX "_FGFailureClusterToFGTestCase_B_index" ON "_FGFailureClusterToFGTestCase"("B");

CREATE INDEX "FGQuarantineDecision_createdAt_idx" ON "FGQuarantineDecision"("createdAt");
CREATE INDEX "FGQuarantineDecision_state_idx" ON "FGQuarantineDecision"("state");
CREATE INDEX "FGQuarantineDecision_testId_idx" ON "FGQuarantineDecision"("testId");
CREATE INDEX "FGQuarantineDecision_until_idx" ON "FGQuarantineDecision"("until");

CREATE INDEX "FGIssueLink_createdAt_idx" ON "FGIssueLink"("createdAt");
CREATE INDEX "FGIssueLink_provider_idx" ON "FGIssueLink"("provider");
CREATE INDEX "FGIssueLink_testId_idx" ON "FGIssueLink"("testId");

-- References

ALTER TABLE "FGTestCase" ADD CONSTRAINT "FGTestCase_repoId_fkey" FOREIGN KEY ("repoId")
    REFERENCES "FGRepository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGWorkflowRun" ADD CONSTRAINT "FGWorkflowRun_repoId_fkey" FOREIGN KEY ("repoId")
    REFERENCES "FGRepository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGJob" ADD CONSTRAINT "FGJob_runId_fkey" FOREIGN KEY ("runId")
    REFERENCES "FGWorkflowRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGOccurrence" ADD CONSTRAINT "FGOccurrence_jobId_fkey" FOREIGN KEY ("jobId")
    REFERENCES "FGJob"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "FGOccurrence" ADD CONSTRAINT "FGOccurrence_runId_fkey" FOREIGN KEY ("runId")
    REFERENCES "FGWorkflowRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGOccurrence" ADD CONSTRAINT "FGOccurrence_testId_fkey" FOREIGN KEY ("testId")
    REFERENCES "FGTestCase"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGFlakeScore" ADD CONSTRAINT "FGFlakeScore_testId_fkey" FOREIGN KEY ("testId")
    REFERENCES "FGTestCase"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGFailureCluster" ADD CONSTRAINT "FGFailureCluster_repoId_fkey" FOREIGN KEY ("repoId")
    REFERENCES "FGRepository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_FGFailureClusterToFGTestCase" ADD CONSTRAINT "_FGFailureClusterToFGTestCase_A_fkey" FOREIGN KEY ("A")
    REFERENCES "FGFailureCluster"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_FGFailureClusterToFGTestCase" ADD CONSTRAINT "_FGFailureClusterToFGTestCase_B_fkey" FOREIGN KEY ("B")
    REFERENCES "FGTestCase"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGQuarantineDecision" ADD CONSTRAINT "FGQuarantineDecision_testId_fkey" FOREIGN KEY ("testId")
    REFERENCES "FGTestCase"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FGIssueLink" ADD CONSTRAINT "FGIssueLink_testId_fkey" FOREIGN KEY ("testId")
    REFERENCES "FGTestCase"("id") ON DELETE CASCADE ON UPDATE CASCADE;
