-- Run by hand on staging on 2024-08-26, before there were migrations for it.

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

ALTER TABLE "Installation" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "Repository" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "WorkflowRun" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "CheckRun" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "TestSuite" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "TestResult" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';
ALTER TABLE "FlakeDetection" ADD COLUMN "orgId" TEXT NOT NULL DEFAULT 'temp';

ALTER TABLE "FGFlakeScore" DROP CONSTRAINT "FGFlakeScore_pkey";
ALTER TABLE "FGFlakeScore" ADD COLUMN "id" TEXT NOT NULL;
ALTER TABLE "FGFlakeScore" ADD CONSTRAINT "FGFlakeScore_pkey" PRIMARY KEY ("id");
