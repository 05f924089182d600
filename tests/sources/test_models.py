"""SQLAlchemy models as a contract: the database that `create_all` makes satisfies it, and no other."""

import json
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text

from tests.fix_cli import Terminal
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.engine import run, select_checks
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import parse_toml
from validate_schema.model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedKey,
    ExpectedTable,
)
from validate_schema.model.errors import ConfigError
from validate_schema.model.progress import Progress
from validate_schema.run.examine import understand
from validate_schema.scratch import Database
from validate_schema.sources.build import build_contract

MODELS = """\
import enum
import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint, Column, Computed, DateTime, Enum, FetchedValue, ForeignKey, ForeignKeyConstraint, Identity, Index,
    Integer, LargeBinary, MetaData, Numeric, Sequence, String, Table, Text, UniqueConstraint, func, text, true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


class Status(enum.Enum):
    open = "OPEN"
    done = "DONE"


class Money(TypeDecorator):
    impl = Numeric(12, 2)
    cache_ok = True


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Stamped:
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Organization(Stamped, Base):
    __tablename__ = "organization"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    name: Mapped[str] = mapped_column(String(80), unique=True)


class Task(Stamped, Base):
    __tablename__ = "Task"
    __table_args__ = (
        UniqueConstraint("org_id", "title"),
        UniqueConstraint("org_id", "id", name="task_org"),
        ForeignKeyConstraint(["org_id", "parent_id"], ["Task.org_id", "Task.id"], ondelete="CASCADE"),
        CheckConstraint("points >= 0", name="points"),
        Index("task_lower", func.lower(text("title")), "org_id"),
        Index(
            "task_open",
            "org_id",
            text("created_at DESC"),
            postgresql_where=text("status = 'open'"),
        ),
        Index("task_tags", "tags", postgresql_using="gin"),
        Index("task_data", "data", postgresql_using="gin", postgresql_ops={"data": "jsonb_path_ops"}),
        Index("task_kind", "kind", unique=True, postgresql_where=text("kind = 'once'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("organization.id", ondelete="CASCADE", onupdate="RESTRICT"), index=True
    )
    parent_id: Mapped[int | None]
    title: Mapped[str] = mapped_column(Text, server_default="it's new")
    kind: Mapped[str | None] = mapped_column("kind", String(20), default="client")
    status: Mapped[Status] = mapped_column(server_default="open")
    plain: Mapped[Status] = mapped_column(Enum(Status, native_enum=False, name="plain_status"))
    history: Mapped[list[Status] | None] = mapped_column(ARRAY(Enum(Status)))
    points: Mapped[int] = mapped_column(server_default=text("0"))
    double: Mapped[int] = mapped_column(Computed("points * 2"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String), server_default="{}")
    data: Mapped[dict] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    words: Mapped[str | None] = mapped_column(TSVECTOR, FetchedValue())
    price: Mapped[Decimal] = mapped_column(Money)
    active: Mapped[bool] = mapped_column(server_default=true())


class Counter(Base):
    __tablename__ = "counter"
    __table_args__ = {"schema": "per_user"}

    id: Mapped[int] = mapped_column(primary_key=True)
    blob: Mapped[bytes | None]


members = Table(
    "members",
    Base.metadata,
    Column("org_id", ForeignKey("organization.id"), primary_key=True),
    Column("user_id", Integer, Sequence("user_numbers"), primary_key=True),
    Index("members_by_user", "user_id"),
)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "models.py").write_text(MODELS)
    return tmp_path


def contract(entry: str, base: Path, more: str = "") -> Contract:
    return build_contract(parse_toml(f'[contract]\nfrom = ["{entry}"]\n{more}', "test"), base)


@pytest.fixture
def created(project: Path, database: Database) -> Iterator["sqlalchemy.Connection"]:
    """The database that SQLAlchemy itself makes of the models."""
    namespace: dict[str, Any] = {"__name__": "created_models"}
    module = type(sys)("created_models")
    sys.modules["created_models"] = module
    exec(compile(MODELS, "created_models.py", "exec"), module.__dict__)
    namespace = module.__dict__
    url = database.conninfo.replace("postgresql:", "postgresql+psycopg:", 1)
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        connection.execute(text("create schema per_user"))
        namespace["Base"].metadata.create_all(connection)
        connection.commit()
        yield connection
    engine.dispose()
    del sys.modules["created_models"]


def findings(database: Database, declared: Contract) -> list[str]:
    """Return what the checks of the contract find."""
    config = parse_toml(
        '[contract]\nclosed = true\n[tenancy]\nroot = "organization"\ncolumn = "org_id"', "test"
    )
    with database.connect() as connection:
        catalog = read_catalog(connection)
    facts = understand(catalog, config, declared, date(2026, 1, 1), Progress())
    ids = (
        "TBL001",
        "TBL002",
        "TBL007",
        "COL",
        "UNQ004",
        "UNQ006",
        "IDX006",
        "IDX007",
        "FKY002",
        "FKY009",
        "ENU",
    )
    return [f"{f.check} {f.message}" for f in run(select_checks(builtin_checks(), ids, ()), facts).findings]


def closed(project: Path) -> Contract:
    return contract("models:shop.models:Base", project, "closed = true")


def test_the_database_that_sqlalchemy_makes_of_the_models_satisfies_them(
    created: "sqlalchemy.Connection", database: Database, project: Path
) -> None:
    assert findings(database, closed(project)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("drop table members", "TBL001 Table members does not exist"),
        ("create table extra (id int primary key)", "TBL002 Table extra is not in the contract"),
        (
            'alter table "Task" alter title type varchar(9)',
            "COL002 Column Task.title has another type than declared",
        ),
        (
            'alter table "Task" alter price type numeric(12,3)',
            "COL002 Column Task.price has another type than declared",
        ),
        ('alter table "Task" drop words', "COL001 Column Task.words does not exist"),
        (
            'alter table "Task" alter title drop not null',
            "COL003 Column Task.title is nullable, and declared NOT NULL",
        ),
        (
            "alter table \"Task\" alter title set default 'x'",
            "COL004 Column Task.title has another default than declared",
        ),
        ('alter table "Task" alter points drop default', "COL004 Column Task.points has no default"),
        (
            'alter table "Task" alter id drop identity',
            "COL004 Column Task.id is not numbered by the database",
        ),
        ("drop index task_lower", "IDX006 Task has no index that starts with (lower(title), org_id)"),
        ("drop index task_kind", "UNQ004 Task has no unique on (kind)"),
        ("alter index task_tags rename to other", "IDX006 Task.other is declared under the name task_tags"),
        (
            "create index extra on organization (created_at)",
            "IDX007 organization.extra is not in the contract",
        ),
        (
            "create unique index extra on organization (lower(name))",
            "UNQ006 organization.extra is not in the contract",
        ),
        ("alter type status add value 'late'", "ENU002 Enum status has late besides"),
        (
            'alter table "Task" drop constraint "fk_Task_org_id_organization"',
            "FKY002 Task has no foreign key on (org_id)",
        ),
    ],
)
def test_a_change_of_the_database_is_found(
    created: "sqlalchemy.Connection", database: Database, project: Path, change: str, found: str
) -> None:
    created.execute(text(change))
    created.commit()
    assert found in [
        f.partition(":")[0] if found.startswith("FKY") else f for f in findings(database, closed(project))
    ]


def test_each_expectation_says_on_which_line_it_was_written(project: Path) -> None:
    lines = [text.strip() + "\n" for text in MODELS.splitlines()]

    def line(start: str) -> str:
        number = next(n for n, text in enumerate(lines, 1) if text.startswith(start))
        return f"shop/models.py:{number}"

    found = contract("models:shop.models:Base", project)
    task = next(t for t in found.tables if t.name == "Task")
    members = next(t for t in found.tables if t.name == "members")
    assert {
        "task": task.where,
        **{c.name: c.where for c in task.columns if c.name in ("kind", "created_at")},
        **{str(k.name): k.where for k in (*task.uniques, *task.indexes)},
        "members": members.where,
        "user_id": members.columns[1].where,
        "members_by_user": members.indexes[0].where,
    } == {
        "task": line("class Task"),
        "kind": line("kind:"),
        "created_at": line("created_at:"),
        "task_org": line('UniqueConstraint("org_id", "id"'),
        "uq_Task_org_id_title": line("__table_args__ = ("),
        "task_lower": line('Index("task_lower"'),
        "task_open": line("Index(\n"),
        "task_tags": line('Index("task_tags"'),
        "task_data": line('Index("task_data"'),
        "task_kind": line('Index("task_kind"'),
        "ix_Task_org_id": line("org_id:"),
        "members": line("members = "),
        "user_id": line('Column("user_id"'),
        "members_by_user": line('Index("members_by_user"'),
    }


def test_schemas_can_be_translated(project: Path) -> None:
    found = contract("models:shop.models:Base?per_user=&=app", project)
    assert {(t.schema, t.name) for t in found.tables} == {
        (None, "counter"), ("app", "Task"), ("app", "members"), ("app", "organization"),
    }  # fmt: skip
    members = next(t for t in found.tables if t.name == "members")
    assert members.foreign_keys[0].references_schema == "app"


@pytest.mark.parametrize("name", ["Base.metadata", "Base.registry", "TABLES", "NAMES"])
def test_a_base_may_be_named_in_other_ways(project: Path, name: str) -> None:
    more = "\nTABLES = [Base]\nNAMES = {t.name: t for t in Base.metadata.sorted_tables}\n"
    (project / "shop" / "models.py").write_text(MODELS + more)
    found = contract(f"models:shop.models:{name}", project)
    assert [t.name for t in found.tables] == ["Task", "members", "organization", "counter"]


def test_what_a_table_declares_becomes_its_expectations(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "from sqlalchemy import *\n"
        "t = Table('t', MetaData(), Column('id', Integer, primary_key=True),\n"
        "  Column('mood', Enum('sad', 'ok', name='mood', schema='app'), ForeignKey('t.id'), unique=True))\n"
    )
    origin = "models:m:t"
    assert contract(origin, tmp_path) == Contract(
        (
            ExpectedTable(
                name="t",
                columns=(
                    ExpectedColumn(
                        name="id", type="INTEGER", nullable=False, default_declared=True, counter=True,
                        origin=origin, where="m.py:2",
                    ),
                    ExpectedColumn(
                        name="mood", type="app.mood", nullable=True, default_declared=True, origin=origin, where="m.py:3"
                    ),
                ),
                primary_key=ExpectedKey(columns=("id",), origin=origin, where="m.py:2"),
                uniques=(
                    ExpectedKey(
                        columns=("mood",), nulls_distinct=True, include=(), deferral="no", origin=origin, where="m.py:2"
                    ),
                ),
                foreign_keys=(
                    ExpectedForeignKey(
                        columns=("mood",), references="t", referenced_columns=("id",), on_delete="no action",
                        on_update="no action", match="simple", deferral="no", origin=origin, where="m.py:2",
                    ),
                ),
                complete=True,
                origin=origin,
                where="m.py:2",
            ),
        ),
        (ExpectedEnum(name="mood", schema="app", labels=("sad", "ok"), origin=origin, where="m.py:3"),),
        sources=(origin,),
    )  # fmt: skip


BROKEN = {
    "raises": "raise RuntimeError('no DATABASE_URL\\nset it')",
    "leaves": "import sys\nsys.exit(3)",
    "typo": "class A(",
    "lacks": "import not_there",
    "other": "Base = 3",
    "empty": "from sqlalchemy import MetaData\nBase = MetaData()",
    "dangling": "from sqlalchemy import *\nBase = MetaData()\nTable('t', Base, Column('x', ForeignKey('gone.id')))",
    "untyped": "from sqlalchemy import *\nBase = MetaData()\nTable('t', Base, Column('x'))",
}


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("models:raises:Base", "importing raises failed: RuntimeError: no DATABASE_URL"),
        ("models:leaves:Base", "importing leaves failed: SystemExit: 3"),
        ("models:typo:Base", "importing typo failed: SyntaxError: '(' was never closed (typo.py, line 1)"),
        ("models:lacks:Base", "importing lacks failed: ModuleNotFoundError: No module named 'not_there'"),
        (
            "models:other:Base",
            "Base is a int, not a declarative base, MetaData, Table or collection of these",
        ),
        ("models:other:Bass", "other has no Bass"),
        ("models:empty:Base", "Base has no tables; name a module that imports all models"),
        (
            "models:dangling:Base",
            "NoReferencedTableError: Foreign key associated with column 't.x' could not find table 'gone' with which "
            "to generate a foreign key to target column 'id'",
        ),
        (
            "models:untyped:Base",
            "the type of t.x: CompileError: Can't generate DDL for NullType(); did you forget to specify a type on this Column?",
        ),
    ],
)
def test_models_that_cannot_be_read_are_one_line(tmp_path: Path, entry: str, complaint: str) -> None:
    for name, source in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(source)
    with pytest.raises(ConfigError) as caught:
        contract(entry, tmp_path)
    assert str(caught.value) == f'contract source "{entry}": {complaint}'


def test_an_entry_without_an_object_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        contract("models:shop", tmp_path)
    assert str(caught.value) == (
        'contract source "models:shop" names no object of a module; write models:package.module:Base'
    )


def test_what_modules_print_stays_out_of_the_report(terminal: Terminal, shop: Database) -> None:
    terminal.write(
        "noisy.py",
        "print('hello')\nfrom sqlalchemy import *\nm = MetaData()\nTable('credit_note', m, Column('id', Integer))",
    )
    ran = terminal.run(
        "--database-url",
        shop.conninfo,
        "--contract",
        "models:noisy:m",
        "--select",
        "TBL001",
        "--format",
        "json",
    )
    assert (ran.status, ran.out[:1], ran.complaints) == (1, "{", ["hello"])
    assert json.loads(ran.out)["findings"][0]["location"].endswith("noisy.py:4")


def test_modules_of_one_project_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        source = f"from sqlalchemy import *\nm = MetaData()\nTable('{name}', m, Column('id', Integer))"
        (tmp_path / name / "models.py").write_text(source)
    found = [contract("models:models:m", tmp_path / name).tables[0].name for name in ("one", "two")]
    assert found == ["one", "two"]


def test_a_column_named_in_desc_is_descending(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "from sqlalchemy import *\n"
        "t = Table('t', MetaData(), Column('a', Integer), Index('i', desc('a')), Index('j', text('a desc')))\n"
    )
    found = contract("models:m:t", tmp_path).tables[0].indexes

    assert [(key.name, key.columns, key.descending) for key in found] == [
        ("i", ("a",), ("a",)),
        ("j", ("a",), ("a",)),
    ]


def test_named_checks_and_details_of_keys_are_declared(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "from sqlalchemy import *\n"
        "t = Table('t', MetaData(), Column('a', Integer), Column('b', Boolean(create_constraint=True, name='x')),\n"
        "  CheckConstraint('a > 1', name='big'), CheckConstraint('a < 9'),\n"
        "  UniqueConstraint('a', deferrable=True, initially='DEFERRED', postgresql_nulls_not_distinct=True),\n"
        "  ForeignKeyConstraint(['a'], ['t.a'], match='FULL', deferrable=True))\n"
    )
    (table,) = contract("models:m:t", tmp_path).tables
    (unique,), (key,) = table.uniques, table.foreign_keys

    assert [(o.kind, o.label, o.record.definition) for o in table.objects] == [
        ("check", "big", "CHECK (a > 1)")
    ]
    assert (unique.deferral, unique.nulls_distinct) == ("initially deferred", False)
    assert (key.deferral, key.match) == ("initially immediate", "full")
