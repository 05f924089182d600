"""The yardstick: fetch the rows that the product reads, and do nothing with them."""

import importlib.util
import sys
from pathlib import Path

import psycopg

QUERIES = Path(__file__).parents[1] / "validator/validate_schema/catalog/queries"


def main(conninfo: str) -> None:
    """Fetch every catalog row in one transaction. The queries' module is loaded by path, so that
    nothing else of the product is imported and paid for."""
    spec = importlib.util.spec_from_file_location(
        "queries", QUERIES / "__init__.py", submodule_search_locations=[str(QUERIES)]
    )
    if spec is None or spec.loader is None:
        raise SystemExit(f"{QUERIES} is missing")
    module = sys.modules["queries"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with psycopg.connect(conninfo) as conn, conn.cursor() as cursor:
        cursor.execute("set search_path = pg_catalog")
        for query in module.queries(conn.info.server_version):
            cursor.execute(query.sql).fetchall()


if __name__ == "__main__":
    main(sys.argv[1])
