-- Settles what the two migrations before left open: three unique keys that still forgot the
-- organization, the indexes that its queries need, and row-level security on every tenant table.

-- Two organizations may test the same public repository: what is unique, is so in one of them.

DROP INDEX "TestSuite_repositoryId_name_runId_key";
CREATE UNIQUE INDEX "TestSuite_orgId_repositoryId_name_runId_key" ON "TestSuite"("orgId", "repositoryId", "name", "runId");
DROP INDEX "TestResult_repositoryId_testFullName_file_suite_key";
CREATE UNIQUE INDEX "TestResult_orgId_repositoryId_testFullName_file_suite_key" ON "TestResult"("orgId", "repositoryId", "testFullName", "file", "suite");
DROP INDEX "FlakeDetection_testName_repositoryId_key";
CREATE UNIQUE INDEX "FlakeDetection_orgId_testName_repositoryId_key" ON "FlakeDetection"("orgId", "testName", "repositoryId");

-- Lists are always of one organization, and mostly of one of its repositories.

CREATE INDEX "WorkflowRun_orgId_repositoryId_idx" ON "WorkflowRun"("orgId", "repositoryId");
CREATE INDEX "CheckRun_orgId_repositoryId_idx" ON "CheckRun"("orgId", "repositoryId");
CREATE INDEX "TestSuite_orgId_repositoryId_idx" ON "TestSuite"("orgId", "repositoryId");
CREATE INDEX "TestResult_orgId_repositoryId_idx" ON "TestResult"("orgId", "repositoryId");
CREATE INDEX "FlakeDetection_orgId_repositoryId_idx" ON "FlakeDetection"("orgId", "repositoryId");

-- The role that the application connects as. It owns nothing, so no policy is optional for it; its
-- password is set outside of the migrations. Several databases of one server may share it.

DO $$
BEGIN
    CREATE ROLE "flakeguard_app" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

GRANT USAGE ON SCHEMA "public" TO "flakeguard_app";

GRANT SELECT, INSERT, UPDATE, DELETE ON
    "CheckRun",
    "FGFailureCluster",
    "FGFlakeScore",
    "FGOccurrence",
    "FGQuarantineDecision",
    "FGRepository",
    "FGTestCase",
    "FGWorkflowRun",
    "FlakeDetection",
    "Installation",
    "OrganizationUser",
    "Repository",
    "Subscription",
    "Task",
    "TestResult",
    "TestSuite",
    "UsageMetric",
    "WorkflowRun",
    "WorkflowJob",
    "Artifact",
    "FGJob",
    "FGIssueLink",
    "_FGFailureClusterToFGTestCase"
TO "flakeguard_app";

-- Organizations are opened and closed by the operators; the audit log is only ever added to; users
-- and the ingestion queue are shared.
GRANT SELECT, UPDATE ON "Organization" TO "flakeguard_app";
GRANT SELECT, INSERT ON "AuditLog" TO "flakeguard_app";
GRANT SELECT, INSERT, UPDATE ON "User", "IngestionJob" TO "flakeguard_app";

-- Row-level security. The application says whose request it serves at the start of each transaction:
-- SELECT set_config('app.current_tenant_id', '<organization>', true). Without it no row is visible.
-- FORCE holds the owner to it too.

ALTER TABLE "Organization" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Organization" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Organization_tenant_isolation" ON "Organization" TO "flakeguard_app"
    USING ("id" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("id" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "AuditLog" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "AuditLog" FORCE ROW LEVEL SECURITY;
CREATE POLICY "AuditLog_tenant_isolation" ON "AuditLog" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "CheckRun" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "CheckRun" FORCE ROW LEVEL SECURITY;
CREATE POLICY "CheckRun_tenant_isolation" ON "CheckRun" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGFailureCluster" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGFailureCluster" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGFailureCluster_tenant_isolation" ON "FGFailureCluster" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGFlakeScore" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGFlakeScore" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGFlakeScore_tenant_isolation" ON "FGFlakeScore" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGOccurrence" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGOccurrence" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGOccurrence_tenant_isolation" ON "FGOccurrence" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGQuarantineDecision" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGQuarantineDecision" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGQuarantineDecision_tenant_isolation" ON "FGQuarantineDecision" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGRepository" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGRepository" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGRepository_tenant_isolation" ON "FGRepository" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGTestCase" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGTestCase" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGTestCase_tenant_isolation" ON "FGTestCase" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FGWorkflowRun" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGWorkflowRun" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGWorkflowRun_tenant_isolation" ON "FGWorkflowRun" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "FlakeDetection" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FlakeDetection" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FlakeDetection_tenant_isolation" ON "FlakeDetection" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "Installation" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Installation" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Installation_tenant_isolation" ON "Installation" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "OrganizationUser" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "OrganizationUser" FORCE ROW LEVEL SECURITY;
CREATE POLICY "OrganizationUser_tenant_isolation" ON "OrganizationUser" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "Repository" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Repository" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Repository_tenant_isolation" ON "Repository" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "Subscription" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Subscription" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Subscription_tenant_isolation" ON "Subscription" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "Task" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Task" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Task_tenant_isolation" ON "Task" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "TestResult" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "TestResult" FORCE ROW LEVEL SECURITY;
CREATE POLICY "TestResult_tenant_isolation" ON "TestResult" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "TestSuite" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "TestSuite" FORCE ROW LEVEL SECURITY;
CREATE POLICY "TestSuite_tenant_isolation" ON "TestSuite" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "UsageMetric" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "UsageMetric" FORCE ROW LEVEL SECURITY;
CREATE POLICY "UsageMetric_tenant_isolation" ON "UsageMetric" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

ALTER TABLE "WorkflowRun" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "WorkflowRun" FORCE ROW LEVEL SECURITY;
CREATE POLICY "WorkflowRun_tenant_isolation" ON "WorkflowRun" TO "flakeguard_app"
    USING ("orgId" = (SELECT current_setting('app.current_tenant_id', true)))
    WITH CHECK ("orgId" = (SELECT current_setting('app.current_tenant_id', true)));

-- Tables without an "orgId": a row is its parent's organization's.

ALTER TABLE "WorkflowJob" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "WorkflowJob" FORCE ROW LEVEL SECURITY;
CREATE POLICY "WorkflowJob_tenant_isolation" ON "WorkflowJob" TO "flakeguard_app"
    USING (EXISTS (
        SELECT 1 FROM "WorkflowRun" AS run
        WHERE run."id" = "WorkflowJob"."workflowRunId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ))
    WITH CHECK (EXISTS (
        SELECT 1 FROM "WorkflowRun" AS run
        WHERE run."id" = "WorkflowJob"."workflowRunId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ));

ALTER TABLE "Artifact" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Artifact" FORCE ROW LEVEL SECURITY;
CREATE POLICY "Artifact_tenant_isolation" ON "Artifact" TO "flakeguard_app"
    USING (EXISTS (
        SELECT 1 FROM "WorkflowRun" AS run
        WHERE run."id" = "Artifact"."workflowRunId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ))
    WITH CHECK (EXISTS (
        SELECT 1 FROM "WorkflowRun" AS run
        WHERE run."id" = "Artifact"."workflowRunId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ));

ALTER TABLE "FGJob" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGJob" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGJob_tenant_isolation" ON "FGJob" TO "flakeguard_app"
    USING (EXISTS (
        SELECT 1 FROM "FGWorkflowRun" AS run
        WHERE run."id" = "FGJob"."runId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ))
    WITH CHECK (EXISTS (
        SELECT 1 FROM "FGWorkflowRun" AS run
        WHERE run."id" = "FGJob"."runId"
          AND run."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ));

ALTER TABLE "FGIssueLink" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "FGIssueLink" FORCE ROW LEVEL SECURITY;
CREATE POLICY "FGIssueLink_tenant_isolation" ON "FGIssueLink" TO "flakeguard_app"
    USING (EXISTS (
        SELECT 1 FROM "FGTestCase" AS test
        WHERE test."id" = "FGIssueLink"."testId"
          AND test."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ))
    WITH CHECK (EXISTS (
        SELECT 1 FROM "FGTestCase" AS test
        WHERE test."id" = "FGIssueLink"."testId"
          AND test."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ));

ALTER TABLE "_FGFailureClusterToFGTestCase" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "_FGFailureClusterToFGTestCase" FORCE ROW LEVEL SECURITY;
CREATE POLICY "_FGFailureClusterToFGTestCase_tenant_isolation" ON "_FGFailureClusterToFGTestCase" TO "flakeguard_app"
    USING (EXISTS (
        SELECT 1 FROM "FGFailureCluster" AS cluster
        WHERE cluster."id" = "_FGFailureClusterToFGTestCase"."A"
          AND cluster."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ) AND EXISTS (
        SELECT 1 FROM "FGTestCase" AS test
        WHERE test."id" = "_FGFailureClusterToFGTestCase"."B"
          AND test."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ))
    WITH CHECK (EXISTS (
        SELECT 1 FROM "FGFailureCluster" AS cluster
        WHERE cluster."id" = "_FGFailureClusterToFGTestCase"."A"
          AND cluster."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ) AND EXISTS (
        SELECT 1 FROM "FGTestCase" AS test
        WHERE test."id" = "_FGFailureClusterToFGTestCase"."B"
          AND test."orgId" = (SELECT current_setting('app.current_tenant_id', true))
    ));
