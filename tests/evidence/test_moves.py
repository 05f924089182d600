"""A row that is given away by another way than an UPDATE of what says whose it is."""

import pytest

from tests.fix_proof import NOTE, TENANT, Bed
from validate_schema.model.isolation import Outcome, Probe

TAGGED = f"""
create table tag (id uuid primary key default gen_random_uuid(), org_id uuid not null references organization (id),
    note_id uuid not null references note (id) {{action}});
alter table tag enable row level security;
create policy own on tag using ({TENANT});
grant select on tag to app_user;
alter table note enable row level security;
create policy shown on note for select using ({TENANT});
"""
OF_A_TAG = f"({TENANT} or exists (select from tag t where t.note_id = note.id and t.{TENANT}))"
AGAIN = f"""
create policy gone on note for delete using ({TENANT});
create policy made on note for insert with check ({OF_A_TAG});
"""


@pytest.mark.parametrize("action", ["", "on delete cascade", "deferrable initially deferred"])
def test_a_row_is_written_again_under_its_key_for_another_tenant(bed: Bed, action: str) -> None:
    script = NOTE + TAGGED.format(action=action) + AGAIN
    cell = bed.cells(script)[Probe.REHOME]

    assert cell.outcome is Outcome.LEAK
    assert "with gone as (delete from" in cell.statements[-2]
    assert bed.repeats(cell, script) == 1


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("on delete restrict", AGAIN),
        ("", AGAIN.replace(OF_A_TAG, TENANT)),
        ("", f"{AGAIN} revoke delete on note from app_user;"),
        (
            "",
            f"{AGAIN} revoke insert on note from app_user; grant insert (org_id, body) on note to app_user;",
        ),
    ],
    ids=["restrict", "checked", "kept", "under another key"],
)
def test_a_row_that_is_not_written_again_stays_whose_it_is(bed: Bed, action: str, more: str) -> None:
    outcome = bed.outcomes(NOTE + TAGGED.format(action=action) + more)[Probe.REHOME]
    assert outcome in (Outcome.ISOLATED, Outcome.DENIED)


PARTED = NOTE.replace("primary key", "").replace(
    "body text\n)", "body text, primary key (id)) partition by hash (id)"
)
PARTED += "create table note_0 partition of note for values with (modulus 1, remainder 0);"
CHANGED = f"""
create policy shown_too on note for select using ({OF_A_TAG});
create policy changed on note for update using ({TENANT}) with check ({OF_A_TAG});
revoke update on note from app_user; grant update (body) on note to app_user;
create function made() returns trigger language plpgsql as $$ declare r {{row}}; begin {{body}} end $$;
create trigger made before update on {{row}} for each row execute function made();
"""
RETURNED = {
    "another record": (NOTE, "note", "r := new; r.org_id := new.body::uuid; return r;"),
    "one that is populated": (NOTE, "note", "return jsonb_populate_record(new, new.body::jsonb);"),
    "by a partition": (PARTED, "note_0", "new.org_id := new.body::uuid; return new;"),
}


@pytest.mark.parametrize(("note", "row", "body"), RETURNED.values(), ids=RETURNED)
def test_a_trigger_makes_a_key_of_a_text(bed: Bed, note: str, row: str, body: str) -> None:
    script = note + TAGGED.format(action="") + CHANGED.format(row=row, body=body)
    cell = bed.cells(script)[Probe.REHOME]

    assert cell.outcome is Outcome.LEAK
    assert bed.repeats(cell, script) == 1


def test_a_trigger_that_leaves_the_key_alone_gives_nothing_away(bed: Bed) -> None:
    body = "new.body := lower(new.body); return new;"
    script = NOTE + TAGGED.format(action="") + CHANGED.format(row="note", body=body)
    assert bed.outcomes(script)[Probe.REHOME] in (Outcome.ISOLATED, Outcome.DENIED)
