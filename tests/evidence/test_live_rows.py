"""Rows are made that meet what a view, a function or a policy asks of them."""

import pytest

from tests.fix_proof import HEALTHY, PROTECTED, TENANT, Bed
from validate_schema.evidence.isolation.conditions import wanted_by_view
from validate_schema.model.catalog import View
from validate_schema.model.isolation import Outcome, Probe

COLUMNS = (
    "alter table note add deleted_at timestamptz, add state text not null default 'new', add hidden boolean not null,"
    " add expires timestamptz not null, add score int not null;"
)
FOLDER = (
    "create table folder (id uuid primary key, org_id uuid not null references organization (id), closed_at date);"
    f" alter table folder enable row level security; create policy p on folder using ({TENANT});"
    " grant select on folder to app_user; alter table note add folder_id uuid references folder (id);"
)
CONDITIONS = {
    "null": "n.deleted_at is null",
    "a word": "n.state = 'done'",
    "one of several": "n.state in ('sent', 'paid') and not n.hidden",
    "a moment to come": "n.expires > now()",
    "a limit": "n.score >= 40000001 and n.hidden is true",
    "its folder": "exists (select from folder f where f.id = n.folder_id and f.closed_at is null)",
}


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("invoker", [True, False])
def test_a_view_over_live_rows_is_isolated_or_leaks(bed: Bed, name: str, invoker: bool) -> None:
    options = "with (security_invoker)" if invoker else ""
    script = HEALTHY + COLUMNS + FOLDER + (
        f" create view live {options} as select n.* from note n where {CONDITIONS[name]};"
        " grant select on live to app_user;"
    )  # fmt: skip

    cell = bed.cells(script, table="live")[Probe.SURFACE]

    assert cell.outcome is (Outcome.ISOLATED if invoker else Outcome.LEAK)


def test_a_view_over_a_view_that_joins_live_parents(bed: Bed) -> None:
    script = HEALTHY + COLUMNS + FOLDER + (
        " create view inner_ones with (security_invoker) as select n.id, n.org_id, n.state from note n"
        " join folder f on f.id = n.folder_id and f.closed_at is null where n.deleted_at is null;"
        " create view outer_ones with (security_invoker) as select * from inner_ones where state = 'open';"
        " grant select on inner_ones, outer_ones to app_user;"
    )  # fmt: skip

    found = {c.table.name: c.outcome for c in bed.prove(script).cells if c.probe is Probe.SURFACE}

    assert found == {"inner_ones": Outcome.ISOLATED, "outer_ones": Outcome.ISOLATED}


def test_a_policy_over_live_rows_lets_own_rows_work(bed: Bed) -> None:
    script = PROTECTED + COLUMNS + (
        f" create policy p on note using ({TENANT} and deleted_at is null and state = 'open' and not hidden);"
    )  # fmt: skip

    assert set(bed.outcomes(script).values()) == {Outcome.ISOLATED}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("a IS NULL AND b", {"a": None, "b": "true"}),
        ("5 < a AND b <= 3", {"a": "6", "b": "3"}),
        ("a = ANY (ARRAY['x'::text, 'y'::text]) AND a = 'y'::text", {"a": "x"}),
        ("upper(a) = 'X' AND (b IS FALSE OR c)", {"b": "false"}),
        ("a <> 'x' AND b = c AND NOT (d OR e)", {}),
    ],
)
def test_what_a_query_asks_of_columns(condition: str, wanted: dict[str, str | None]) -> None:
    view = View("public", "v", "o", "view", f"SELECT * FROM t WHERE {condition};")

    assert wanted_by_view(view) == wanted
