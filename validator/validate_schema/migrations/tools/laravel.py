"""Laravel: its ledger is known, its migrations are programs that are not read. Source: laravel/framework,
DatabaseMigrationRepository.php."""

from ...catalog.ledgers import Shape
from ..tool import Tool

TOOL = Tool(
    "laravel",
    "Laravel",
    companions=(Shape("batch:int4! id:int! migration:varchar(255)!", key="id", names="^migrations$"),),
)
