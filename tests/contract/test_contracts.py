"""What differs between two declarations, and what one of them leaves open."""

import pytest
from msgspec.structs import replace

from tests.contract.test_catalogs import line
from validate_schema.contract.diff.contracts import (
    Declared,
    compare_contracts,
    count_declared,
    undeclared_tables,
)
from validate_schema.model.catalog import QName
from validate_schema.model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedPolicy,
    ExpectedTable,
    ExpectedView,
)

ID = ExpectedColumn(name="id", type="integer", nullable=False, default_declared=True, counter=True)
TITLE = ExpectedColumn(name="title", type="text", nullable=True, default="'new'::text", default_declared=True)
KEY = ExpectedKey(columns=("id",), name="t_pkey")
UNIQUE = ExpectedKey(columns=("title",), name="t_title_key")
INDEX = ExpectedKey(columns=("title", "id"), name="t_i", method="btree", ordered=True, opclasses=("", ""))
LINK = ExpectedForeignKey(
    columns=("id",), references="org", referenced_columns=("id",), on_delete="cascade", on_update="no action",
    name="t_fk",
)  # fmt: skip
POLICY = ExpectedPolicy(name="p", using="(id = 1) AND (title = 'x')")
TABLE = ExpectedTable(
    name="t", columns=(ID, TITLE), primary_key=KEY, uniques=(UNIQUE,), indexes=(INDEX,), foreign_keys=(LINK,),
    policies=(POLICY,), grants=(ExpectedGrant(role="app", privileges=("SELECT",)),), complete=True,
)  # fmt: skip
ENUM = ExpectedEnum(name="mood", labels=("low", "high"))
VIEW = ExpectedView(name="v", columns=("id", "title"))
WHOLE = Contract((TABLE,), (ENUM,), views=(VIEW,))


def found(before: Contract, after: Contract, *, full: bool = True) -> list[str]:
    """Return the changes to `after`; `full`: both were read from catalogs."""
    changes = compare_contracts(Declared(before, full), Declared(after, full))
    return [line(c) for c in changes]


def other(**changed: object) -> Contract:
    """Return the whole declaration with another table."""
    return replace(WHOLE, tables=(replace(TABLE, **changed),))


CHANGES = {
    "type": (other(columns=(ID, replace(TITLE, type="varchar(9)"))), ["changed column t.title type: text → varchar(9)"]),
    "same type": (other(columns=(replace(ID, type="int4"), TITLE)), []),
    "nullable": (other(columns=(ID, replace(TITLE, nullable=False))), ["changed column t.title nullable: yes → no"]),
    "same default": (other(columns=(ID, replace(TITLE, default="'new'"))), []),
    "default": (other(columns=(ID, replace(TITLE, default=None))), ["changed column t.title default: 'new'::text → none"]),
    "counter": (
        other(columns=(replace(ID, counter=False), TITLE)),
        ["changed column t.id default: numbered by the database → none"],
    ),
    "column": (other(columns=(ID,)), ["removed column t.title"]),
    "order of columns": (other(columns=(TITLE, ID)), []),
    "key": (other(primary_key=replace(KEY, columns=("title",))), ["changed primary key t.t_pkey columns: id → title"]),
    "key's name": (other(primary_key=replace(KEY, name="k")), ["renamed primary key t.k name: t_pkey → k"]),
    "no key": (other(primary_key=None), ["removed primary key t.t_pkey"]),
    "unique's name": (other(uniques=(replace(UNIQUE, name="u"),)), ["renamed unique t.u name: t_title_key → u"]),
    "unique's columns": (
        other(uniques=(replace(UNIQUE, columns=("id", "title")),)),
        ["changed unique t.t_title_key columns: title → id, title"],
    ),
    "partial": (
        other(uniques=(replace(UNIQUE, predicate="id > 1"),)),
        ["changed unique t.t_title_key predicate: none → id > 1"],
    ),
    "method": (other(indexes=(replace(INDEX, method="hash"),)), ["changed index t.t_i method: btree → hash"]),
    "order": (
        other(indexes=(replace(INDEX, descending=("id",)),)),
        ["changed index t.t_i descending: none → id"],
    ),
    "operator class": (
        other(indexes=(replace(INDEX, opclasses=("text_pattern_ops", "int4_ops")),)),
        ["changed index t.t_i operator classes: default, default → text_pattern_ops, default"],
    ),
    "no index": (other(indexes=()), ["removed index t.t_i"]),
    "expression": (
        other(indexes=(INDEX, ExpectedKey(columns=("lower(title)",), name="e"))),
        ["added index t.e"],
    ),
    "action": (
        other(foreign_keys=(replace(LINK, on_delete="restrict"),)),
        ["changed foreign key t.t_fk on delete: cascade → restrict"],
    ),
    "target": (
        other(foreign_keys=(replace(LINK, references="company"),)),
        ["changed foreign key t.t_fk references: org (id) → company (id)"],
    ),
    "link's name": (other(foreign_keys=(replace(LINK, name="f"),)), ["renamed foreign key t.f name: t_fk → f"]),
    "no link": (other(foreign_keys=()), ["removed foreign key t.t_fk"]),
    "wider policy": (
        other(policies=(replace(POLICY, using="id = 1"),)),
        [
            "changed policy t.p check: (id = 1) AND (title = 'x') → id = 1 (wider)",
            "changed policy t.p using: (id = 1) AND (title = 'x') → id = 1 (wider)",
        ],
    ),
    "check that says the same": (other(policies=(replace(POLICY, check="title = 'x' and id = 1"),)), []),
    "policy's name": (other(policies=(replace(POLICY, name="q"),)), ["renamed policy t.q name: p → q"]),
    "no policy": (other(policies=()), ["removed policy t.p"]),
    "one more policy": (
        other(policies=(POLICY, ExpectedPolicy(name="all", using="true"))),
        ["added policy t.all (wider)"],
    ),
    "privileges": (
        other(grants=(ExpectedGrant(role="app", privileges=("SELECT", "INSERT")),)),
        ["changed table t privileges of app: SELECT → INSERT, SELECT (wider)"],
    ),
    "label": (replace(WHOLE, enums=(replace(ENUM, labels=("low",)),)), ["changed enum mood label: high → "]),
    "labels' order": (
        replace(WHOLE, enums=(replace(ENUM, labels=("high", "low")),)),
        ["changed enum mood order of labels: low, high → high, low"],
    ),
    "order nobody declared": (replace(WHOLE, enums=(replace(ENUM, labels=("high", "low"), ordered=False),)), []),
    "no enum": (replace(WHOLE, enums=()), ["removed enum mood"]),
    "view": (
        replace(WHOLE, views=(replace(VIEW, columns=("id",)),)),
        ["changed view v columns: id, title → id"],
    ),
    "no view": (replace(WHOLE, views=()), ["removed view v"]),
    "no table": (replace(WHOLE, tables=()), ["removed table t"]),
    "table's name": (other(name="task"), ["renamed table task name: t → task"]),
    "default schema": (other(schema="public"), []),
    "schema": (other(schema="s"), ["renamed table s.t name: public.t → t"]),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_between_two_declarations_is_found_and_named(what: str) -> None:
    after, expected = CHANGES[what]
    assert found(WHOLE, after) == expected
    turned = {"added": "removed", "removed": "added", "changed": "changed", "renamed": "renamed"}
    back = [text.split()[0] for text in found(after, WHOLE)]
    assert sorted(back) == sorted(turned[text.split()[0]] for text in expected)


SILENT = Contract((ExpectedTable(name="t", columns=(ExpectedColumn(name="id"),)),))


def test_what_a_declaration_leaves_open_is_no_difference() -> None:
    there = replace(WHOLE, tables=(TABLE, ExpectedTable(name="beside", columns=(ID,))))
    for declared in (
        SILENT,
        replace(SILENT, tables=(replace(TABLE, policies=(), grants=(), primary_key=None),)),
    ):
        sides = Declared(declared), Declared(there, full=True)
        assert compare_contracts(*sides) == compare_contracts(*reversed(sides)) == ()
    assert undeclared_tables(SILENT, there) == (QName("public", "beside"),)
    assert (count_declared(SILENT), count_declared(WHOLE)) == (2, 10)


def test_what_a_whole_table_or_a_closed_declaration_does_not_list_is_one() -> None:
    there = Declared(replace(WHOLE, tables=(TABLE, ExpectedTable(name="beside", columns=(ID,)))), full=True)
    whole = Declared(Contract((ExpectedTable(name="t", columns=(ID,), complete=True),)))
    assert [line(c) for c in compare_contracts(whole, there)] == [
        "added column t.title",
        "added foreign key t.t_fk",
        "added index t.t_i",
        "added unique t.t_title_key",
    ]
    closed = Declared(replace(SILENT, closed=True))
    assert [line(c) for c in compare_contracts(there, closed)] == [
        "removed table beside",
        "removed enum mood",
        "removed view v",
    ]


def test_a_key_without_a_name_is_any_that_serves() -> None:
    there = Declared(WHOLE, full=True)
    for unnamed in (
        {"indexes": (ExpectedKey(columns=("title",)),)},
        {"indexes": (ExpectedKey(columns=("id",)),)},
        {"uniques": (ExpectedKey(columns=("id",)),)},
    ):
        declared = Declared(Contract((replace(SILENT.tables[0], columns=(ID, TITLE), **unnamed),)))
        assert compare_contracts(declared, there) == ()
    missing = Contract((replace(SILENT.tables[0], uniques=(ExpectedKey(columns=("id", "title")),)),))
    assert [line(c) for c in compare_contracts(Declared(missing), there)] == ["removed unique t.(id, title)"]


def test_a_policy_without_conditions_leaves_them_open() -> None:
    declared = Declared(
        Contract((replace(SILENT.tables[0], policies=(ExpectedPolicy(name="p", command="SELECT"),)),))
    )
    changes = compare_contracts(declared, Declared(WHOLE, full=True))
    assert [line(c) for c in changes] == ["changed policy t.p command: SELECT → ALL (wider)"]
