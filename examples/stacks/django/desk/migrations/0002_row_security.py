from django.db import migrations

ROLE = """
DO $$ BEGIN
    CREATE ROLE desk_app;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
"""
POLICY = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON {table} USING ({column} = nullif(current_setting('app.organization_id', true), '')::bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("desk", "0001_initial")]
    operations = [
        migrations.RunSQL(ROLE, migrations.RunSQL.noop),
        migrations.RunSQL("GRANT SELECT ON desk_organization TO desk_app", migrations.RunSQL.noop),
        migrations.RunSQL(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON desk_project, desk_task TO desk_app",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(POLICY.format(table="desk_organization", column="id"), migrations.RunSQL.noop),
        migrations.RunSQL(
            POLICY.format(table="desk_project", column="organization_id"), migrations.RunSQL.noop
        ),
    ]
