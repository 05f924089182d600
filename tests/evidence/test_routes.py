"""COPY, RETURNING and ON CONFLICT reach rows too: a leak through one of them is a leak of that verb."""

import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, NOTE, ORGANIZATION, PROTECTED, TENANT, Bed, execute
from validate_schema.evidence.isolation.attempts import Target
from validate_schema.evidence.isolation.context import default_context
from validate_schema.evidence.isolation.roles import rights_of
from validate_schema.evidence.isolation.routes import copies
from validate_schema.evidence.isolation.rows import A, B
from validate_schema.evidence.isolation.seed import Seeder
from validate_schema.evidence.isolation.stage import Stage
from validate_schema.model.isolation import Outcome, Probe, psql_script
from validate_schema.scratch import Database

# Lets a statement change rows only if its text matches: so nothing but that way leads to them.
ONLY = """
create function guard() returns trigger language plpgsql as $$ begin
  if current_query() !~* '{}' then return null; end if;
  if tg_op = 'DELETE' then return old; end if; return new;
end $$;
create trigger guard before insert or update or delete on note for each row execute function guard();
"""
WAYS = {
    "insert … returning": ("returning", Probe.INSERT, "returning"),
    "update … returning": ("^(?!.*conflict).*returning", Probe.UPDATE, "returning"),
    "delete … returning": ("returning", Probe.DELETE, "returning"),
    "on conflict do update": ("insert into .* do update set", Probe.UPDATE, "on conflict"),
    "on conflict do nothing": ("on conflict do nothing", Probe.INSERT, "on conflict do nothing"),
    "copy from": ("copy .* from stdin", Probe.INSERT, "from stdin"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_leak_by_one_way_alone_is_found_and_shown_again(bed: Bed, name: str) -> None:
    pattern, probe, shown = WAYS[name]
    script = NOTE + ONLY.format(pattern)

    cell = bed.cells(script)[probe]

    assert cell.outcome is Outcome.LEAK
    assert shown in cell.statements[-2]
    assert bed.repeats(cell, script) > 0


def test_a_rule_that_swallows_inserts_lets_copy_through(bed: Bed) -> None:
    script = NOTE + "create rule none as on insert to note do instead nothing;"

    cell = bed.cells(script)[Probe.INSERT]

    assert (cell.outcome, "by COPY" in cell.why or "insert" in cell.why) == (Outcome.LEAK, True)
    assert bed.repeats(cell, script) == 1


def test_rows_may_be_met_by_any_unique_key(bed: Bed) -> None:
    script = NOTE + "alter table note drop constraint note_pkey, add number text unique;"
    script += ONLY.format("on conflict .*number.* do update")

    cell = bed.cells(script)[Probe.UPDATE]

    assert (cell.outcome, bed.repeats(cell, script)) == (Outcome.LEAK, 1)


@pytest.mark.parametrize(
    ("base", "columns", "ways"),
    [
        (NOTE, "", 2),
        (NOTE + "revoke select on note from app_user; grant select (body) on note to app_user;", "body", 2),
        (HEALTHY, "", 0),
    ],
)
def test_copy_to_reads_what_select_reads(database: Database, base: str, columns: str, ways: int) -> None:
    with database.connect(autocommit=True) as conn:
        execute(conn, ORGANIZATION, base)
        facts = facts_of(conn)
    with database.connect() as conn:
        seeder = Seeder(conn, facts)
        name = next(n for n in seeder.seed() if n.name == "note")
        target = Target(seeder, seeder.seeded[name], rights_of(conn, "app_user")[name], shared=False)
        setup = default_context(facts)
        assert setup is not None
        context = setup.of(seeder.keys[0][A])
        attempts = copies(target, seeder.seeded[name].of(B))
        answers = [Stage(conn).run(a, "app_user", context) for a in attempts]

    assert [a.statement.split()[1] for a in attempts] == ['"public"."note"', "(select"]
    assert [a.hits > 0 for a in answers] == [ways == 2] * 2
    assert [a.state for a in answers] == ["", ""]
    assert all(columns in a.statement for a in attempts)


BRANCHES = {
    "unset": "current_setting('app.tenant_id', true) is null",
    "empty": "current_setting('app.tenant_id', true) = ''",
    "malformed": "current_setting('app.tenant_id', true) = 'not-a-tenant'",
}
VERBS = {
    "select": "for select using ({})",
    "insert": "for insert with check ({})",
    "update": "for update using ({}) with check (true)",
    "delete": "for delete using ({})",
}


@pytest.mark.parametrize("state", BRANCHES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_tried_in_each_state_of_the_context(bed: Bed, verb: str, state: str) -> None:
    tight = TENANT.replace("::uuid", "").replace("org_id", "org_id::text")
    policies = "".join(
        f"create policy p_{v} on note {form.format(BRANCHES[state] if v == verb else tight)};"
        for v, form in VERBS.items()
    )

    cell = bed.cells(PROTECTED + policies)[Probe.NO_CONTEXT]

    assert (cell.outcome, cell.why) == (
        Outcome.LEAK,
        f"{verb.upper()} reaches rows with the context {state if state != 'malformed' else repr('not-a-tenant')}",
    )
    assert bed.repeats(cell, PROTECTED, policies) > 0


def test_rows_for_copy_end_themselves_in_psql() -> None:
    assert psql_script(("begin", "copy t (a) from stdin;\n1\n\\.", "rollback")) == (
        "begin;\ncopy t (a) from stdin;\n1\n\\.\nrollback;"
    )
