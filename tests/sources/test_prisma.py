"""A Prisma schema is read as what Prisma Migrate would make of it in PostgreSQL."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from tests.fix_examples import TODAY
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import parse_toml
from validate_schema.contract.merge import settled
from validate_schema.facts.facts import Facts
from validate_schema.model.contract import Contract, ExpectedForeignKey, ExpectedTable
from validate_schema.model.errors import ConfigError
from validate_schema.sources import SourceContext, read_source
from validate_schema.sources.build import build_contract
from validate_schema.tenancy import identify

DATA = Path(__file__).parents[1] / "data" / "prisma"
ABOUT_THE_CONTRACT = tuple(
    c
    for c in builtin_checks()
    if c.id.startswith(("COL", "ENU001", "ENU002", "ENU004", "IDX006", "IDX007", "UNQ004", "UNQ006"))
    or c.id in ("TBL001", "TBL002", "TBL007", "TBL008", "FKY002", "FKY009")
)


def read(entry: str, base: Path = DATA) -> Contract:
    return read_source(entry, base, SourceContext())


def of(tmp_path: Path, text: str) -> Contract:
    (tmp_path / "schema.prisma").write_text(text)
    return read("schema.prisma", tmp_path)


def table(tmp_path: Path, text: str, name: str = "T") -> ExpectedTable:
    return next(t for t in of(tmp_path, text).tables if t.name == name)


def judged(conn: psycopg.Connection[Any], contract: Contract) -> list[tuple[str, str, str | None]]:
    """Return the findings of a closed contract: check, message, location."""
    catalog = read_catalog(conn)
    closed = replace(settled(contract, "public"), closed=True)
    tenancy = identify(catalog, parse_toml("", "test").tenancy, today=TODAY)
    outcome = run(ABOUT_THE_CONTRACT, Facts(catalog, tenancy, closed, today=TODAY))
    assert [r.reason for r in outcome.results if r.status == "error"] == []
    return [(f.check, f.message, f.location) for f in outcome.findings]


@pytest.fixture
def shop(any_conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A database with what Prisma Migrate makes of the shop's schema."""
    any_conn.execute((DATA / "shop.sql").read_text().encode())
    return any_conn


def test_the_database_that_prisma_makes_is_as_its_schema_says(shop: psycopg.Connection[Any]) -> None:
    assert judged(shop, read("shop")) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            "alter table customers alter kind set default 'RETAIL'",
            (
                "COL004",
                "Column customers.kind has another default than declared",
                "shop/schema.prisma:26",
            ),
        ),
        (
            "alter table customers alter id drop default",
            ("COL004", "Column customers.id is not numbered by the database", "shop/schema.prisma:23"),
        ),
        (
            "drop index by_kind; create index by_kind on customers (kind, created)",
            (
                "IDX006",
                "customers.by_kind is not as declared: ascending instead of created descending",
                "shop/schema.prisma:49",
            ),
        ),
        (
            "drop index customers_settings_idx; create index customers_settings_idx on customers using gin (settings)",
            (
                "IDX006",
                "customers.customers_settings_idx is not as declared: jsonb_ops instead of jsonb_path_ops",
                "shop/schema.prisma:50",
            ),
        ),
        (
            "drop index days; create index days on customers (day) where day > '2020-01-01'",
            (
                "IDX006",
                "customers has no index that starts with (day) WHERE day IS NOT NULL",
                "shop/schema.prisma:52",
            ),
        ),
        (
            'alter index "_invites_B_index" rename to other',
            ("IDX006", "_invites.other is declared under the name _invites_B_index", "shop/schema.prisma:45"),
        ),
        (
            'alter table audit."order" drop constraint order_pk cascade; '
            'alter table audit."order" add constraint order_pk primary key (number, region)',
            ("TBL007", "The primary key of audit.order is not (region, number)", "shop/orders.prisma:13"),
        ),
        (
            "drop view turnover; create view turnover as select id as customer_id from customers",
            ("TBL008", "View turnover has no column total", "shop/schema.prisma:60"),
        ),
        ("drop view turnover", ("TBL008", "View turnover does not exist", "shop/schema.prisma:60")),
        (
            'alter table "_invites" drop constraint "_invites_A_fkey"',
            ("FKY002", "_invites has no foreign key on (A)", "shop/schema.prisma:45"),
        ),
        (
            "alter type customer_kind add value 'third'",
            ("ENU002", "Enum customer_kind has third besides", "shop/schema.prisma:14"),
        ),
    ],
)
def test_what_differs_is_found_with_its_line(
    conn: psycopg.Connection[Any], change: str, finding: tuple[str, str, str]
) -> None:
    conn.execute((DATA / "shop.sql").read_text().encode())
    conn.execute(change.encode())

    assert finding in judged(conn, read("shop"))


def test_an_identity_numbers_a_column_as_well_as_a_sequence(shop: psycopg.Connection[Any]) -> None:
    shop.execute("alter table customers alter id drop default")
    shop.execute("alter table customers alter id add generated by default as identity")

    assert judged(shop, read("shop")) == []


def test_a_missing_table_is_made_as_declared(shop: psycopg.Connection[Any]) -> None:
    shop.execute("drop table customers cascade")
    catalog = read_catalog(shop)
    tenancy = identify(catalog, parse_toml("", "test").tenancy, today=TODAY)
    outcome = run(ABOUT_THE_CONTRACT, Facts(catalog, tenancy, settled(read("shop"), "public"), today=TODAY))
    (statement,) = next(f for f in outcome.findings if f.check == "TBL001").remedy.sql
    shop.execute(statement.encode())
    left = [f for f in judged(shop, read("shop")) if f[0].startswith("COL") or f[0] == "TBL007"]

    assert left == [
        (
            "TBL007",
            "customers.customers_pkey is declared under the name customers_pk",
            "shop/schema.prisma:23",
        )
    ]


@pytest.mark.parametrize(
    ("native", "sql"),
    [
        ("String", "text"),
        ("String @db.Char(3)", "character(3)"),
        ("String @db.VarChar", "character varying"),
        ("String @db.Bit(8)", "bit(8)"),
        ("String @db.VarBit", "bit varying"),
        ("String @db.Citext", "citext"),
        ("Boolean @db.Boolean", "boolean"),
        ("Int @db.Oid", "oid"),
        ("BigInt[]", "bigint[]"),
        ("Float @db.Real", "real"),
        ("Decimal", "numeric(65,30)"),
        ("Decimal @db.Decimal", "numeric"),
        ("Decimal @db.Money", "money"),
        ("DateTime", "timestamp(3) without time zone"),
        ("DateTime @db.Timestamp", "timestamp without time zone"),
        ("DateTime @db.Timetz(2)", "time(2) with time zone"),
        ("DateTime? @db.Date", "date"),
        ("Json @db.Json", "json"),
        ("Bytes @db.ByteA", "bytea"),
        ('Unsupported("geometry(Point, 4326)")?', "geometry(Point, 4326)"),
    ],
)
def test_a_type_is_the_one_that_prisma_migrate_writes(tmp_path: Path, native: str, sql: str) -> None:
    assert table(tmp_path, f"model T {{\n id Int @id\n x {native}\n}}").columns[1].type == sql


RELATION = "model P {\n id Int @id\n ts T[]\n}\nmodel T {\n id Int @id\n %s\n}"


@pytest.mark.parametrize(
    ("fields", "on_delete", "on_update"),
    [
        ("p P @relation(fields: [pId], references: [id])\n pId Int", "restrict", "cascade"),
        ("p P? @relation(fields: [pId], references: [id])\n pId Int?", "set null", "cascade"),
        ("p P? @relation(fields: [pId], references: [id])\n pId Int", "restrict", "cascade"),
        (
            "p P @relation(fields: [pId], references: [id], onDelete: SetDefault, onUpdate: NoAction)\n pId Int",
            "set default",
            "no action",
        ),
    ],
)
def test_the_actions_that_are_not_written_follow_from_the_fields(
    tmp_path: Path, fields: str, on_delete: Any, on_update: Any
) -> None:
    assert table(tmp_path, RELATION % fields).foreign_keys == (
        ExpectedForeignKey(
            columns=("pId",),
            references="P",
            referenced_columns=("id",),
            on_delete=on_delete,
            on_update=on_update,
            name="T_pId_fkey",
            origin="schema.prisma",
            where="schema.prisma:7",
        ),
    )


def test_under_relation_mode_prisma_there_are_no_foreign_keys(tmp_path: Path) -> None:
    text = (
        'datasource db {\n provider = "postgres"\n relationMode = "prisma"\n}\n'
        + RELATION % "p P @relation(fields: [pId], references: [id])\n pId Int\n ps P2[]"
        + "\nmodel P2 {\n id Int @id\n ts T[]\n}"
    )
    contract = of(tmp_path, text)

    assert [(t.name, t.foreign_keys) for t in contract.tables] == [
        ("P", ()),
        ("P2", ()),
        ("T", ()),
        ("_P2ToT", ()),
    ]


def test_arguments_may_span_lines_and_comments_stand_anywhere(tmp_path: Path) -> None:
    text = '''model T { // one
  id Int @id /* two
  lines */
  note String @default("""a "quoted" text""") /// three
  @@index(
    fields: [
      id, // four
      note,
    ],
    map: "x"
  )
}'''
    found = table(tmp_path, text)

    assert [c.default for c in found.columns] == [None, "'a \"quoted\" text'"]
    assert [(k.name, k.columns, k.where) for k in found.indexes] == [("x", ("id", "note"), "schema.prisma:5")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model T {\n  id Int @id\n  x Strin\n}",
            '3: T.x is of type "Strin", which is not declared, did you mean "String"?',
        ),
        ("model T {\n  id Int @id\n", '3: expected a field or "}", found the end of the file'),
        ("model T {\n  id Int @id §\n}", "2: unexpected character '§'"),
        ('model T {\n  id Int @id @map("x\n}', "2: a text that is not closed on its line"),
        ("/* no end", "1: a comment that is not closed"),
        ("modell T {\n}", '1: expected a block: model, enum, view, datasource or generator, found "modell"'),
        ("model T {\n  id Int @id\n}\nenum T {\n  A\n}", "4: T is declared already, at schema.prisma:1"),
        ("model T {\n  id Int @id\n  id Int\n}", "3: T.id is declared already"),
        ("model T {\n  id Int @id\n  @@index([name])\n}", "3: @index names name, which T does not have"),
        ("model T {\n  id Int @id\n  @@index([])\n}", "3: @@index needs at least one field"),
        (
            "model T {\n  id Int @id @db.Integr\n}",
            '2: @db.Integr is no type of PostgreSQL, did you mean "@db.Integer"?',
        ),
        ("model T {\n  id Int @id @default(foo())\n}", "2: @default knows no function foo()"),
        ("enum E {\n  A\n}\nmodel T {\n  id E @id @default(B)\n}", "5: E has no value B"),
        (
            "type Address {\n  street String\n}",
            "1: type Address is a composite type: Prisma has them for MongoDB only",
        ),
        (
            'datasource db {\n  provider = "mysql"\n}',
            '1: the provider is "mysql"; only schemas for postgresql can be read',
        ),
        (
            RELATION % "p P @relation(fields: [pId, id], references: [id])\n pId Int",
            "7: T.p has 2 fields but 1 references",
        ),
        (
            RELATION % "p P @relation(fields: [pId], references: [id], onDelete: Drop)\n pId Int",
            "7: onDelete is one of NoAction, Restrict, Cascade, SetNull, SetDefault",
        ),
        (
            "model P {\n a Int\n b Int\n ts T[]\n @@id([a, b])\n}\nmodel T {\n id Int @id\n ps P[]\n}",
            "4: a list of models on both sides needs models with a single-field @id, and P has none",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        of(tmp_path, text)

    assert str(caught.value) == f"schema.prisma:{message}"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "schema.prisma").write_bytes(b"model \xff")

    with pytest.raises(ConfigError, match=r"schema\.prisma is not UTF-8 text \(byte 6\)"):
        read("schema.prisma", tmp_path)


def test_the_config_wins_over_the_schema_and_adds_to_it(tmp_path: Path) -> None:
    (tmp_path / "schema.prisma").write_text(
        "model T {\n id Int @id\n a String @unique\n @@index([a, id])\n}\nenum E {\n A\n}"
    )
    config = parse_toml(
        '[contract]\nfrom = ["schema.prisma"]\nenums.E = ["A", "B"]\n'
        '[contract.tables.T]\nunique = [["a"]]\nindexes = [["id"]]\ncolumns.a = { nullable = true }',
        "test",
    )
    contract = build_contract(config, tmp_path)
    merged = contract.tables[0]

    assert contract.sources == ("schema.prisma",)
    assert contract.enums[0].labels == ("A", "B")
    assert [(c.name, c.type, c.nullable) for c in merged.columns] == [
        ("id", "integer", False),
        ("a", "text", True),
    ]
    assert [(k.columns, k.name, k.where) for k in merged.uniques] == [(("a",), "T_a_key", "schema.prisma:3")]
    assert [(k.columns, k.name) for k in merged.indexes] == [(("a", "id"), "T_a_id_idx"), (("id",), None)]
    assert merged.primary_key is not None


def test_the_default_schema_may_be_named_or_not(tmp_path: Path) -> None:
    (tmp_path / "schema.prisma").write_text('model T {\n id Int @id\n @@schema("public")\n}')
    config = parse_toml(
        '[contract]\nfrom = ["schema.prisma"]\n[contract.tables.T]\nindexes = [["id"]]', "test"
    )
    both = build_contract(config, tmp_path)

    assert [t.schema for t in both.tables] == [None, "public"]
    merged = settled(both, "public")
    assert [(t.schema, len(t.columns), len(t.indexes)) for t in merged.tables] == [(None, 1, 1)]
    assert settled(both, "other") == both


@pytest.mark.parametrize("value", ["[" * 5_000 + "]" * 5_000, "f(" * 60 + "1" + ")" * 60])
def test_values_that_nest_too_deep_are_said_in_a_line(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigError, match=r"schema\.prisma:2: expected at most 50 values in one another"):
        of(tmp_path, f"model A {{\n  id Int @id @default({value})\n}}\n")
