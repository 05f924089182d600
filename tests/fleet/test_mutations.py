"""One property of one object in one of many members: exactly that member is read again, and named with that
object and that property."""

import json
import re

import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import CHANGES, make_members, mutate
from tests.fleet.test_resume import recalled, resumed
from validate_schema.scratch import Database

NAMES = tuple(f"tenant_{n:03}" for n in range(2 * len(CHANGES) + 2))
# What is told of each of CHANGES, in their order: the object, and its property where it is there on both sides.
TOLD = """
table extra
table event_2026
column account.note
column account.nick
column account.nick type
column account.nick collation
column account.mood nullable
column account.mood default
column account.ticket default
column account.id identity
column account.nick privileges of PUBLIC
column account.nick storage
column account.nick statistics
column account.nick; column account.nickname
table bill name
table account options
table event_2026 unlogged
table account replica identity
column event_2026.id nullable; primary key event_2026.event_2026_pkey
unique account.account_email_key
check invoice.invoice_total_check definition
check invoice.less
foreign key invoice.invoice_account_id_fkey on delete
foreign key invoice.invoice_account_id_fkey deferrable
foreign key invoice.invoice_account_id_fkey enabled
index invoice.invoice_account
index invoice.invoice_big predicate
index invoice.invoice_big columns
index account.account_lower columns
index invoice.invoice_account options
index sums.sums_key
table invoice row-level security
table invoice forced row-level security
policy invoice.own using
policy invoice.own command
policy invoice.own roles
trigger account.mark enabled
trigger account.mark condition
rule account.quiet
rule account.quiet enabled
view bills definition
view bills security invoker
table account privileges of PUBLIC
view bills privileges of PUBLIC
function is_own(integer) body
function is_own(integer) volatility
function is_own(integer) settings
function total(integer) settings
function total(integer) security
function total(integer)
function total(integer) privileges of PUBLIC
procedure tidy()
enum mood label
enum mood label; enum mood label
domain email checks
domain email default
domain email nullable
composite type point attributes
function wide(bigint, bigint); function wide(bigint, bigint, text); function wide_multirange(); \
function wide_multirange(VARIADIC member.wide[]); function wide_multirange(member.wide); range type wide
sequence ticket increment
sequence ticket owned by
sequence ticket maximum; sequence ticket type
statistics invoice_stats
table event_2026 partition bound
table child
schema member privileges of PUBLIC
default privileges tables of postgres privileges of PUBLIC
aggregate plus(integer)
operator === (integer, integer)
collation plain
text search configuration words
""".strip().splitlines()


@pytest.mark.slow
def test_exactly_what_was_changed_is_read_again_and_named_in_json_and_in_markdown(
    database: Database, terminal: Terminal
) -> None:
    changed = dict(zip(NAMES[1::2], zip(CHANGES, TOLD, strict=True), strict=False))
    assert len(changed) == len(CHANGES)
    with database.connect(autocommit=True) as conn:
        make_members(conn, NAMES)
        assert recalled(resumed(terminal, database)) == 0
        for member, ((_, statement), _) in changed.items():
            mutate(conn, statement, member)
    ran = resumed(terminal, database, "--report", "fleet.json", "--report", "fleet.md")
    assert (ran.status, recalled(ran)) == (1, len(NAMES) - len(changed))
    report = json.loads((terminal.folder / "fleet.json").read_text(encoding="utf-8"))
    differ = {row["name"]: row["shape"] for row in report["members"] if row["state"] == "differs"}
    assert sorted(differ) == sorted(changed)
    assert len(report["members"]) == len(NAMES)
    assert report["verdict"]["status"] == "drift"
    page = (terminal.folder / "fleet.md").read_text(encoding="utf-8").replace("\\", "")
    sections = dict(re.findall(r"## Shape `(\w+)`: 1 member\n(.*?)(?=\n## |\Z)", page, re.DOTALL))
    for member, ((what, _), told) in changed.items():
        shape = differ[member]
        assert re.search(rf"^\| `{shape}` +\| +1 \| +\d+ \| `{member}` \|$", page, re.MULTILINE), what
        lines = [line.partition(": ")[0] for line in sections[shape].split("\n- ")[1:]]
        assert "; ".join(lines) == told, (what, sections[shape])
        (of_shape,) = [s for s in report["shapes"] if s["id"] == shape]
        objects = [change["object"] for change in of_shape["changes"]]
        assert len(objects) == len(told.split("; ")), what
        assert all(str(o.get("name") or o.get("table") or o["schema"]) in told for o in objects), (
            what,
            objects,
        )
    assert recalled(resumed(terminal, database)) == len(NAMES)
