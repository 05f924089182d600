-- Organizations: every customer's rows carry its id from here on, in "orgId".

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

-- "orgId" on the tables there are. Nullable first, filled next, required last, so that no row ever
-- carries a made-up organization.

ALTER TABLE "Task" ADD COLUMN "orgId" TEXT;
ALTER TABLE "Installation" ADD COLUMN "orgId" TEXT;
ALTER TABLE "Repository" ADD COLUMN "orgId" TEXT;
ALTER TABLE "WorkflowRun" ADD COLUMN "orgId" TEXT;
ALTER TABLE "CheckRun" ADD COLUMN "orgId" TEXT;
ALTER TABLE "TestSuite" ADD COLUMN "orgId" TEXT;
ALTER TABLE "TestResult" ADD COLUMN "orgId" TEXT;
ALTER TABLE "FlakeDetection" ADD COLUMN "orgId" TEXT;

-- Until now the account that installed the app was the customer.
INSERT INTO "Organization" ("id", "name", "slug", "githubLogin", "updatedAt")
SELECT 'org_' || "accountId", min("accountLogin"), lower(min("accountLogin")), min("accountLogin"), CURRENT_TIMESTAMP
FROM "Installation"
GROUP BY "accountId";

UPDATE "Installation" SET "orgId" = 'org_' || "accountId";

UPDATE "Repository" AS repository SET "orgId" = installation."orgId"
FROM "Installation" AS installation
WHERE installation."id" = repository."installationId";

UPDATE "WorkflowRun" AS run SET "orgId" = repository."orgId"
FROM "Repository" AS repository
WHERE repository."id" = run."repositoryId";

UPDATE "CheckRun" AS check_run SET "orgId" = repository."orgId"
FROM "Repository" AS repository
WHERE repository."id" = check_run."repositoryId";

UPDATE "TestSuite" AS suite SET "orgId" = repository."orgId"
FROM "Repository" AS repository
WHERE repository."id" = suite."repositoryId";

UPDATE "TestResult" AS result SET "orgId" = repository."orgId"
FROM "Repository" AS repository
WHERE repository."id" = result."repositoryId";

UPDATE "FlakeDetection" AS detection SET "orgId" = repository."orgId"
FROM "Repository" AS repository
WHERE repository."id" = detection."repositoryId";

ALTER TABLE "Installation" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "Repository" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "WorkflowRun" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "CheckRun" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "TestSuite" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "TestResult" ALTER COLUMN "orgId" SET NOT NULL;
ALTER TABLE "FlakeDetection" ALTER COLUMN "orgId" SET NOT NULL;

-- A task is its user's, and may be an organization's: its "orgId" stays optional.
CREATE INDEX "Task_orgId_idx" ON "Task"("orgId");

CREATE INDEX "Installation_orgId_idx" ON "Installation"("orgId");

CREATE INDEX "Repository_orgId_fullName_idx" ON "Repository"("orgId", "fullName");
CREATE INDEX "Repository_orgId_idx" ON "Repository"("orgId");

CREATE INDEX "WorkflowRun_orgId_idx" ON "WorkflowRun"("orgId");

CREATE INDEX "CheckRun_orgId_idx" ON "CheckRun"("orgId");

CREATE INDEX "TestSuite_orgId_idx" ON "TestSuite"("orgId");

CREATE INDEX "TestResult_orgId_idx" ON "TestResult"("orgId");
CREATE INDEX "TestResult_orgId_status_idx" ON "TestResult"("orgId", "status");

CREATE INDEX "FlakeDetection_orgId_idx" ON "FlakeDetection"("orgId");
CREATE INDEX "FlakeDetection_orgId_isFlaky_idx" ON "FlakeDetection"("orgId", "isFlaky");

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
