-- Users and their tasks, the GitHub app's own tables, and a first, flat form of test results.
-- One installation was one customer then: nothing here knows of organizations.

CREATE TYPE "TaskStatus" AS ENUM ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED');
CREATE TYPE "Priority" AS ENUM ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL');

-- Users and tasks

CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT,
    "githubId" INTEGER,
    "avatar" TEXT,
    "role" TEXT NOT NULL DEFAULT 'user',
    "status" TEXT NOT NULL DEFAULT 'active',
    "lastLoginAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Task" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "description" TEXT,
    "status" "TaskStatus" NOT NULL DEFAULT 'PENDING',
    "priority" "Priority" NOT NULL DEFAULT 'MEDIUM',
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Task_pkey" PRIMARY KEY ("id")
);

-- What the GitHub app is told by webhooks. githubId is GitHub's own number, unique over all of GitHub.

CREATE TABLE "Installation" (
    "id" TEXT NOT NULL,
    "githubInstallationId" INTEGER NOT NULL,
    "accountLogin" TEXT NOT NULL,
    "accountId" INTEGER NOT NULL,
    "accountType" TEXT NOT NULL,
    "repositorySelection" TEXT NOT NULL DEFAULT 'selected',
    "permissions" JSONB NOT NULL DEFAULT '{}',
    "events" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "syncStatus" TEXT NOT NULL DEFAULT 'active',
    "lastSyncAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "suspendedAt" TIMESTAMP(3),

    CONSTRAINT "Installation_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Repository" (
    "id" TEXT NOT NULL,
    "githubId" INTEGER NOT NULL,
    "nodeId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "fullName" TEXT NOT NULL,
    "owner" TEXT NOT NULL,
    "private" BOOLEAN NOT NULL DEFAULT false,
    "defaultBranch" TEXT NOT NULL DEFAULT 'main',
    "installationId" TEXT NOT NULL,
    "isActive" BOOLEAN NOT NULL DEFAULT true,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Repository_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "WorkflowRun" (
    "id" TEXT NOT NULL,
    "githubId" INTEGER NOT NULL,
    "name" TEXT,
    "headBranch" TEXT NOT NULL,
    "headSha" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "conclusion" TEXT,
    "workflowId" INTEGER NOT NULL,
    "workflowName" TEXT NOT NULL,
    "repositoryId" TEXT NOT NULL,
    "installationId" TEXT NOT NULL,
    "runStartedAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "WorkflowRun_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "WorkflowJob" (
    "id" TEXT NOT NULL,
    "githubId" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "conclusion" TEXT,
    "workflowRunId" TEXT NOT NULL,
    "startedAt" TIMESTAMP(3),
    "completedAt" TIMESTAMP(3),
    "steps" JSONB NOT NULL DEFAULT '[]',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "WorkflowJob_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Artifact" (
    "id" TEXT NOT NULL,
    "githubId" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "sizeInBytes" INTEGER NOT NULL,
    "url" TEXT NOT NULL,
    "archiveDownloadUrl" TEXT NOT NULL,
    "expired" BOOLEAN NOT NULL DEFAULT false,
    "workflowRunId" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,
    "expiresAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Artifact_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "CheckRun" (
    "id" TEXT NOT NULL,
    "githubId" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "headSha" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "conclusion" TEXT,
    "startedAt" TIMESTAMP(3),
    "completedAt" TIMESTAMP(3),
    "repositoryId" TEXT NOT NULL,
    "installationId" TEXT NOT NULL,
    "workflowRunId" TEXT,
    "output" JSONB NOT NULL DEFAULT '{}',
    "actions" JSONB NOT NULL DEFAULT '[]',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "CheckRun_pkey" PRIMARY KEY ("id")
);

-- Test results, and what the detector made of them

CREATE TABLE "TestResult" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "suite" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "time" DOUBLE PRECISION NOT NULL,
    "message" TEXT,
    "stack" TEXT,
    "runId" TEXT NOT NULL,
    "repositoryId" TEXT NOT NULL,
    "checkRunId" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "TestResult_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "FlakeDetection" (
    "id" TEXT NOT NULL,
    "testName" TEXT NOT NULL,
    "repositoryId" TEXT NOT NULL,
    "installationId" TEXT NOT NULL,
    "checkRunId" TEXT,
    "testResultId" TEXT,
    "isFlaky" BOOLEAN NOT NULL DEFAULT false,
    "confidence" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "failurePattern" TEXT,
    "historicalFailures" INTEGER NOT NULL DEFAULT 0,
    "totalRuns" INTEGER NOT NULL DEFAULT 0,
    "failureRate" DOUBLE PRECISION NOT NULL DEFAULT 0.0,
    "lastFailureAt" TIMESTAMP(3),
    "suggestedAction" TEXT,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FlakeDetection_pkey" PRIMARY KEY ("id")
);

-- Uniqueness and look-ups

CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE UNIQUE INDEX "User_githubId_key" ON "User"("githubId");
CREATE INDEX "User_githubId_idx" ON "User"("githubId");
CREATE INDEX "User_role_idx" ON "User"("role");
CREATE INDEX "User_status_idx" ON "User"("status");

CREATE INDEX "Task_status_idx" ON "Task"("status");
CREATE INDEX "Task_userId_idx" ON "Task"("userId");

CREATE UNIQUE INDEX "Installation_githubInstallationId_key" ON "Installation"("githubInstallationId");
CREATE INDEX "Installation_accountLogin_idx" ON "Installation"("accountLogin");
CREATE INDEX "Installation_githubInstallationId_idx" ON "Installation"("githubInstallationId");
CREATE INDEX "Installation_syncStatus_idx" ON "Installation"("syncStatus");

CREATE UNIQUE INDEX "Repository_githubId_key" ON "Repository"("githubId");
CREATE INDEX "Repository_fullName_idx" ON "Repository"("fullName");
CREATE INDEX "Repository_githubId_idx" ON "Repository"("githubId");
CREATE INDEX "Repository_installationId_idx" ON "Repository"("installationId");

CREATE UNIQUE INDEX "WorkflowRun_githubId_key" ON "WorkflowRun"("githubId");
CREATE INDEX "WorkflowRun_conclusion_idx" ON "WorkflowRun"("conclusion");
CREATE INDEX "WorkflowRun_githubId_idx" ON "WorkflowRun"("githubId");
CREATE INDEX "WorkflowRun_repositoryId_idx" ON "WorkflowRun"("repositoryId");
CREATE INDEX "WorkflowRun_status_idx" ON "WorkflowRun"("status");
CREATE INDEX "WorkflowRun_workflowId_idx" ON "WorkflowRun"("workflowId");

CREATE UNIQUE INDEX "WorkflowJob_githubId_key" ON "WorkflowJob"("githubId");
CREATE INDEX "WorkflowJob_conclusion_idx" ON "WorkflowJob"("conclusion");
CREATE INDEX "WorkflowJob_githubId_idx" ON "WorkflowJob"("githubId");
CREATE INDEX "WorkflowJob_status_idx" ON "WorkflowJob"("status");
CREATE INDEX "WorkflowJob_workflowRunId_idx" ON "WorkflowJob"("workflowRunId");

CREATE UNIQUE INDEX "Artifact_githubId_key" ON "Artifact"("githubId");
CREATE INDEX "Artifact_expired_idx" ON "Artifact"("expired");
CREATE INDEX "Artifact_githubId_idx" ON "Artifact"("githubId");
CREATE INDEX "Artifact_type_idx" ON "Artifact"("type");
CREATE INDEX "Artifact_workflowRunId_idx" ON "Artifact"("workflowRunId");

CREATE UNIQUE INDEX "CheckRun_githubId_key" ON "CheckRun"("githubId");
CREATE INDEX "CheckRun_conclusion_idx" ON "CheckRun"("conclusion");
CREATE INDEX "CheckRun_githubId_idx" ON "CheckRun"("githubId");
CREATE INDEX "CheckRun_headSha_idx" ON "CheckRun"("headSha");
CREATE INDEX "CheckRun_repositoryId_idx" ON "CheckRun"("repositoryId");
CREATE INDEX "CheckRun_status_idx" ON "CheckRun"("status");
CREATE INDEX "CheckRun_workflowRunId_idx" ON "CheckRun"("workflowRunId");

CREATE INDEX "TestResult_checkRunId_idx" ON "TestResult"("checkRunId");
CREATE INDEX "TestResult_createdAt_idx" ON "TestResult"("createdAt");
CREATE INDEX "TestResult_name_idx" ON "TestResult"("name");
CREATE INDEX "TestResult_repositoryId_idx" ON "TestResult"("repositoryId");
CREATE INDEX "TestResult_repositoryId_runId_idx" ON "TestResult"("repositoryId", "runId");
CREATE INDEX "TestResult_repositoryId_status_idx" ON "TestResult"("repositoryId", "status");
CREATE INDEX "TestResult_repositoryId_suite_idx" ON "TestResult"("repositoryId", "suite");
CREATE INDEX "TestResult_runId_idx" ON "TestResult"("runId");
CREATE INDEX "TestResult_status_idx" ON "TestResult"("status");
CREATE INDEX "TestResult_suite_idx" ON "TestResult"("suite");

CREATE UNIQUE INDEX "FlakeDetection_testName_repositoryId_key" ON "FlakeDetection"("testName", "repositoryId");
CREATE INDEX "FlakeDetection_confidence_idx" ON "FlakeDetection"("confidence");
CREATE INDEX "FlakeDetection_isFlaky_idx" ON "FlakeDetection"("isFlaky");
CREATE INDEX "FlakeDetection_repositoryId_idx" ON "FlakeDetection"("repositoryId");
CREATE INDEX "FlakeDetection_status_idx" ON "FlakeDetection"("status");
CREATE INDEX "FlakeDetection_testName_idx" ON "FlakeDetection"("testName");

-- References

ALTER TABLE "Task" ADD CONSTRAINT "Task_userId_fkey" FOREIGN KEY ("userId")
    REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Repository" ADD CONSTRAINT "Repository_installationId_fkey" FOREIGN KEY ("installationId")
    REFERENCES "Installation"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WorkflowRun" ADD CONSTRAINT "WorkflowRun_installationId_fkey" FOREIGN KEY ("installationId")
    REFERENCES "Installation"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WorkflowRun" ADD CONSTRAINT "WorkflowRun_repositoryId_fkey" FOREIGN KEY ("repositoryId")
    REFERENCES "Repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "WorkflowJob" ADD CONSTRAINT "WorkflowJob_workflowRunId_fkey" FOREIGN KEY ("workflowRunId")
    REFERENCES "WorkflowRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Artifact" ADD CONSTRAINT "Artifact_workflowRunId_fkey" FOREIGN KEY ("workflowRunId")
    REFERENCES "WorkflowRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CheckRun" ADD CONSTRAINT "CheckRun_installationId_fkey" FOREIGN KEY ("installationId")
    REFERENCES "Installation"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CheckRun" ADD CONSTRAINT "CheckRun_repositoryId_fkey" FOREIGN KEY ("repositoryId")
    REFERENCES "Repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CheckRun" ADD CONSTRAINT "CheckRun_workflowRunId_fkey" FOREIGN KEY ("workflowRunId")
    REFERENCES "WorkflowRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "TestResult" ADD CONSTRAINT "TestResult_checkRunId_fkey" FOREIGN KEY ("checkRunId")
    REFERENCES "CheckRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "TestResult" ADD CONSTRAINT "TestResult_repositoryId_fkey" FOREIGN KEY ("repositoryId")
    REFERENCES "Repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FlakeDetection" ADD CONSTRAINT "FlakeDetection_checkRunId_fkey" FOREIGN KEY ("checkRunId")
    REFERENCES "CheckRun"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "FlakeDetection" ADD CONSTRAINT "FlakeDetection_installationId_fkey" FOREIGN KEY ("installationId")
    REFERENCES "Installation"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FlakeDetection" ADD CONSTRAINT "FlakeDetection_repositoryId_fkey" FOREIGN KEY ("repositoryId")
    REFERENCES "Repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "FlakeDetection" ADD CONSTRAINT "FlakeDetection_testResultId_fkey" FOREIGN KEY ("testResultId")
    REFERENCES "TestResult"("id") ON DELETE SET NULL ON UPDATE CASCADE;
