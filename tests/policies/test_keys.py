"""Which foreign keys say whose a row is."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.model.catalog import QName
from validate_schema.model.reading import Reach

CONTEXT = "current_setting('app.tenant_id', true)"

INVOICES = """
create table invoice (id int {key}, org_id uuid not null references organization, unique (org_id, id));
create table line (id int primary key, org_id uuid {null} references organization, invoice_id int not null,
    constraint of_one foreign key (org_id, invoice_id) references invoice (org_id, id));
alter table line enable row level security;
grant select on invoice, line to app_user;
create policy own on line using (exists (select from invoice i where i.id = line.invoice_id and i.org_id = {context}));
"""
ENFORCED = {"key": "primary key", "null": "not null"}
_NOT_VALID = """alter table line drop constraint of_one;
alter table line add constraint of_one foreign key (org_id, invoice_id) references invoice (org_id, id) not valid;"""


@pytest.mark.parametrize(
    ("said", "after", "safe"),
    [
        (ENFORCED, "", True),
        (ENFORCED | {"null": ""}, "", False),
        (ENFORCED, _NOT_VALID, False),
        (ENFORCED | {"key": ""}, "", False),
        (ENFORCED, "alter table line disable trigger all;", False),
        (ENFORCED, "create table more () inherits (line);", False),
        (ENFORCED, "create table old (unique (id)) inherits (invoice);", False),
        (ENFORCED | {"key": "primary key deferrable"}, "", False),
    ],
    ids=["enforced", "not where it is NULL", "not valid", "no key by itself", "triggers off", "not of children", "not to children", "looked at later"],
)  # fmt: skip
def test_a_key_that_holds_the_tenant_picks_its_row_by_what_is_unique_of_it(
    bench: Bench, said: dict[str, str], after: str, *, safe: bool
) -> None:
    script = INVOICES.format(context="nullif(current_setting('app.tenant_id', true), '')::uuid", **said)
    with bench.open() as conn:
        execute(conn, script + after)
        facts = facts_of(conn)
        reaches = {j.reach for j in facts.judgements[QName("public", "line")] if j.command == "SELECT"}
    assert (reaches == {Reach.SAFE}) is safe


def test_a_key_whose_triggers_are_off_leads_to_no_tenant(bench: Bench) -> None:
    script = f"""
        create table invoice (id int primary key, org_id uuid not null references organization);
        create table line (id int primary key, invoice_id int not null references invoice);
        alter table line enable row level security;
        grant select on invoice, line to app_user;
        create policy own on line using (exists (select from invoice i
            where i.id = line.invoice_id and i.org_id = nullif({CONTEXT}, '')::uuid));
        alter table line disable trigger all;
    """
    with bench.open() as conn:
        execute(conn, script)
        facts = facts_of(conn)
        said = facts.judgements.get(QName("public", "line"), ())
    assert Reach.SAFE not in {j.reach for j in said if j.command == "SELECT"}
