"""The JSON Schema of a report, generated from the model."""

import json
import sys
from typing import Any

import msgspec

from ..model.report import SCHEMA_VERSION, Report


def report_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every JSON report of this version satisfies."""
    schema = msgspec.json.schema(Report)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"validate-schema report, version {SCHEMA_VERSION}",
        **schema,
    }


def schema_text() -> str:
    """Return the schema as it is published in ``docs/report.schema.json``."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
