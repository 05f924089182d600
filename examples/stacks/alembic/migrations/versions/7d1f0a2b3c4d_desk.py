"""The desk: organizations, their projects and tasks."""

import sqlalchemy as sa
from alembic import op

revision = "7d1f0a2b3c4d"
down_revision = None

ROLE = """
DO $$ BEGIN
    CREATE ROLE desk_app;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "organization",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "organization_id",
            sa.Uuid,
            sa.ForeignKey("organization.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("key", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column(
            "organization_id",
            sa.Uuid,
            sa.ForeignKey("organization.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("project_id", sa.Uuid, sa.ForeignKey("project.id", ondelete="CASCADE"), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("import_id", sa.Text, nullable=False, unique=True),
    )
    op.execute(ROLE)
    op.execute("GRANT SELECT ON organization TO desk_app")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON project, task TO desk_app")
    for table, column in (("organization", "id"), ("project", "organization_id")):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own ON {table}"
            f" USING ({column} = nullif(current_setting('app.organization_id', true), '')::uuid)"
        )


def downgrade() -> None:
    op.drop_table("task")
    op.drop_table("project")
    op.drop_table("organization")
