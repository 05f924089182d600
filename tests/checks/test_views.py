"""Views and materialized views: whoever reads past the policies is found, whoever does not is left alone."""

import pytest

from tests.fix_bench import Bench
from tests.fix_guarded import CONTEXT, found

pytestmark = pytest.mark.every_server

LEAK = "error: View open_invoice shows every tenant's rows of invoice to app_user"
COPY = "error: Materialized view turnover holds every tenant's rows of invoice, open to app_user"

PAST_THE_POLICIES = {
    "owner is a superuser": "create view open_invoice as select * from invoice",
    "a security barrier does not help": "create view open_invoice with (security_barrier) as select * from invoice",
    "owner has BYPASSRLS": """
        alter role app_owner bypassrls;
        create view open_invoice as select * from invoice;
        alter view open_invoice owner to app_owner
    """,
    "owner of the table, not forced": """
        alter table invoice owner to app_owner;
        alter table invoice no force row level security;
        create view open_invoice as select * from invoice;
        alter view open_invoice owner to app_owner
    """,
    "filters one side of an outer join": f"""
        create view open_invoice as select i.id, o.name from invoice i
            left join organization o on o.id = i.org_id and i.org_id = {CONTEXT}
    """,
    "filters one arm of a union": f"""
        create view open_invoice as
            select id from invoice where org_id = {CONTEXT} union all select id from invoice
    """,
    "filters or is public": f"create view open_invoice as select id from invoice where is_public or org_id = {CONTEXT}",
    "filters by another setting": """
        create view open_invoice as select id from invoice where org_id::text = current_setting('app.org')
    """,
}
WITHIN = {
    "security invoker": "create view open_invoice with (security_invoker) as select * from invoice",
    "owner is subject to the policies": """
        grant select on invoice to app_owner;
        create view open_invoice as select * from invoice;
        alter view open_invoice owner to app_owner
    """,
    "forced owner": """
        alter table invoice owner to app_owner;
        create view open_invoice as select * from invoice;
        alter view open_invoice owner to app_owner
    """,
    "filters by the tenant": f"create view open_invoice as select id from invoice where org_id = {CONTEXT}",
    "filters by a helper": f"""
        create function current_org() returns uuid language sql stable as $$ select {CONTEXT} $$;
        create view open_invoice as select id from invoice where org_id = (select current_org())
    """,
    "joins a filtered table": f"""
        create view open_invoice as select i.id, c.amount from invoice i join invoice c on c.id = i.id
            where i.org_id = {CONTEXT}
    """,
    "filters in a subquery": f"""
        create view open_invoice as select s.id from (select id from invoice where org_id = {CONTEXT}) s
    """,
}


@pytest.mark.parametrize("script", PAST_THE_POLICIES.values(), ids=PAST_THE_POLICIES)
def test_a_view_that_reads_past_the_policies_is_one_error(bench: Bench, script: str) -> None:
    assert found(bench, "BYP003", f"{script}; grant select on open_invoice to app_user;") == [LEAK]


@pytest.mark.parametrize("script", WITHIN.values(), ids=WITHIN)
def test_a_view_within_the_policies_is_no_finding(bench: Bench, script: str) -> None:
    assert found(bench, "BYP003", f"{script}; grant select on open_invoice to app_user;") == []


def test_a_view_that_no_app_role_may_read_is_no_finding(bench: Bench) -> None:
    assert found(bench, "BYP003", "create view open_invoice as select * from invoice;") == []


def test_the_inner_view_is_named_when_the_app_reads_an_outer_one(bench: Bench) -> None:
    script = """
        create view open_invoice as select * from invoice;
        create view listing as select * from open_invoice;
        grant select on listing to app_user;
    """

    assert found(bench, "BYP003", script) == [LEAK]


def test_a_materialized_view_that_the_app_may_read_is_one_error(bench: Bench) -> None:
    script = """
        create view every_invoice with (security_invoker) as select * from invoice;
        create materialized view turnover as select org_id, sum(amount) from every_invoice group by org_id;
        grant select on turnover to app_user;
    """

    assert found(bench, "BYP004", script) == [COPY]


def test_a_materialized_view_behind_a_view_is_open_unless_that_filters(bench: Bench) -> None:
    copy = "create materialized view turnover as select org_id, sum(amount) from invoice group by org_id;"
    open_view = "create view listing as select * from turnover; grant select on listing to app_user;"
    own_view = f"create view mine as select * from turnover where org_id = {CONTEXT}; grant select on mine to app_user;"

    assert found(bench, "BYP004", copy + open_view) == [COPY]
    assert found(bench, "BYP004", copy + own_view) == []
