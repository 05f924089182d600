-- Organizations, and "orgId" everywhere. The default only lets the column be NOT NULL at once.

CREATE TABLE "Organization" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "githubLogin" TEXT,
    "domain" TEXT,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "plan" TEXT NOT NULL DEFAULT 'free',
    "status" TEXT NOT NULL DEFAULT 'active',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Organization_pkey" PRIMARY KEY ("id")
);

-- Who belongs to it, and as what
CREATE TABLE "OrganizationUser" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "role" TEXT NOT NULL DEFAULT 'member',
    "status" TEXT NOT NULL DEFAULT 'active',
    "joinedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "OrganizationUser_pkey" PRIMARY KEY ("id")
);

-- What it pays for, what it did, what it used
CREATE TABLE "Subscription" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "plan" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "currentPeriodStart" TIMESTAMP(3) NOT NULL,
    "currentPeriodEnd" TIMESTAMP(3) NOT NULL,
    "cancelAt" TIMESTAMP(3),
    "cancelAtPeriodEnd" BOOLEAN NOT NULL DEFAULT false,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Subscription_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "AuditLog" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "userId" TEXT,
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "resourceId" TEXT,
    "details" JSONB NOT NULL DEFAULT '{}',
    "ipAddress" TEXT,
    "userAgent" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AuditLog_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "UsageMetric" (
    "id" TEXT NOT NULL,
    "orgId" TEXT NOT NULL,
    "metricType" TEXT NOT NULL,
    "value" INTEGER NOT NULL DEFAULT 0,
    "period" TEXT NOT NULL,
    "date" TIMESTAMP(3) NOT NULL,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "UsageMetric_pkey" PRIMARY KEY ("id")
);

-- Uniqueness and look-ups

CREATE UNIQUE INDEX "Organization_slug_key" ON "Organization"("slug");
CREATE INDEX "Organization_domain_idx" ON "Organization"("domain");
CREATE INDEX "Organization_githubLogin_idx" ON "Organization"("githubLogin");
CREATE INDEX "Organization_plan_idx" ON "Organization"("plan");
CREATE INDEX "Organization_status_idx" ON "Organization"("status");

CREATE UNIQUE INDEX "OrganizationUser_orgId_userId_key" ON "OrganizationUser"("orgId", "userId");
CREATE INDEX "OrganizationUser_orgId_idx" ON "OrganizationUser"("orgId");
CREATE INDEX "OrganizationUser_role_idx" ON "OrganizationUser"("role");
CREATE INDEX "OrganizationUser_userId_idx" ON "OrganizationUser"("userId");

CREATE INDEX "Subscription_currentPeriodEnd_idx" ON "Subscription"("currentPeriodEnd");
CREATE INDEX "Subscription_orgId_idx" ON "Subscription"("orgId");
CREATE INDEX "Subscription_status_idx" ON "Subscription"("status");

CREATE INDEX "AuditLog_action_idx" ON "AuditLog"("action");
CREATE INDEX "AuditLog_createdAt_idx" ON "AuditLog"("createdAt");
CREATE INDEX "AuditLog_orgId_idx" ON "AuditLog"("orgId");
CREATE INDEX "AuditLog_resource_idx" ON "AuditLog"("resource");
CREATE INDEX "AuditLog_userId_idx" ON "AuditLog"("userId");

CREATE UNIQUE INDEX "UsageMetric_orgId_metricType_period_date_key" ON "UsageMetric"("orgId", "metricType", "period", "date");
CREATE INDEX "UsageMetric_date_idx" ON "UsageMetric"("date");
CREATE INDEX "UsageMetric_metricType_idx" ON "UsageMetric"("metricType");
CREATE INDEX "UsageMetric_orgId_idx" ON "UsageMetric"("orgId");

-- References

ALTER TABLE "OrganizationUser" ADD CONSTRAINT "OrganizationUser_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "OrganizationUser" ADD CONSTRAINT "OrganizationUser_userId_fkey" FOREIGN KEY ("userId")
    REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Subscription" ADD CONSTRAINT "Subscription_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "AuditLog" ADD CONSTRAINT "AuditLog_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "AuditLog" ADD CONSTRAINT "AuditLog_userId_fkey" FOREIGN KEY ("userId")
    REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "UsageMetric" ADD CONSTRAINT "UsageMetric_orgId_fkey" FOREIGN KEY ("orgId")
    REFERENCES "Organization"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- "orgId" on the GitHub tables and on FlakeGuard's own

ALTER TABLE "Task" ADD COLUMN "orgId" TEXT;
ALTER TABLE "Installation" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "Repository" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "WorkflowRun" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "CheckRun" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "TestSuite" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "TestResult" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FlakeDetection" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGRepository" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGTestCase" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGWorkflowRun" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGOccurrence" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGFlakeScore" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGFailureCluster" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FGQuarantineDecision" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';

CREATE INDEX "Task_orgId_idx" ON "Task"("orgId");
CREATE INDEX "Installation_orgId_idx" ON "Installation"("orgId");
CREATE INDEX "Repository_orgId_idx" ON "Repository"("orgId");
CREATE INDEX "WorkflowRun_orgId_idx" ON "WorkflowRun"("orgId");
CREATE INDEX "CheckRun_orgId_idx" ON "CheckRun"("orgId");
CREATE INDEX "TestSuite_orgId_idx" ON "TestSuite"("orgId");
CREATE INDEX "TestResult_orgId_idx" ON "TestResult"("orgId");
CREATE INDEX "FlakeDetection_orgId_idx" ON "FlakeDetection"("orgId");
CREATE INDEX "FGRepository_orgId_idx" ON "FGRepository"("orgId");
CREATE INDEX "FGTestCase_orgId_idx" ON "FGTestCase"("orgId");
CREATE INDEX "FGWorkflowRun_orgId_idx" ON "FGWorkflowRun"("orgId");
CREATE INDEX "FGOccurrence_orgId_idx" ON "FGOccurrence"("orgId");
CREATE INDEX "FGFlakeScore_orgId_idx" ON "FGFlakeScore"("orgId");
CREATE INDEX "FGFailureCluster_orgId_idx" ON "FGFailureCluster"("orgId");
CREATE INDEX "FGQuarantineDecision_orgId_idx" ON "FGQuarantineDecision"("orgId");

-- A score is an organization's
ALTER TABLE "FGFlakeScore" DROP CONSTRAINT "FGFlakeScore_pkey";
ALTER TABLE "FGFlakeScore" ADD CONSTRAINT "FGFlakeScore_pkey" PRIMARY KEY ("orgId", "testId");
