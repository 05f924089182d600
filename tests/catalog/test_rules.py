"""What runs beside a statement as the reader sees it, on every server: triggers and rules."""

from typing import Any

import psycopg
import pytest

from validate_schema.catalog import printed
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import QName, Rule, Trigger

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]
TABLES = """
    create table t (id int primary key, "a,b" text, note text); create table u (id int);
    create function f() returns trigger language plpgsql as 'begin return new; end';
"""
HOSTILE = (
    "plain",
    "",
    "it's",
    "back\\slash",
    ") EXECUTE FUNCTION g('x'",
    'double"quote',
    "a\nb",
    "🐘",
    "WHEN (true)",
)
F = QName("public", "f")


def triggers(conn: Connection, sql: str) -> list[Trigger]:
    conn.execute(TABLES)
    conn.execute(sql.encode())
    return [trigger for table in read_catalog(conn).tables for trigger in table.triggers]


def test_a_plain_trigger_has_nothing_more_to_it(any_conn: Connection) -> None:
    sql = "create trigger g before insert or update on t for each row execute function f()"

    assert triggers(any_conn, sql) == [Trigger("g", "before", ("INSERT", "UPDATE"), "row", F)]


def test_columns_condition_and_arguments_of_a_trigger(any_conn: Connection) -> None:
    sql = """
        create trigger g before update of note, "a,b" on t for each row
            when (old.note is distinct from new.note and new."a,b" <> ') EXECUTE FUNCTION f(')
            execute function f('x', 'y');
    """
    (trigger,) = triggers(any_conn, sql)

    assert trigger == Trigger(
        "g",
        "before",
        ("UPDATE",),
        "row",
        F,
        columns=("note", "a,b"),
        condition="((old.note IS DISTINCT FROM new.note) AND (new.\"a,b\" <> ') EXECUTE FUNCTION f('::text))",
        arguments=("x", "y"),
    )


def test_arguments_come_back_as_they_were_given(any_conn: Connection) -> None:
    given = ", ".join("'" + text.replace("'", "''") + "'" for text in HOSTILE)
    sql = f'create trigger "WHEN (" before insert on t for each row when (new.id > 0) execute function f({given})'

    (trigger,) = triggers(any_conn, sql)
    assert (trigger.arguments, trigger.condition) == (HOSTILE, "(new.id > 0)")


def test_transition_tables_and_deferrable_triggers(any_conn: Connection) -> None:
    sql = """
        create trigger a after update on t referencing old table as "Before" new table as now
            for each statement execute function f();
        create constraint trigger b after insert on t from u deferrable initially deferred
            for each row execute function f();
        alter table t enable always trigger b;
    """
    assert triggers(any_conn, sql) == [
        Trigger("a", "after", ("UPDATE",), "statement", F, old_table="Before", new_table="now"),
        Trigger(
            *("b", "after", ("INSERT",), "row", F, "always"),
            constraint=True,
            deferrable=True,
            deferred=True,
            references=QName("public", "u"),
        ),
    ]


def test_rules_of_tables_and_views(any_conn: Connection) -> None:
    any_conn.execute(TABLES)
    any_conn.execute("""
        create rule keep as on delete to t where old.note = 'DO INSTEAD' or exists (select from u where true)
            do instead nothing;
        create rule "Log" as on insert to t do also (insert into u values (new.id); notify t);
        alter table t disable rule "Log";
        create view v as select id from t;
        create rule w as on update to v do instead update t set note = 'x' where id = old.id;
    """)
    catalog = read_catalog(any_conn)
    (table, _), (view,) = catalog.tables, catalog.views

    log, keep = table.rules
    assert keep == Rule("keep", "DELETE", keep.definition, instead=True, condition=keep.condition)
    assert keep.condition == (
        "((old.note = 'DO INSTEAD'::text) OR (EXISTS ( SELECT\n           FROM public.u\n          WHERE true)))"
    )
    assert keep.definition.endswith(" DO INSTEAD NOTHING;")
    assert log == Rule("Log", "INSERT", log.definition, enabled="disabled")
    assert "INSERT INTO public.u" in log.definition
    assert view.rules == (Rule("w", "UPDATE", view.rules[0].definition, instead=True),)


@pytest.mark.parametrize(
    ("rule", "condition"),
    [
        ("CREATE RULE r AS\n    ON INSERT TO public.t DO ALSO  SELECT 1 WHERE true;", None),
        ('CREATE RULE "WHERE x DO" AS\n    ON INSERT TO public.t\n   WHERE (new.a = 1) DO INSTEAD NOTHING;', "(new.a = 1)"),
        ("CREATE RULE r AS\n    ON INSERT TO public.t\n   WHERE\n CASE\n  WHEN x THEN 'DO'\n END DO INSTEAD NOTHING;",
         "CASE\n  WHEN x THEN 'DO'\n END"),
    ],
)  # fmt: skip
def test_the_condition_of_a_printed_rule(rule: str, condition: str | None) -> None:
    assert printed.where(rule) == condition
