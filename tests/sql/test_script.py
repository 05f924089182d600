"""Scripts are split as PostgreSQL's own parser splits them."""

from itertools import pairwise
from pathlib import Path

import postgast
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate_schema.sql import script

ROOT = Path(__file__).parents[2]

STATEMENTS = (
    "select 1",
    "select 'a;b', '--', E'\\';', \"c;d\", '/*'",
    "select $$;$$, $q$ $$; $q$, 'it''s'",
    "insert into \"a$b\" values ('$1;')",
    "create function f() returns int language sql as $body$ select 1; $body$",
    "create function g(i int) returns int begin atomic select case i when 1 then 2 end; select 3; end",
    "create rule r as on insert to t do also (select 1; select 2)",
    "do $$ begin if true then null; end if; end $$",
    "begin",
    "commit",
    "create table t (\"begin\" int, a$b text, c text default e'\\\\;')",
    "select a$1$b from t",
    "create index concurrently i on t (a)",
)
GAPS = (
    "\n",
    " ",
    "\n-- a comment; with 'quotes\n",
    "/* one; /* two; */ 'three */",
    ";\n",
    "\r\n",
    "-- ends; here\r",
)


@given(st.lists(st.tuples(st.sampled_from(GAPS), st.sampled_from(STATEMENTS))))
def test_statements_are_split_as_the_parser_splits_them(parts: list[tuple[str, str]]) -> None:
    text = "".join(f"{gap}{statement};" for gap, statement in parts)
    pieces = script.pieces(text)
    assert [p.text for p in pieces] == [statement for _, statement in parts]
    assert len(postgast.split(text)) == len(parts)
    assert all(text[p.start :].startswith(p.text) for p in pieces)


# Without those that psql fills in, which no parser reads.
PLAIN = [p for p in sorted((ROOT / "examples").rglob("*.sql")) if ':"' not in p.read_text()]


@pytest.mark.parametrize("path", PLAIN, ids=lambda p: p.parent.name)
def test_the_examples_are_split_as_the_parser_splits_them(path: Path) -> None:
    text = path.read_text()
    expected = [s.stmt_len for s in postgast.parse(text).stmts]
    assert len(script.pieces(text)) == len(expected)


@given(st.text(alphabet="ab'\"$;-/*()\\\n eE"))
def test_any_text_is_split_without_loss_of_what_is_no_comment(text: str) -> None:
    pieces = script.pieces(text)
    assert [p.start for p in pieces] == sorted(p.start for p in pieces)
    assert all(a.end <= b.start for a, b in pairwise(pieces))


def test_copy_data_and_psql_commands_are_pieces_of_their_own() -> None:
    text = "select 1;\n\\set x 'y;'\ncopy t (a) from stdin with (format csv);\n1;2\n\\.\nselect '\n\\.';"
    assert [(p.kind, p.text, p.data) for p in script.pieces(text)] == [
        ("sql", "select 1", ""),
        ("psql", "\\set x 'y;'", ""),
        ("copy", "copy t (a) from stdin with (format csv)", "1;2\n"),
        ("sql", "select '\n\\.'", ""),
    ]


def test_a_blanked_statement_moves_nothing() -> None:
    text = "select 1;\nselect\n2;\nselect 3;"
    second = script.pieces(text)[1]
    assert script.blank(text, second) == "select 1;\n      \n  \nselect 3;"
