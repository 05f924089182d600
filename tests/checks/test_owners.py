"""Views, functions and triggers act as their owner: what the policies let that role do decides."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look
from tests.fix_guarded import CONTEXT, GUARDED, TABLE

pytestmark = pytest.mark.every_server

CLERK = "create role clerk; grant select, insert, update, delete on invoice to clerk;"
OWN = f"org_id = (select {CONTEXT})"
AS_APP = f"{TABLE} create policy ours on invoice to app_user using ({OWN});"
VIEW = "create view ledger as select id, amount from invoice; alter view ledger owner to clerk; grant {} on ledger to app_user;"
FUNCTION = (
    "create function total() returns numeric language sql stable security definer set search_path = public, pg_temp"
    " as 'select sum(amount) from invoice'; alter function total owner to clerk;"
)
TRIGGER = (
    "create function settle() returns trigger language plpgsql security definer set search_path = public, pg_temp"
    " as $$ begin update invoice set amount = 0 where amount = new.amount; return null; end $$;"
    "alter function settle owner to clerk;"
    "create trigger settle after insert on invoice for each row execute function settle();"
)


def open_to(roles: str, using: str = "true", command: str = "all") -> str:
    return f"create policy desk on invoice for {command} to {roles} using ({using});"


CASES = {
    "a view of a role that may read all": (
        "BYP003",
        "failed",
        AS_APP + CLERK + open_to("clerk", command="select") + VIEW.format("select"),
    ),
    "a view of a member of such a role": (
        "BYP003",
        "failed",
        AS_APP
        + CLERK
        + "create role desks; grant desks to clerk;"
        + open_to("desks")
        + VIEW.format("select"),
    ),
    "a view that is written as such a role": (
        "BYP003",
        "failed",
        AS_APP
        + CLERK
        + open_to("clerk", command="delete")
        + open_to("clerk", OWN, "select").replace("desk", "d2")
        + VIEW.format("delete"),
    ),
    "a view whose owner's policy names the user": (  # who stays the reader: app_user
        "BYP003",
        "passed",
        AS_APP + CLERK + open_to("clerk", f"{OWN} or current_user = 'clerk'") + VIEW.format("select"),
    ),
    "a view whose owner's policy names the reader": (
        "BYP003",
        "failed",
        AS_APP + CLERK + open_to("clerk", f"{OWN} or current_user = 'app_user'") + VIEW.format("select"),
    ),
    "a view of a role with a policy that cannot be read": (
        "BYP003",
        "undecided",
        AS_APP + CLERK + open_to("clerk", "md5(id::text) > 'a'") + VIEW.format("select"),
    ),
    "a view of a role without a policy": ("BYP003", "passed", AS_APP + CLERK + VIEW.format("select")),
    "a view of a role that is bound": (
        "BYP003",
        "passed",
        AS_APP + CLERK + open_to("clerk", OWN) + VIEW.format("select"),
    ),
    "a view of a role that may not read": (
        "BYP003",
        "passed",
        AS_APP + "create role clerk;" + open_to("clerk") + VIEW.format("select"),
    ),
    "a function of a role that may read all": (
        "BYP005",
        "failed",
        AS_APP + CLERK + open_to("clerk") + FUNCTION,
    ),
    "a function whose owner's policy names it": (
        "BYP005",
        "failed",
        GUARDED + CLERK + open_to("public", "current_user = 'clerk'") + FUNCTION,
    ),
    "a function of the owner, whom a policy lets in": (
        "BYP005",
        "failed",
        AS_APP + CLERK + "alter table invoice owner to clerk;" + open_to("clerk") + FUNCTION,
    ),
    "a function of the owner, whom the same policy binds": (
        "BYP005",
        "passed",
        GUARDED + CLERK + "alter table invoice owner to clerk;" + FUNCTION,
    ),
    "a function of a role that may only write": (
        "BYP005",
        "passed",
        AS_APP + CLERK + open_to("clerk", command="delete") + FUNCTION,
    ),
    "a function over a view of another role": (
        "BYP005",
        "failed",
        AS_APP
        + CLERK
        + "create view ledger as select * from invoice; grant select on ledger to clerk;"
        + FUNCTION.replace("from invoice", "from ledger"),
    ),
    "a function over a stored copy": (
        "BYP005",
        "failed",
        AS_APP
        + CLERK
        + "create materialized view ledger as select * from invoice; grant select on ledger to clerk;"
        + FUNCTION.replace("from invoice", "from ledger"),
    ),
    "a trigger of a role that may write all": (
        "EFF001",
        "undecided",
        AS_APP + CLERK + open_to("clerk") + TRIGGER,
    ),
    "a trigger of a role that is bound": (
        "EFF001",
        "passed",
        AS_APP + CLERK + open_to("clerk", OWN) + TRIGGER,
    ),
}


@pytest.mark.parametrize(("id", "status", "script"), CASES.values(), ids=CASES)
def test_the_policies_of_the_owner_decide(bench: Bench, id: str, status: str, script: str) -> None:
    judged = look(bench, id, script)

    assert judged.result.status == status, judged.said


def test_what_a_policy_opens_to_the_app_as_well_is_told_once(bench: Bench) -> None:
    script = AS_APP + CLERK + open_to("public") + VIEW.format("select")

    assert look(bench, "BYP003", script).findings == ()
    assert look(bench, "RLS005", script).result.status == "failed"


def test_the_finding_names_the_policy(bench: Bench) -> None:
    (finding,) = look(bench, "BYP005", AS_APP + CLERK + open_to("clerk") + FUNCTION).findings

    assert finding.observed == "runs as clerk, to whom policy desk on invoice opens the rows of every tenant"
