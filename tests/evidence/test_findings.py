"""One defect, one finding: what static checks explain is not said again, unless the two disagree."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, NOTE, ORGANIZATION, PROTECTED, TENANT, execute
from tests.fix_server import fresh
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.evidence.isolation import prove
from validate_schema.model.finding import Severity
from validate_schema.model.isolation import Outcome, Probe
from validate_schema.model.reading import Analysis, Reach
from validate_schema.scratch import Server

STATIC = ("RLS", "BYP", "FKY")
FORCE = "alter table organization force row level security; alter table note force row level security;"
BLIND_WRITES = (
    f"{PROTECTED} {FORCE} create policy r on note for select using ({TENANT});"
    f" create policy i on note for insert with check ({TENANT});"
    " create policy u on note for update using (true); create policy d on note for delete using (true);"
)
COMMENT = (
    "create table comment (id int primary key, org_id uuid not null references organization (id),"
    " note_id uuid not null references note (id)); grant select, insert, update, delete on comment to app_user;"
    " alter table comment enable row level security; alter table comment force row level security;"
    f" create policy own on comment using ({TENANT});"
)
VIEW = "create view seen as select * from note; grant select on seen to app_user;"


def errors(server: Server, *scripts: str, beside: bool = True, trust: bool = False) -> list[tuple[str, str]]:
    """Return check and object of each error of both lines of evidence. Not `beside`: ISO checks alone.
    `trust`: the policies are said to have been read as safe."""
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, *scripts)
            facts = facts_of(conn)
        proof = prove(database, facts)
    checks = [c for c in builtin_checks() if c.family.id == "ISO" or (beside and c.family.id in STATIC)]
    if trust:
        safe = (replace_reach(j) for j in facts.analysis.judgements)
        facts = replace(facts, analysis=Analysis(tuple(safe)))
    assert Outcome.LEAK in {c.outcome for c in proof.cells}
    found = run(checks, replace(facts, isolation=proof)).findings
    return [(f.check, f.object.label()) for f in found if f.severity is Severity.ERROR]


def replace_reach(judgement: Any) -> Any:
    return msgspec.structs.replace(judgement, reach=Reach.SAFE, flow=None)


def test_row_security_that_is_off_is_one_finding(server: Server) -> None:
    assert errors(server, NOTE, FORCE) == [("RLS001", "note")]


def test_the_proof_alone_tells_all_verbs_in_one_finding(server: Server) -> None:
    assert errors(server, NOTE, FORCE, beside=False) == [
        ("ISO001", "note.app_user: read, insert, update, delete, re-home, no context")
    ]


def test_an_open_policy_is_not_said_again(server: Server) -> None:
    found = errors(server, f"{PROTECTED} {FORCE} create policy p on note using (true);")

    assert {check[:3] for check, _ in found} == {"RLS"}


def test_leaks_without_reads_stand_under_the_first_of_them(server: Server) -> None:
    assert errors(server, BLIND_WRITES, beside=False) == [
        ("ISO003", "note.app_user: update, delete, re-home, no context")
    ]


def test_what_reads_as_safe_and_leaks_is_said(server: Server) -> None:
    script = f"{HEALTHY} {FORCE} create policy p on note for select using (true);"

    found = errors(server, script, trust=True)

    assert found == [("ISO001", "note.app_user: read, no context")]


def test_a_crossing_key_is_said_once(server: Server) -> None:
    alone = errors(server, HEALTHY, FORCE, COMMENT, beside=False)
    both = errors(server, HEALTHY, FORCE, COMMENT)

    assert alone == [("ISO008", "comment.comment_note_id_fkey as app_user")]
    assert [check for check, _ in both] == ["FKY001"]


@pytest.mark.parametrize(("base", "expected"), [(HEALTHY, "BYP003"), (NOTE, "RLS001")])
def test_a_view_is_said_once_and_not_at_all_where_its_table_is_open(
    server: Server, base: str, expected: str
) -> None:
    found = errors(server, base, FORCE, VIEW)

    assert [check for check, _ in found if check[:3] == "ISO"] == []
    assert expected in [check for check, _ in found]


def test_a_role_that_no_policy_lets_write_refers_to_nothing(server: Server) -> None:
    grants = "create role visitor; grant select, insert, update, delete on note, comment to visitor;"
    policies = (
        f"{PROTECTED} {FORCE} create policy own on note to app_user using ({TENANT}); {COMMENT} {grants}"
    )
    with fresh(server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, policies.replace("own on comment", "own on comment to app_user"))
            facts = facts_of(conn, '[tenancy]\napp_roles = ["app_user", "visitor"]\n')
        proof = prove(database, facts)
    found = {c.role: (c.outcome, c.why) for c in proof.cells if c.probe is Probe.REFERENCE}
    assert found["app_user"][0] is Outcome.LEAK
    assert found["visitor"] == (Outcome.DENIED, "no policy lets the role write")
