"""Bodies of functions: their SQL, their variables, and PL/pgSQL as a tree."""

import pytest

from validate_schema.sql import plpgsql as pl
from validate_schema.sql import syntax as s
from validate_schema.sql.parser import Unreadable
from validate_schema.sql.reading import read_expression, read_statements
from validate_schema.sql.routines import read_body
from validate_schema.sql.syntax import Column, Const

ONE = Const("integer", 1)


def body_of(
    statements: str, arguments: str = "", returns: str = "void", declare: str = ""
) -> tuple[s.Node, ...]:
    function = pl.read_plpgsql(f"declare {declare} begin {statements} end", arguments, returns)
    return function.body.body


STATEMENTS = {
    "a := b;": pl.Assign(("a",), Column(("b",))),
    "p := count(*) from t where x = any (array[1]);": pl.Assign(
        ("p",),
        s.ScalarSelect(read_statements("select count(*) from t where x = any (array[1])")[0]),  # type: ignore[arg-type]
    ),
    "r.x = 1;": pl.Assign(("r", "x"), ONE),
    "l[(1 = 1)::int] := 1;": pl.Assign(("l",), ONE, part=True),
    "if a then null; elsif b then a := 1; else a := b; end if;": pl.If(
        (pl.Branch(Column(("a",)), ()), pl.Branch(Column(("b",)), (pl.Assign(("a",), ONE),))),
        (pl.Assign(("a",), Column(("b",))),),
    ),
    "<<x>> while a loop exit x when b; end loop;": pl.Loop(
        (pl.Exit("x", Column(("b",)), leaves=True),), values=(Column(("a",)),), label="x"
    ),
    "for r in select 1 loop null; end loop;": pl.Loop((), (("r",),), query=read_statements("select 1")[0]),
    "for a, b in execute p using 1 loop null; end loop;": pl.Loop(
        (), (("a",), ("b",)), (ONE,), built=Column(("p",))
    ),
    "foreach p in array l loop null; end loop;": pl.Loop((), (("p",),), (Column(("l",)),)),
    "select 1 into strict r;": pl.Sql(read_statements("select 1")[0], (("r",),), strict=True),
    "perform 1;": pl.Sql(read_statements("select 1")[0]),
    "execute p into a, b using 1;": pl.Execute(Column(("p",)), (("a",), ("b",)), (ONE,)),
    "get diagnostics p = row_count;": pl.Get((("p",),)),
    "return query select 1;": pl.ReturnQuery(read_statements("select 1")[0]),
    'return next /* or not */ "Q" ;': pl.Return(Column(("Q",)), next=True),
    "raise exception 'no %', a using hint = b;": pl.Raise(21, "no %", (Column(("a",)),), (Column(("b",)),)),
    "begin a := 1; exception when others then raise; end;": pl.Block(
        (pl.Assign(("a",), ONE),), (pl.Handler(("others",), (pl.Raise(21, ""),)),)
    ),
    "assert a, b;": pl.Other("assert", (Column(("a",)), Column(("b",)))),
}


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_of_plpgsql_is_a_node_of_its_kind(text: str) -> None:
    declared = 'a text; b text; r record; l int[]; "Q" int;'

    assert body_of(text, "p text", "setof int", declared)[0] == STATEMENTS[text]


@pytest.mark.parametrize("named", ["new", "r.x", '"Ä"', "null", "a || 'return x;'"])
def test_what_is_returned_is_known_where_it_is_a_mere_variable(named: str) -> None:
    found = body_of(
        f"if a then -- return b;\n return {named}; end if;", "", "trigger", 'a text; r record; "Ä" record;'
    )

    assert isinstance(found[0], pl.If)
    assert found[0].branches[0].body == (pl.Return(read_expression(named)),)


def test_lines_count_in_the_body() -> None:
    function = pl.read_plpgsql("\ndeclare\n  a int := 1;\nbegin\n\n  a := 2;\nend", "", "void")

    assert [(d.name, d.line) for d in function.declared if d.line] == [("a", 3)]
    assert [getattr(node, "line", 0) for node in function.body.body[:1]] == [6]


def test_every_statement_and_expression_of_a_body_is_found() -> None:
    body = read_body(
        "plpgsql",
        "declare r record; a int := (select 1 from t1); c cursor for select 1 from t2; begin"
        " for r in select 1 from t3 loop if exists (select from t4) then return next (select 1 from t5); end if; end loop;"
        " delete from t6; open c; perform f((select 1 from t7)); raise notice '%', (select 1 from t8);"
        " exception when others then insert into t9 select 1; end",
        "",
        "setof int",
    )

    assert {t.name for t in s.relations(*body.statements)} == {f"t{n}" for n in range(1, 10)}


def test_variables_are_told_with_all_that_they_may_hold() -> None:
    declared = "a int := 1; b int; c int; d record; e int[] := '{}'; f int; g int; h int := 1;"
    statements = (
        "a := 2; select 1 into b; for c in 1..2 loop d.x := 1; end loop; e[1] := 1; get diagnostics f = row_count;"
        " call p(1, g); foreach h in array e loop null; end loop;"
    )
    body = read_body("plpgsql", f"declare {declared} begin {statements} end", "", "void")

    assert body.given == {
        "a": (ONE, Const("integer", 2)),
        "b": (None,),
        "c": (None,),
        "d.x": (ONE,),
        "e": (Const("string", "{}"), None),
        "f": (None,),
        "g": (None,),
        "h": (ONE, None),
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("select 1; delete from t", "select 1; delete from t"),
        (" RETURN (select 1)", "select (select 1)"),
        (
            "BEGIN ATOMIC\n SELECT case when true then 1 end;\n delete from t;\nEND",
            "select case when true then 1 end; delete from t",
        ),
        ("begin atomic return 1; end", "select 1"),
        ("", ""),
    ],
)
def test_a_body_in_sql_is_its_statements(body: str, expected: str) -> None:
    assert read_body("sql", body, "", "void").statements == read_statements(expected)


@pytest.mark.parametrize(
    ("language", "body"),
    [
        ("c", "f"),
        ("sql", "select ("),
        ("plpgsql", "begin execute 'select 1'; end"),
        ("plpgsql", "begin for a in execute 'x' loop null; end loop; end"),
        ("plpgsql", "declare c refcursor; begin open c for execute 'x'; end"),
        ("plpgsql", "begin return query execute 'x'; end"),
        ("plpgsql", "begin $body0$ end"),
    ],
)
def test_a_body_that_nobody_can_read_says_so(language: str, body: str) -> None:
    with pytest.raises(Unreadable):
        read_body(language, body, "", "setof int")
