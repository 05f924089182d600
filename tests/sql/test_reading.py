"""SQL as nodes: what each construct becomes, where it stands, and how it is printed again."""

import pytest

from validate_schema.sql import ddl
from validate_schema.sql import syntax as s
from validate_schema.sql.parser import Unreadable
from validate_schema.sql.reading import print_expression, read_expression, read_statements
from validate_schema.sql.syntax import Cast, Column, Const, Operation, TypeRef

A, B = Column(("a",)), Column(("b",))
ONE, TWO = Const("integer", 1), Const("integer", 2)
SUB = s.Select((s.Target("", B),), (s.Table("t"),))
EXPRESSIONS = {
    "null": Const("null"),
    "true": Const("bool", True),
    "- a": Operation("-", None, A),
    "12345678901": Const("numeric", "12345678901"),
    "'it''s'": Const("string", "it's"),
    "b'101'": Const("bits", "b101"),
    '"Ä".b."*"': Column(("Ä", "b", "*")),
    "a.*": s.Star(("a",)),
    "$2": s.Param(2),
    "a = 1": Operation("=", A, ONE),
    "a operator(x.===) 1": Operation("===", A, ONE, "x"),
    "a not like 'x%'": Operation("!~~", A, Const("string", "x%")),
    "a = any (b)": s.Quantified("=", A, B),
    "a <> all (b)": s.Quantified("<>", A, B, every=True),
    "a in (1, 2)": s.In(A, (ONE, TWO)),
    "a not in (1)": s.In(A, (ONE,), negated=True),
    "a between 1 and 2": s.Between(A, ONE, TWO),
    "a not between symmetric 2 and 1": s.Between(A, TWO, ONE, negated=True, symmetric=True),
    "a is distinct from b": s.Distinct(A, B),
    "a is not distinct from b": s.Distinct(A, B, negated=True),
    "nullif(a, 1)": s.NullIf(A, ONE),
    "a and b and not a": s.And((A, B, s.Not(A))),
    "a or b": s.Or((A, B)),
    "a is not null": s.NullTest(A, negated=True),
    "a is not unknown": s.BooleanTest(A, None, negated=True),
    "a is false": s.BooleanTest(A, False),
    "case a when 1 then 2 end": s.Case(A, (s.When(ONE, TWO),), None),
    "coalesce(a, b)": s.Coalesce((A, B)),
    "least(a, b)": s.Extreme((A, B), least=True),
    "pg_catalog.f(a, x => b)": s.Call("f", (A, s.NamedArg("x", B)), "pg_catalog"),
    "count(distinct a)": s.Call("count", (A,), rest=(("agg_distinct", True),)),
    "current_user": s.SessionValue("current_user"),
    "localtime(2)": s.SessionValue("localtime", 2),
    "a::numeric(1, 2)[]": Cast(A, TypeRef(("pg_catalog", "numeric"), (ONE, TWO), 1)),
    'a collate "C"': s.Collate(A, ("C",)),
    "array[a, b]": s.Array((A, B)),
    "(a, b)": s.Row((A, B)),
    "(a).b": s.Part(A, ("b",)),
    "exists (select b from t)": s.Exists(SUB),
    "(select b from t)": s.ScalarSelect(SUB),
    "array(select b from t)": s.ArraySelect(SUB),
    "a in (select b from t)": s.AnySelect("=", A, SUB),
    "a > all (select b from t)": s.AnySelect(">", A, SUB, every=True),
    "grouping(a)": s.Unknown("GroupingFunc", (("args", (A,)),)),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_a_node_of_its_kind(text: str) -> None:
    assert read_expression(text) == EXPRESSIONS[text]
    assert read_expression(print_expression(text, read_expression(text))) == EXPRESSIONS[text]


@pytest.mark.parametrize("text", ["", "a as b", "a from b", "a) from (select 1", "a; select b", "a where b"])
def test_what_is_no_expression_or_more_than_one_cannot_be_read(text: str) -> None:
    with pytest.raises(Unreadable):
        read_expression(text)


def test_nodes_say_at_which_character_they_stand() -> None:
    text = '-- ß\nnot "ü" = any (select \'é\' || x from "ö" where y is null)'

    told = [
        (type(n).__name__, text[n.at :].split(maxsplit=1)[0])
        for n in s.walk(read_expression(text))
        if n.at >= 0
    ]

    assert told == [
        ("Not", "not"), ("AnySelect", "="), ("Column", '"ü"'), ("Target", "'é'"), ("Operation", "||"),
        ("Const", "'é'"), ("Column", "x"), ("Table", '"ö"'), ("NullTest", "is"), ("Column", "y"),
    ]  # fmt: skip


def test_a_part_of_an_expression_is_printed_from_where_it_stands() -> None:
    text = "(a = 1 or b = 2) and lower(c) in (select d from e) and (a = 1)"
    tree = read_expression(text)

    printed = [print_expression(text, part) for part in s.conjuncts(tree)]

    assert printed == ["a = 1 OR b = 2", "lower(c) IN (SELECT d FROM e)", "a = 1"]


def test_a_query_is_read_with_what_it_names() -> None:
    (query,) = read_statements(
        "with w as (select 1) select x.a as c, 2 from s.t x left join only u using (id), lateral f(1) g,"
        " (values (1, 2), (3, 4)) v (k) where a order by 1 limit 2"
    )

    assert isinstance(query, s.Select)
    assert query.targets == (s.Target("c", Column(("x", "a"))), s.Target("", TWO))
    assert query.sources == (
        s.Join("left", s.Table("t", "s", "x"), s.Table("u", only=True), using=("id",)),
        s.FromCall((s.Call("f", (ONE,)),), "g", lateral=True),
        s.FromSelect(s.Select(values=((ONE, TWO), (Const("integer", 3), Const("integer", 4)))), "v", ("k",)),
    )
    assert query.queries is not None
    assert [(q.name, q.query) for q in query.queries.queries] == [("w", s.Select((s.Target("", ONE),)))]
    assert [name for name, _ in query.rest] == ["sort_clause", "limit_count", "limit_option"]


def test_a_search_sees_what_no_node_stands_for() -> None:
    sql = "merge into s.t using (select * from u) u on t.a = u.a when matched then update set a = (select b from v)"

    (statement,) = read_statements(sql)

    assert isinstance(statement, s.Unknown)
    assert {(t.schema, t.name) for t in s.relations(statement)} == {("s", "t"), ("", "u"), ("", "v")}


def test_names_of_with_queries_are_no_relations_where_they_are_in_sight() -> None:
    sql = "with a as (select * from a), b as (select * from a, s.b) select * from b, c where exists (select from a)"
    recursive = "with recursive r as (select 1 union select * from r) select * from r"

    assert {(t.schema, t.name) for t in s.relations(*read_statements(sql))} == {
        ("", "a"),
        ("s", "b"),
        ("", "c"),
    }
    assert not list(s.relations(*read_statements(recursive)))


def test_ddl_is_read_with_names_as_the_server_keeps_them() -> None:
    table, change, index, drop = read_statements(
        'create temp table if not exists "T" (A int check (a > 0), constraint c foreign key (a) references s.u);'
        " alter table t add if not exists b int, drop constraint c; create unique index i on s.t (a, lower(b)) where c;"
        " drop table s.t, u"
    )

    assert isinstance(table, ddl.CreateTable)
    assert (table.table.name, table.table.temporary, table.if_not_exists) == ("T", True, True)
    column, key = table.elements
    assert isinstance(column, ddl.ColumnDef)
    assert isinstance(key, ddl.ConstraintDef)
    assert (column.name, [c.expression for c in column.constraints]) == (
        "a",
        [Operation(">", A, Const("integer", 0))],
    )
    assert (key.kind, key.name, key.referencing, key.references) == (
        "CONSTR_FOREIGN",
        "c",
        ("a",),
        s.Table("u", "s"),
    )
    assert isinstance(change, ddl.AlterTable)
    assert [(c.kind, c.name, c.missing_ok) for c in change.commands] == [
        ("AT_AddColumn", "", True),
        ("AT_DropConstraint", "c", False),
    ]
    assert isinstance(index, ddl.CreateIndex)
    assert [(k.name, k.expression) for k in index.keys] == [("a", None), ("", s.Call("lower", (B,)))]
    assert isinstance(drop, ddl.Drop)
    assert (drop.kind, drop.objects) == ("OBJECT_TABLE", (("s", "t"), ("u",)))
