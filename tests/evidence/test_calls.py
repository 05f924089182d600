"""Functions are called with keys of both tenants at once, and what a call itself brings along tells nothing."""

import pytest

from tests.fix_proof import HEALTHY, Bed
from validate_schema.model.isolation import Outcome, Probe

MINE = "nullif(current_setting('app.tenant_id', true), '')::uuid"
DEFINER = "create function {} returns {} language {} security definer as $$ {} $$;"
GUARD = f"begin if a is distinct from {MINE} then raise exception 'not yours'; end if; "
NOTES = "return query select body from note where {}; end"
ASKED = {
    "the key of one is tested, that of another used": DEFINER.format(
        "notes_of(a uuid, b uuid)", "setof text", "plpgsql", GUARD + NOTES.format("org_id = b")
    ),
    "the last of three is tested": DEFINER.format(
        "notes_of(b uuid, c uuid, a uuid)", "setof text", "plpgsql", GUARD + NOTES.format("org_id = b")
    ),
    "a row of the other tenant beside one's own key": DEFINER.format(
        "note_of(a uuid, b uuid)", "setof text", "plpgsql", GUARD + NOTES.format("id = b")
    ),
    "one of five": DEFINER.format(
        "notes_of(a uuid, b uuid, c uuid, d uuid, e uuid)", "setof text", "plpgsql",
        GUARD + f"if (b, c, e) is distinct from ({MINE}, {MINE}, {MINE}) then return; end if; "
        + NOTES.format("org_id = d"),
    ),
    "one's own key opens all": DEFINER.format(
        "notes_of(a uuid)", "setof text", "plpgsql", GUARD + NOTES.format("true")
    ),
    "any key of a list": DEFINER.format(
        "notes_of(variadic a uuid[])", "setof text", "sql",
        f"select body from note where org_id = any (a) and {MINE} = any (a)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_a_function_that_tests_one_key_and_uses_another_is_found(bed: Bed, name: str) -> None:
    script = HEALTHY + ASKED[name]

    cells = [c for c in bed.prove(script).cells if c.probe is Probe.SURFACE]

    assert [c.outcome for c in cells] == [Outcome.LEAK]
    assert bed.repeats(cells[0], script) > 0


def test_a_change_that_takes_keys_of_both_is_found(bed: Bed) -> None:
    body = GUARD + "delete from note where id = b; end"
    script = HEALTHY + DEFINER.format("forget(a uuid, b uuid)", "void", "plpgsql", body)

    cells = [c for c in bed.prove(script).cells if c.probe is Probe.EFFECT]

    assert [(c.table.name, c.outcome) for c in cells] == [("forget(a uuid, b uuid)", Outcome.LEAK)]


def test_a_key_that_is_kept_as_it_was_given_is_no_leak(bed: Bed) -> None:
    log = (
        "create table asked (id bigint generated always as identity primary key, org_id uuid not null references"
        " organization (id), what text); alter table asked enable row level security; grant select on asked to app_user;"
        " create policy own on asked using (org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);"
    )
    told = "insert into asked (org_id, what) values ({0}, b::text || {1})"
    kept = DEFINER.format("ask(b uuid)", "void", "sql", told.format(MINE, "''"))
    more = "coalesce((select ' ' || body from note where id = b), '')"
    read = DEFINER.format("ask(b uuid)", "void", "sql", told.format(MINE, more))

    outcomes = [
        {c.outcome for c in bed.prove(HEALTHY, log, script).cells if c.probe is Probe.EFFECT}
        for script in (kept, read)
    ]

    assert [Outcome.LEAK in found for found in outcomes] == [False, True]


@pytest.mark.parametrize(("returned", "leaks"), [("id", False), ("body", True)])
def test_an_answer_that_is_new_each_time_tells_by_the_words_in_it(
    bed: Bed, returned: str, leaks: bool
) -> None:
    values = "a, (select string_agg(body, ',') from note)" if leaks else "a, 'new'"
    body = GUARD + f"return query insert into note (org_id, body) values ({values})"
    body += f" returning {returned}::text || gen_random_uuid(); end"
    script = HEALTHY + DEFINER.format("make_note(a uuid)", "setof text", "plpgsql", body)

    cells = [c for c in bed.prove(script).cells if c.probe is Probe.SURFACE]

    assert [c.outcome is Outcome.LEAK for c in cells] == [leaks]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("a uuid, b uuid", False), ("a uuid, b uuid, c uuid, d uuid", True)],
    ids=["all of them", "some of them"],
)
def test_how_many_choices_of_arguments_were_left_out_is_told(bed: Bed, arguments: str, told: bool) -> None:
    body = f"select body from note where {MINE} = org_id and id in ({arguments.replace(' uuid', '')})"
    script = HEALTHY + DEFINER.format(f"notes_of({arguments})", "setof text", "sql", body)

    (cell,) = (c for c in bed.prove(script).cells if c.probe is Probe.SURFACE)

    assert cell.outcome is Outcome.ISOLATED
    assert ("choices of arguments" in cell.why) is told


@pytest.mark.parametrize(
    ("path", "granted", "outcome"),
    [
        ("set search_path = work, public, pg_temp", "work", Outcome.INCONCLUSIVE),
        ("set search_path = public, pg_temp", "work", Outcome.ISOLATED),
        ("", "work", Outcome.INCONCLUSIVE),
        ("set search_path = work, public, pg_temp", "app_user_work", Outcome.ISOLATED),
    ],
    ids=["in its path", "elsewhere", "no path", "nowhere"],
)
def test_a_function_that_finds_what_the_app_makes_is_not_isolated(
    bed: Bed, path: str, granted: str, outcome: Outcome
) -> None:
    script = (
        "create schema work; create schema app_user_work; revoke all on schema public from public;"
        f" grant usage on schema public to app_user; grant create on schema {granted} to app_user;"
        f" create function notes() returns setof text language sql security definer {path}"
        f" as $$ select lower(body) from public.note where org_id = {MINE} $$;"
    )

    (cell,) = (c for c in bed.prove(HEALTHY + script).cells if c.probe is Probe.SURFACE)

    assert cell.outcome is outcome
