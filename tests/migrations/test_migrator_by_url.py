"""Migrations run as the role that migrates on a scratch server that somebody else started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_cli import Ran, Terminal
from tests.migrations.test_discovery import lay
from tests.migrations.test_migrator import FORCED, ROLE, said
from validate_schema.migrations import discover, replay
from validate_schema.migrations.fixtures import upgrade_paths
from validate_schema.model.errors import MigrationError
from validate_schema.model.history import HiddenRows
from validate_schema.scratch import Database, open_server
from validate_schema.scratch.ledger import drop_stray_roles, role_names

UPDATE = {"1_a.sql": FORCED, "2_b.sql": "update note set done = true;"}
SEES_ALL = ["superuser", "createdb createrole bypassrls"]
BOUND = "createdb createrole"
CREATEDB = "createdb"

pytestmark = pytest.mark.every_server


@pytest.fixture
def by_url(any_database: Database) -> Iterator[str]:
    """The URL of a server, as a role that has no rights yet."""
    server = any_database.server
    with server.connect(autocommit=True) as conn:
        before = role_names(conn)
        conn.execute("create role maker login")
        yield any_database.conninfo.replace("user=postgres", "user=maker")
        owned = "select datname from pg_database where datdba in (select oid from pg_roles where rolname in ('maker', %s))"
        for (name,) in conn.execute(owned, [ROLE]).fetchall():
            conn.execute(f'drop database "{name}" with (force)'.encode())
        drop_stray_roles(conn, keep=before)


def prepare(database: Database, *statements: str) -> None:
    with database.server.connect(autocommit=True) as conn:
        for statement in statements:
            conn.execute(statement.encode())


def run(url: str, folder: Path, files: dict[str, str] = UPDATE, role: str = ROLE) -> tuple[HiddenRows, ...]:
    with open_server(url) as remote, remote.database() as database:
        found = replay(database, discover(lay(folder, files), role=role))
        with database.connect() as conn:
            owners = conn.execute(
                "select distinct relowner::regrole::text from pg_class where relname = 'note'"
            )
            assert owners.fetchall() == [(f"{role}",)]
    return found.hidden


@pytest.mark.pg(">= 15")
@pytest.mark.parametrize("rights", SEES_ALL)
def test_what_is_hidden_is_counted_where_whoever_logs_in_sees_all_rows(
    by_url: str, any_database: Database, tmp_path: Path, rights: str
) -> None:
    prepare(any_database, f"alter role maker {rights}")

    assert said(run(by_url, tmp_path)) == [("2_b.sql", 1, "note", 0, 3)]
    assert said(run(by_url, tmp_path)) == [("2_b.sql", 1, "note", 0, 3)]  # the role is there now


def test_where_row_security_binds_whoever_logs_in_it_is_said(
    by_url: str, any_database: Database, tmp_path: Path
) -> None:
    prepare(any_database, f"alter role maker {BOUND}")

    (found,) = run(by_url, tmp_path)

    assert (found.statement.file, found.there) == ("2_b.sql", 0)
    words = "row security binds whoever logs in" if any_database.server.version_num >= 150000 else "counts no"
    assert words in found.reason


def test_createdb_is_enough_where_the_role_is_there(
    by_url: str, any_database: Database, tmp_path: Path
) -> None:
    prepare(any_database, f"alter role maker {CREATEDB}")
    with pytest.raises(MigrationError) as refused:
        run(by_url, tmp_path)
    assert str(refused.value) == (
        "[migrations] role: migrator cannot run them here: permission denied to create role;"
        " create it there, and grant it to maker"
    )
    prepare(any_database, f"create role {ROLE}", f"grant {ROLE} to maker")

    assert len(run(by_url, tmp_path)) == 1


def test_a_role_that_is_another_s_is_not_taken(by_url: str, any_database: Database, tmp_path: Path) -> None:
    prepare(any_database, f"alter role maker {CREATEDB}", f"create role {ROLE}")
    with pytest.raises(
        MigrationError, match=r"cannot run them here: .*; create it there, and grant it to maker$"
    ):
        run(by_url, tmp_path)


@pytest.mark.parametrize("rights", ["superuser", "bypassrls"])
@pytest.mark.parametrize("me", ["postgres", "maker"])
def test_a_role_that_sees_all_rows_is_refused_with_what_to_do(
    by_url: str, any_database: Database, tmp_path: Path, me: str, rights: str
) -> None:
    """Whoever logs in, named as the role, included."""
    prepare(any_database, "alter role maker superuser", f"create role {ROLE} {rights}")
    for role in (me, ROLE):
        with pytest.raises(
            MigrationError, match=rf"^\[migrations\] role: {role} sees all rows .* leave role out"
        ):
            run(by_url.replace("user=maker", f"user={me}"), tmp_path, role=role)


def test_whoever_logs_in_may_be_the_role(by_url: str, any_database: Database, tmp_path: Path) -> None:
    prepare(any_database, f"alter role maker {CREATEDB}")

    (found,) = run(by_url, tmp_path, role="maker")

    assert found.there == 0


@pytest.mark.pg(">= 15")
def test_rows_of_fixtures_are_those_of_every_tenant(
    by_url: str, any_database: Database, tmp_path: Path
) -> None:
    prepare(any_database, "alter role maker superuser")
    table, rows, rest = FORCED.partition("insert into note values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3);\n")
    lay(tmp_path / "m", {"1_a.sql": table + rest, "2_b.sql": "update note set done = true;"})
    lay(tmp_path / "f", {"1.sql": rows})
    with open_server(by_url) as remote:
        found = upgrade_paths(remote, discover(tmp_path / "m", role=ROLE), tmp_path / "f")

    assert (found.losses, said(found.hidden)) == ((), [("2_b.sql", 1, "note", 0, 3)])


@pytest.mark.pg(">= 15")
@pytest.mark.parametrize(("rights", "status"), [("superuser", 1), (BOUND, 3)])
def test_a_run_by_url_tells_it_twice_and_leaves_nothing_in_use(
    by_url: str, any_database: Database, terminal: Terminal, rights: str, status: int
) -> None:
    prepare(any_database, f"alter role maker {rights}")
    lay(terminal.folder / "m", UPDATE)
    terminal.write("validate-schema.toml", f'[migrations]\nrole = "{ROLE}"\n')

    def told() -> Ran:
        return terminal.run(
            "--migrations", "m", "--scratch", by_url, "--no-prove", "--select", "MIG010,MIG016"
        )

    for ran in (told(), told()):
        assert ran.status == status, ran.out + ran.err
        assert ("2_b.sql changes 0 of 3 rows of note" in ran.out) == (status == 1), ran.out


@pytest.mark.parametrize("rights", ["superuser", BOUND])
def test_a_pending_file_is_tried_as_the_targets_role(
    by_url: str, any_database: Database, terminal: Terminal, rights: str
) -> None:
    prepare(any_database, f"alter role maker {rights}", f"create role {ROLE} createdb createrole")
    prepare(any_database, f"grant {ROLE} to maker{' with admin option' if rights == BOUND else ''}")
    ledger = "create table applied_migrations (version text primary key, name text not null, applied_at timestamptz, checksum text);"
    with any_database.connect(autocommit=True) as conn:
        conn.execute(f"{ledger}{FORCED}".encode())
        conn.execute("insert into applied_migrations values ('1', 'a', '2026-01-01', null)")
        conn.execute(
            f'alter table note owner to {ROLE}; alter database "{any_database.name}" owner to {ROLE}'.encode()
        )
        lay(terminal.folder / "m", UPDATE)
        terminal.write("validate-schema.toml", f'[migrations]\npath = "m"\nreplay = true\nrole = "{ROLE}"\n')
        try:
            ran = terminal.run(
                "--database-url",
                any_database.conninfo,
                "--scratch",
                by_url,
                "--no-prove",
                "--select",
                "MIG013,MIG016",
            )
        finally:
            conn.execute(f'alter database "{any_database.name}" owner to postgres')
    assert "MIG016" in ran.out, ran.out + ran.err
    assert "2_b.sql" in ran.out
