"""postgres-migrations, with which Supabase's storage migrates itself: its ledger is known. Source:
thomwright/postgres-migrations, migrations/0_create-migrations-table.sql."""

from ...catalog.ledgers import Shape
from ..tool import Tool

TOOL = Tool(
    "postgres-migrations",
    "postgres-migrations",
    companions=(
        Shape(
            "executed_at:time id:int! name:varchar(100)! hash:varchar(40)!", key="id", names="^migrations$"
        ),
    ),
)
