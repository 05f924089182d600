"""Runs in a process of its own: lets Django make its tables, and finds the lines of its models.

What to do comes as JSON on standard input; the result is written as JSON to the file named there.
"""

import importlib
import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..migrations.tools._django_settings import moved
from .class_lines import ClassLines
from .modules import brief


def main() -> None:
    given = json.load(sys.stdin)
    sys.path.insert(0, given["base"])
    try:
        result = _run(given)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the project raises is its user's to see
        result = {"error": brief(error)}
    Path(given["result"]).write_text(json.dumps(result), encoding="utf-8")


def _run(given: dict[str, Any]) -> dict[str, Any]:
    try:
        django: Any = importlib.import_module("django")
    except ImportError:
        return {"error": "Django is not installed where validate-schema is"}
    try:
        importlib.import_module(given["settings"])
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return {"error": f"importing {given['settings']} failed: {brief(error)}"}
    settings = importlib.import_module("django.conf").settings
    settings.DATABASES = moved(settings.DATABASES, given["connection"])
    try:
        django.setup()
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return {"error": f"loading the apps of {given['settings']} failed: {brief(error)}"}
    _make_tables(settings)
    return {"tables": dict(_lines(ClassLines(Path(given["base"]))))}


def _make_tables(settings: Any) -> None:
    """Make the tables from the models. Extensions and collations stand in the migrations alone, and come
    first."""
    connection = importlib.import_module("django.db").connection
    loader = importlib.import_module("django.db.migrations.loader").MigrationLoader(
        None, ignore_no_migrations=True
    )
    _key_as_migrations_do(settings, loader.migrated_apps)
    operations = list(_preparations(loader))
    with connection.schema_editor(atomic=False) as editor:
        for app, operation in operations:
            operation.database_forwards(app, editor, None, None)
    apps = importlib.import_module("django.apps").apps
    settings.MIGRATION_MODULES = {config.label: None for config in apps.get_app_configs()}
    importlib.import_module("django.core.management").call_command(
        "migrate", run_syncdb=True, interactive=False, verbosity=0, skip_checks=True
    )


def _key_as_migrations_do(settings: Any, migrated: Collection[str]) -> None:
    """Give the tables between two models that Django makes by itself the key that a migration gives them: the
    project's DEFAULT_AUTO_FIELD, whatever the app's own is (the apps of a migration's state have none)."""
    field = importlib.import_module("django.utils.module_loading").import_string(settings.DEFAULT_AUTO_FIELD)
    for model in importlib.import_module("django.apps").apps.get_models(include_auto_created=True):
        key = model._meta.pk
        if model._meta.auto_created and model._meta.app_label in migrated and key.auto_created:
            key.__class__ = field


def _preparations(loader: Any) -> Iterator[tuple[str, Any]]:
    for (app, _), migration in sorted(loader.disk_migrations.items()):
        for operation in migration.operations:
            kinds = {kind.__name__ for kind in type(operation).__mro__}
            if kinds & {"CreateExtension", "CreateCollation"}:
                yield app, operation


def _lines(lines: ClassLines) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each table with the lines of its class, its columns and its named keys."""
    for model in importlib.import_module("django.apps").apps.get_models():
        meta = model._meta
        yield (
            meta.db_table,
            {
                "where": lines.of_class(model),
                "columns": {f.column: lines.of_attribute(model, f.name) for f in meta.local_fields},
                "keys": {
                    key.name: lines.of_call(model, "Meta", key.name)
                    for key in (*meta.indexes, *meta.constraints)
                },
            },
        )
        for field in meta.local_many_to_many:
            through = field.remote_field.through._meta
            if through.auto_created:
                where = lines.of_attribute(model, field.name)
                yield through.db_table, {"where": where, "columns": {}, "keys": {}}


if __name__ == "__main__":
    main()
