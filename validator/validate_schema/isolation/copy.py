"""A copy of a live schema without its data, on a scratch server."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..backup.programs import credentials
from ..errors import ScratchError
from ..ident import quote_ident, quote_literal
from ..model.catalog import Catalog, Role
from ..target import Destination, mask

if TYPE_CHECKING:
    import psycopg

    from ..scratch import Database, Server

_ROLES = "select rolname, rolsuper, rolbypassrls, rolcanlogin from pg_catalog.pg_roles"
_SETTING_OF_PSQL = re.compile(r"^\\(?:un)?restrict .*$", re.MULTILINE)


@contextmanager
def copy_schema(
    server: "Server",
    source: Destination,
    catalog: Catalog,
    progress: Callable[[str], None] | None = None,
) -> Iterator[tuple["Database", tuple[str, ...]]]:
    """Yield a database on `server` with the schema at `source`, and notes on what it lacks.

    pg_dump reads the source; nothing is written to it and no row is read. Roles come from `catalog`,
    with attributes and memberships, without passwords; those made for the copy are dropped with it.
    Raises `ScratchError` when there is no pg_dump or it fails.
    """
    say = progress or (lambda _: None)
    say("copying the schema with pg_dump")
    script = _dump(server, source)
    with server.connect(autocommit=True) as admin:
        made: list[str] = []
        try:
            notes = _make_roles(admin, catalog, made)
            with server.database() as database:
                notes += _restore(server, database, catalog, script)
                yield database, tuple(notes)
        finally:
            for name in reversed(made):
                admin.execute(f"drop role if exists {quote_ident(name)}".encode())


def _dump(server: "Server", source: Destination) -> str:
    if server.bin_dir is None or not (server.bin_dir / "pg_dump").exists():
        raise ScratchError("no pg_dump to copy the schema with: install PostgreSQL's client tools")
    target, environ = credentials(source, "-c default_transaction_read_only=on")
    command = [str(server.bin_dir / "pg_dump"), "--schema-only", "--no-comments", "--no-publications",
               "--no-subscriptions", "--no-security-labels", "--no-tablespaces", "--encoding=UTF8",
               "--lock-wait-timeout=5000", "--dbname", target]  # fmt: skip
    said = subprocess.run(command, capture_output=True, env=environ, check=False)
    if said.returncode != 0:
        lines = mask(said.stderr.decode(errors="replace")).strip().splitlines() or ["no message"]
        reason = next((line for line in lines if "error:" in line), lines[-1])
        raise ScratchError(f"pg_dump could not copy the schema of {source.shown}: {reason}")
    return _SETTING_OF_PSQL.sub("", said.stdout.decode())


def _make_roles(admin: "psycopg.Connection[Any]", catalog: Catalog, made: list[str]) -> list[str]:
    """Create the roles that the scratch server lacks, then their memberships and settings."""
    here = {row[0]: row[1:] for row in admin.execute(_ROLES.encode())}
    notes = []
    for role in catalog.roles:
        if role.name.startswith("pg_"):
            continue
        if role.name in here:
            if here[role.name] != (role.superuser, role.bypassrls, role.login):
                notes.append(
                    f"the role {role.name} is another on the scratch server and was left as it is there"
                )
            continue
        admin.execute(f"create role {quote_ident(role.name)} {_attributes(role)}".encode())
        made.append(role.name)
    for role in catalog.roles:
        if role.name in made:
            _join(admin, role)
    return notes


def _attributes(role: Role) -> str:
    wanted = {"superuser": role.superuser, "bypassrls": role.bypassrls, "login": role.login,
              "inherit": role.inherit, "createrole": role.createrole, "createdb": role.createdb}  # fmt: skip
    return " ".join(word if held else f"no{word}" for word, held in wanted.items())


def _join(admin: "psycopg.Connection[Any]", role: Role) -> None:
    import psycopg

    options = admin.info.server_version >= 160000
    for m in role.member_of:
        flags = (
            f"inherit {str(m.inherit).lower()}, set {str(m.set_role).lower()}, admin {str(m.admin).lower()}"
        )
        grant = f"grant {quote_ident(m.role)} to {quote_ident(role.name)}"
        admin.execute((f"{grant} with {flags}" if options else grant).encode())
    for setting in role.settings:
        name, _, value = setting.partition("=")
        names = ".".join(map(quote_ident, name.split(".")))
        try:
            admin.execute(
                f"alter role {quote_ident(role.name)} set {names} = {quote_literal(value)}".encode()
            )
        except psycopg.Error:
            continue  # a setting that this server does not know; the probes set it again per session


def _restore(server: "Server", database: "Database", catalog: Catalog, script: str) -> list[str]:
    """Run the dump statement by statement; what fails is a note, since the rest can still be proven."""
    import postgast
    import psycopg

    notes = []
    with database.connect(autocommit=True) as conn:
        for extension in catalog.extensions:
            found = conn.execute(
                "select from pg_catalog.pg_available_extensions where name = %s", [extension.name]
            ).fetchone()
            if found is None:
                try:
                    server.stand_in(extension.name)
                    notes.append(f"the extension {extension.name} is a stand-in on the copy")
                except ScratchError as error:
                    notes.append(str(error))
        for statement in postgast.split(script):
            try:
                conn.execute(statement.encode())
            except psycopg.Error as error:
                said = error.diag.message_primary or type(error).__name__
                notes.append(f"not on the copy: {_first(statement)} ({said})")
    return notes


def _first(statement: str) -> str:
    """Return the statement's first line that says something, shortened."""
    lines = [x for x in statement.splitlines() if x.strip() and not x.startswith("--")]
    return (lines or [""])[0][:120]
