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
        ("plpgsql", "begin execute a; end"),
        ("plpgsql", "begin execute 'select ' || a; end"),
        ("plpgsql", "begin execute format('select %s', a); end"),
        ("plpgsql", "begin execute format('select * from %I', a); end"),
        ("plpgsql", "begin execute 'select $2' using 1; end"),
        ("plpgsql", "begin perform query_to_xml(a, true, true, ''); end"),
        ("plpgsql", "begin perform dblink('select 1'); end"),
        ("sql", "select schema_to_xml('public', true, true, '')"),
        ("sql", "select * from ts_stat($1)"),
        ("plpgsql", "begin for a in execute 'x' loop null; end loop; end"),
        ("plpgsql", "declare c refcursor; begin open c for execute 'x'; end"),
        ("plpgsql", "begin return query execute 'x'; end"),
        ("plpgsql", "begin $body0$ end"),
    ],
)
def test_a_body_that_nobody_can_read_says_so(language: str, body: str) -> None:
    with pytest.raises(Unreadable):
        read_body(language, body, "", "setof int")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("begin execute 'delete from t where a = 1'; end", {"t"}),
        ("begin execute format('delete from %I where a = %L', 't', b); end", {"t"}),
        ("begin execute 'delete from t where a = ' || quote_literal(b) || ' or 50 %% 2 = 0'; end", {"t"}),
        (
            "declare a record; begin for a in execute 'select * from t where a = $1' using b loop null; end loop; end",
            {"t"},
        ),
        ("begin return query execute 'select a from t; '; end", {"t"}),
        ("declare a int; begin execute 'select 1 from t; select 2 from u' into a; end", {"t", "u"}),
        ("begin perform ts_stat('select a from t'); end", {"t"}),
        ("begin perform table_to_xml('s.t'::regclass, true, true, ''); end", {"t"}),
    ],
)
def test_a_statement_whose_text_is_known_is_read(body: str, names: set[str]) -> None:
    found = read_body("plpgsql", body, "b int", "setof int")

    assert {table.name for table in s.relations(*found.statements)} == names


def test_a_value_in_a_text_is_the_functions_own() -> None:
    text = "begin execute format('select 1 from t where a = %2$L and b = $1', 0, x) using y; end"
    found = read_body("plpgsql", text, "", "void")

    assert {n.names for n in s.walk(*found.statements) if isinstance(n, s.Column)} == {
        ("a",),
        ("b",),
        ("", "x"),
        ("", "y"),
    }
