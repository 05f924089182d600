"""db-migrate: its ledger is known. Source: db-migrate-base, index.js."""

from ...catalog.ledgers import Shape
from ..tool import Tool

TOOL = Tool(
    "db-migrate",
    "db-migrate",
    companions=(Shape("run_on:time! id:int! name:varchar(255)!", key="id", names="^migrations$"),),
)
