"""`fleet fix`: what makes members like the reference, tried on a copy, and run by psql."""

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_fleet import HOSTILE, make_members, mutate
from validate_schema import fleet
from validate_schema.fleets.filled import HOME, INSIDE, filled, pattern
from validate_schema.migrations.run.surroundings import environment
from validate_schema.scratch import Database

Conn = psycopg.Connection[object]
PSQL = shutil.which("psql")
# Each is mended without a question.
CERTAIN = (
    "drop view {0}.bills; drop materialized view {0}.sums; drop table {0}.invoice",
    "alter table {0}.account drop column ticket",
    "alter table {0}.account drop constraint account_email_key, alter column mood set default 'sad'",
    "alter table {0}.account drop column nick",
    "create or replace function {0}.total(integer) returns bigint language sql as 'select 1::bigint'",
    "drop function {0}.total(integer); drop trigger mark on {0}.account; drop function {0}.mark()",
    "drop policy own on {0}.invoice; alter table {0}.invoice disable row level security",
    "drop index {0}.account_lower; create index account_lower on {0}.account (upper(email))",
    "alter table {0}.invoice drop constraint invoice_account_id_fkey, add constraint"
    " other foreign key (account_id) references {0}.account (id) on delete cascade",
    "create or replace view {0}.bills as select i.id, a.email, i.total from {0}.invoice i, {0}.account a",
    "grant usage on schema {0} to public",
)  # fmt: skip


def run(database: Database, script: Path, tmp_path: Path) -> None:
    """Run a script as its heading says. Skips where no psql is here."""
    if PSQL is None:
        pytest.skip("psql is not here")
    (tmp_path / "settings").mkdir(exist_ok=True)
    url = environment(database.parameters, tmp_path, tmp_path / "settings")["DATABASE_URL"]
    ran = subprocess.run(
        [PSQL, "-X", "-q", url, "-f", script], check=False, capture_output=True, text=True, env=os.environ
    )
    assert ran.returncode == 0, ran.stderr + script.read_text("utf-8")


def test_members_of_any_name_are_made_like_the_reference(
    database: Database, conn: Conn, terminal: Terminal, tmp_path: Path
) -> None:
    names = [*HOSTILE, *(f"{n} 'more\" %s $1 {n}" for n in range(4))]
    make_members(conn, names)
    odd = names[1 : 2 * len(CERTAIN) + 1]
    for n, name in enumerate(odd):
        mutate(conn, CERTAIN[n % len(CERTAIN)], name)
    asked = (
        "--database-url",
        database.conninfo,
        "--schemas",
        "/.*/",
        "--exclude",
        "public=shared",
        "--reference",
        "tenant_1",
    )
    ran = terminal.run("fleet", "fix", *asked, "--into", "mend")
    scripts = sorted(Path("mend").iterdir())
    assert (ran.status, len(scripts)) == (0, len(CERTAIN)), ran.err
    assert "to decide" not in ran.err
    for script in scripts:
        run(database, script, tmp_path)
    report = fleet(
        database_url=database.conninfo,
        schemas="/.*/",
        exclude={"public": "shared"},
        reference="tenant_1",
        select="FLT014",
    )
    assert [s.changes for s in report.shapes if s.changes] == []
    assert report.verdict.status == "pass"
    again = terminal.run("fleet", "fix", *asked, "--into", "again")
    assert (again.status, "nothing differs" in again.err, Path("again").exists()) == (0, True, False)


@pytest.mark.parametrize(
    "statement",
    [
        f"alter table \"{HOME}\".account alter ticket set default nextval('{HOME}.ticket'::regclass)",
        f"create function {HOME}.f() returns text language sql set search_path to '{HOME}', 'pg_temp' as $$ select '%s' $$",
        f"comment on table {HOME}.account is '100% of it''s in {HOME}.x'",
    ],
)
def test_the_server_fills_in_a_name_as_we_do(conn: Conn, statement: str) -> None:
    for name in HOSTILE:
        query = f"select format(%s, member, {INSIDE}) from (values (%s::text)) fleet (member)"
        (made,) = conn.execute(query.encode(), (pattern(statement), name)).fetchone() or ("",)
        plain = str(made).replace(f"{name}.", f'"{name}".') if f'"{name}"' not in str(made) else str(made)
        assert plain.replace('"', "") == filled(statement, name).replace('"', "")


def fixed(database: Database, terminal: Terminal, *more: str) -> tuple[int, str, list[Path]]:
    ran = terminal.run(
        "fleet", "fix", "--database-url", database.conninfo, "--schemas", "tenant_%", "--into", "mend", *more
    )
    return ran.status, ran.err, sorted(Path("mend").glob("*"))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "alter table {0}.account add column note text",
            "account.note: text -> nothing (the member alone has it",
        ),
        ("alter table {0}.invoice alter total type numeric(12,4)", "the type would change what rows hold"),
        ("drop table {0}.event_2026", "write it by hand"),
        ("revoke select on {0}.bills from public", "nobody knows: PUBLIC"),
        ("alter table {0}.invoice force row level security", "it would let in more than now"),
    ],
)
def test_a_decision_is_never_guessed(
    database: Database, conn: Conn, terminal: Terminal, statement: str, said: str
) -> None:
    make_members(conn, ("tenant_1", "tenant_2", "tenant_3"))
    if "total type" in statement:
        conn.execute(
            "drop view tenant_2.bills; drop materialized view tenant_2.sums; alter table tenant_2.invoice drop tax"
        )
    mutate(conn, statement, "tenant_2")
    status, err, scripts = fixed(database, terminal)
    assert said in err
    assert status == 0 or "not mended" in err
    assert not scripts or "-- To decide" in scripts[0].read_text("utf-8")


def test_a_role_of_the_reference_gets_no_right_in_another_member(
    database: Database, conn: Conn, terminal: Terminal
) -> None:
    make_members(conn, ("tenant_1", "tenant_2"))
    conn.execute(
        "create role of_1; create role everywhere; grant usage on schema tenant_1, tenant_2 to everywhere"
    )
    conn.execute(
        "grant select on tenant_1.account to of_1, everywhere; grant usage on schema tenant_1 to of_1"
    )
    _, err, (script,) = fixed(database, terminal, "--reference", "tenant_1")
    assert err.count("nobody knows: of_1") == 2
    lines = [line for line in script.read_text("utf-8").splitlines() if not line.startswith("--")]
    assert [("of_1" in line, "everywhere" in line) for line in lines if "GRANT" in line] == [(False, True)]


def test_what_fails_on_the_copy_is_not_written_unless_it_is_forced(
    database: Database, conn: Conn, terminal: Terminal
) -> None:
    make_members(conn, ("tenant_1", "tenant_2", "tenant_3"))
    mutate(
        conn,
        "alter table {0}.event_2026 add primary key (id); alter table {0}.account drop column nick",
        "tenant_2",
    )
    status, err, scripts = fixed(database, terminal)
    assert (status, scripts) == (1, [])
    assert 'not mended: column event_2026.id nullable: no -> yes (column "id" is in a primary key)' in err
    status, _, (script,) = fixed(database, terminal, "--force")
    assert (status, "-- Not mended: column event_2026.id" in script.read_text("utf-8")) == (1, True)


def test_what_still_differs_on_the_copy_is_told_and_not_written(
    database: Database, conn: Conn, terminal: Terminal
) -> None:
    make_members(conn, ("tenant_1", "tenant_2"))
    conn.execute(
        "alter table tenant_1.account disable rule quiet; alter table tenant_1.account disable trigger mark"
    )
    conn.execute("drop rule quiet on tenant_2.account; drop trigger mark on tenant_2.account")
    status, err, scripts = fixed(database, terminal, "--reference", "tenant_1")
    assert (status, scripts) == (1, [])
    assert "still different afterwards: rule account.quiet enabled: origin -> disabled" in err
    assert "trigger" not in err


def test_a_snapshot_is_no_member_to_be_made_like(database: Database, terminal: Terminal) -> None:
    terminal.run("snapshot", "--database-url", database.conninfo, "-o", "now.json")
    status, err, _ = fixed(database, terminal, "--reference", "now.json")
    assert (status, "like a member" in err) == (2, True)


def test_databases_are_mended_one_by_one(
    database: Database, terminal: Terminal, tmp_path: Path, server: "object"
) -> None:
    from tests.fix_server import fresh

    with fresh(server) as one, fresh(server) as two:  # type: ignore[arg-type]
        for n, each in enumerate((database, one, two)):
            with each.connect(autocommit=True) as conn:
                conn.execute(
                    "create table account (id int primary key, note text); create index on account (note)"
                )
                conn.execute(
                    f"create function f() returns text language sql as 'select ''100%''' {'stable' if n == 2 else ''}"
                )
                if n == 2:
                    conn.execute("alter table account drop column note")
        terminal.write(
            "fleet.csv",
            "".join(f"{name},{d.conninfo}\n" for name, d in (("a", database), ("b", one), ("c", two))),
        )
        ran = terminal.run("fleet", "fix", "--targets", "fleet.csv", "--into", "mend")
        assert ran.status == 0, ran.err
        (script,) = Path("mend").iterdir()
        run(two, script, tmp_path)
        assert fleet(targets="fleet.csv", select="FLT014").verdict.status == "pass"
