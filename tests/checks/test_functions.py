"""SECURITY DEFINER functions: which of them reach every tenant, and which keep to one."""

import pytest

from tests.fix_bench import Bench
from tests.fix_guarded import CONTEXT, found

HEAD = "create function lookup(wanted uuid) returns setof uuid language {} security definer as $f$ {} $f$;"
REACHES = "error: lookup(wanted uuid) reaches every tenant's rows of invoice for app_user"


def sql(body: str) -> str:
    return HEAD.format("sql", body)


def plpgsql(body: str, declare: str = "") -> str:
    return HEAD.format("plpgsql", f"declare {declare} begin {body} end" if declare else f"begin {body} end")


PAST = {
    "no condition": sql("select id from invoice"),
    "by the caller's own value": sql("select id from invoice where org_id = wanted"),
    "or": sql(f"select id from invoice where org_id = {CONTEXT} or is_public"),
    "by nothing": sql("select id from invoice where org_id = org_id"),
    "second statement": plpgsql(
        f"return query select id from invoice where org_id = {CONTEXT}; delete from invoice where id = wanted;"
    ),
    "not in": sql(
        f"select id from invoice where id not in (select id from invoice where org_id = {CONTEXT})"
    ),
    "sets the context itself": plpgsql(
        f"perform set_config('app.tenant_id', wanted::text, true); return query select id from invoice where org_id = {CONTEXT};"
    ),
    "variable that the caller fills": plpgsql(
        "v := wanted; return query select id from invoice where org_id = v;", f"v uuid := {CONTEXT};"
    ),
    "writes for another": plpgsql("insert into invoice (org_id) values (wanted);"),
    "gives rows away": plpgsql(f"update invoice set org_id = wanted where org_id = {CONTEXT};"),
    "open with query": sql("with every as (select * from invoice) select id from every"),
    "join over a value that tenants share": sql(
        f"select b.id from invoice a join invoice b on b.is_public = a.is_public where a.org_id = {CONTEXT}"
    ),
    "in over a value that tenants share": sql(
        f"select id from invoice where amount in (select amount from invoice where org_id = {CONTEXT})"
    ),
    "uncorrelated exists": sql(
        f"select id from invoice where exists (select 1 from invoice i where i.org_id = {CONTEXT})"
    ),
}
KEPT = {
    "condition": sql(f"select id from invoice where id = wanted and org_id = {CONTEXT}"),
    "cast and sub-select": sql(
        "select id from invoice where (select current_setting('app.tenant_id', true)) = org_id::text"
    ),
    "every statement": plpgsql(
        f"update invoice set amount = 0 where org_id = {CONTEXT}; return query select id from invoice where org_id = {CONTEXT};"
    ),
    "variable": plpgsql("return query select id from invoice where org_id = v;", f"v uuid := {CONTEXT};"),
    "writes its own": plpgsql(f"insert into invoice (org_id, amount) values ({CONTEXT}, 1);"),
    "in": sql(f"select id from invoice where id in (select id from invoice where org_id = {CONTEXT})"),
    "correlated exists": sql(
        f"select id from invoice a where exists (select 1 from invoice b where b.id = a.id and b.org_id = {CONTEXT})"
    ),
    "filtered with query": sql(
        f"with own as (select * from invoice where org_id = {CONTEXT}) select id from own"
    ),
    "by the root": sql(
        f"select i.id from organization o join invoice i on i.org_id = o.id where o.id = {CONTEXT}"
    ),
}


@pytest.mark.parametrize("script", PAST.values(), ids=PAST)
def test_a_function_past_the_policies_is_one_error(bench: Bench, script: str) -> None:
    assert found(bench, "BYP005", script) == [REACHES]


@pytest.mark.parametrize("script", KEPT.values(), ids=KEPT)
def test_a_function_that_keeps_to_the_tenant_is_no_finding(bench: Bench, script: str) -> None:
    assert found(bench, "BYP005", script) == []


@pytest.mark.parametrize(
    "after",
    [
        "revoke execute on function lookup from public;",
        "alter function lookup security invoker;",
        "grant select on invoice to app_owner; alter function lookup owner to app_owner;",
    ],
    ids=["not executable", "invoker", "owner is subject to the policies"],
)
def test_a_function_that_cannot_be_used_so_is_no_finding(bench: Bench, after: str) -> None:
    assert found(bench, "BYP005", sql("select id from invoice") + after) == []


def test_a_trigger_function_cannot_be_called(bench: Bench) -> None:
    script = """
        create function touch() returns trigger language plpgsql security definer as $$
            begin update invoice set amount = 1; return new; end $$;
    """

    assert found(bench, "BYP005", script) == []


def test_a_helper_of_policies_is_an_info_where_it_says_yes_or_no(bench: Bench) -> None:
    script = """
        create function is_known(o uuid) returns boolean language sql stable security definer
            as $$ select exists (select 1 from invoice where org_id = o) $$;
        create policy members on invoice as restrictive using (is_known(org_id));
    """

    assert found(bench, "BYP005", script) == [
        "info: is_known(o uuid) reads invoice past the policies, for the policies that call it; app_user may call it too"
    ]


def test_a_helper_of_policies_that_tells_more_is_undecided(bench: Bench) -> None:
    script = """
        create function orgs_of_caller() returns setof uuid language sql stable security definer
            as $$ select org_id from invoice $$;
        create policy members on invoice as restrictive using (org_id in (select orgs_of_caller()));
    """

    assert found(bench, "BYP005", script) == [
        "warning: orgs_of_caller() reads invoice past the policies, for the policies that call it; app_user may call it too"
    ]


def test_a_body_that_cannot_be_read_is_a_warning(bench: Bench) -> None:
    script = """
        create function run(text) returns void language plpgsql security definer
            as $$ begin execute $1; end $$;
    """

    assert found(bench, "BYP005", script) == [
        "warning: What run(text) reaches cannot be read, and app_user may call it with the rights of postgres"
    ]


def test_a_fixed_search_path_is_enough(bench: Bench) -> None:
    script = sql("select id from invoice")

    assert found(bench, "BYP006", script) == [
        "warning: lookup(wanted uuid) runs as postgres with the search path of whoever calls it"
    ]
    assert found(bench, "BYP006", script + "alter function lookup set search_path = '';") == []


@pytest.mark.parametrize(
    ("statement", "warned"),
    [
        ("grant app_owner to app_user;", True),
        ("drop policy if exists tenant_isolation on invoice;", True),
        ("create or replace function lookup(uuid) returns uuid language sql as 'select $1';", True),
        ("drop table if exists invoice;", True),
        ("drop table if exists pg_temp.mine; analyze;", False),
    ],
    ids=[
        "rights given away",
        "a guard taken down",
        "another function",
        "a table dropped",
        "nothing of the kind",
    ],
)
def test_a_statement_by_which_anything_may_come_is_not_decided(
    bench: Bench, statement: str, warned: bool
) -> None:
    script = (
        "create function change() returns void language plpgsql security definer"
        f" as $$ begin {statement} end $$;"
    )

    assert [line.partition(":")[0] for line in found(bench, "BYP005", script)] == ["warning"] * warned
