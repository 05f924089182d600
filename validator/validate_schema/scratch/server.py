"""A server and the throwaway databases on it."""

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..model.errors import ScratchError
from ..model.version import __version__
from ..sql.ident import quote_ident, quote_literal
from . import ledger, owner, standins
from .ledger import Note
from .sources import WANT, one_line

if TYPE_CHECKING:
    import psycopg


# Names and operators are PostgreSQL's own then, whatever the database is set to and holds. Source: PostgreSQL
# documentation, "The Schema Search Path", secure usage.
TRUSTED_PATH = "search_path=pg_catalog,pg_temp"


@dataclass(frozen=True)
class Database:
    """A throwaway database. `conninfo` is a postgresql:// URL for libpq, psycopg and SQLAlchemy."""

    name: str
    conninfo: str = field(repr=False)  # it may hold a password
    server: "Server" = field(repr=False)

    def connect(self, **options: Any) -> "psycopg.Connection[Any]":
        """Return a new psycopg connection; `options` as for `psycopg.connect`. Raises `ScratchError` where
        the server refuses: what ran in the database may have taken the right to connect."""
        import psycopg

        try:
            return psycopg.connect(self.conninfo, **options)
        except psycopg.OperationalError as error:
            raise ScratchError(f"{self.server.label} refuses a connection: {ledger.brief(error)}") from None

    def admin(self, **options: Any) -> "psycopg.Connection[Any]":
        """Return a new connection of whoever may do anything on the server, to read what not everybody may.
        Code that others put into the database is not to be run on it; event triggers are not."""
        import psycopg

        # Whatever the database is set to; a name or an operator is PostgreSQL's own.
        set_here = [TRUSTED_PATH, "statement_timeout=0", "lock_timeout=0", "role=none"]
        set_here.append("local_preload_libraries=")
        if self.server.version_num >= 170000:
            set_here.append("event_triggers=off")
        switches = {"options": " ".join(f"-c {s}" for s in set_here)} if self.server.is_own else {}
        return psycopg.connect(self.server.admin_conninfo(self.name), **(switches | options))

    def session(self, user: str, settings: Sequence[str]) -> "psycopg.Connection[Any]":
        """Return a new connection of a role, on a server that is ours, with `settings` whatever it has."""
        import psycopg

        said = " ".join(f"-c {s}" for s in settings)
        return psycopg.connect(self.server.login_conninfo(self.name, user), options=said)

    @property
    def parameters(self) -> dict[str, str]:
        """What `conninfo` says, by libpq's names."""
        from psycopg.conninfo import conninfo_to_dict

        return {name: str(value) for name, value in conninfo_to_dict(self.conninfo).items() if value}


class Server:
    """An open scratch server: create databases on it, clone templates, throw them away.

    `own_folder` is the cluster's folder when the server is ours alone, None for a server by URL.
    `passing`: its templates go with their last user. Not `superuser`: the role that its databases belong to,
    by which `Database.connect` connects, is an ordinary one.
    """

    def __init__(
        self,
        admin: "psycopg.Connection[Any]",
        conninfo: Callable[[str], str],
        admin_conninfo: Callable[[str], str],
        login_conninfo: Callable[[str, str], str],
        *,
        label: str,
        bin_dir: Path | None,
        own_folder: Path | None = None,
        passing: bool = False,
        superuser: bool = True,
    ) -> None:
        self.version_num = admin.info.server_version
        version = (admin.info.parameter_status("server_version") or "?").split()[0]
        self.label = f"PostgreSQL {version} ({label})"
        self.bin_dir = bin_dir
        self._admin = admin
        self._conninfo = conninfo
        self.admin_conninfo = admin_conninfo
        self.login_conninfo = login_conninfo
        self.lends_no_superuser = not superuser
        self._own_folder = own_folder
        self._passing = passing
        self._stand_ins: set[str] = set()
        self._open: dict[str, Database] = {}
        self._used: list[str] = []
        self._count = 0
        self._token = self._take_token()

    @property
    def is_own(self) -> bool:
        """Tell whether the server is ours alone: its roles may be changed."""
        return self._own_folder is not None

    @property
    def want(self) -> str:
        """What the log of a server of ours says of a want of room, in its words; "" for nothing."""
        if self._own_folder is None:
            return ""
        with suppress(OSError):
            said = (self._own_folder / "log").read_text(errors="replace")
            return one_line(said) if WANT.search(said) else ""
        return ""

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Names of the extensions that databases of this server had as stand-ins, sorted."""
        for database in tuple(self._open.values()):
            self._stand_ins |= self._find_stand_ins(database)
        return tuple(sorted(self._stand_ins))

    def stand_in(self, name: str, version: str | None = None, *, placed: bool = True) -> None:
        """Make `CREATE EXTENSION name` succeed, with an empty extension that `stand_ins` reports. Not
        `placed`: the statement names no schema, so that it goes where the real one always does.

        Raises `ScratchError` on servers before PostgreSQL 18 (they have no `extension_control_path`)
        and on servers that are not ours.
        """
        if self._own_folder is None or self.version_num < 180000:
            raise ScratchError(
                f"{self.label} lacks the extension {name} and cannot be given a stand-in:"
                " install it there, or use --scratch embedded"
            )
        schema = "" if placed else standins.FIXED_SCHEMAS.get(name, "")
        standins.write(self._own_folder, name, version, schema)

    def connect(self, **options: Any) -> "psycopg.Connection[Any]":
        """Return a new connection to the maintenance database, for what concerns the whole server."""
        import psycopg

        return psycopg.connect(self.admin_conninfo(self._admin.info.dbname), **options)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """Create a database, empty or a clone of `template`; drop it on exit, connections and all.

        `template` is what `template` returned, or an open database of this server: its sessions are
        ended, as PostgreSQL clones only what nobody uses. Raises `ScratchError` when the server refuses.
        """
        self._count += 1
        name = ledger.database_name(self._token, self._count)
        database = Database(name, self._conninfo(name), self)
        try:
            self._create(name, template)
            self._open[name] = database
            yield database
        finally:
            if self._open.pop(name, None) and template is None:  # a template's are known
                self._stand_ins |= self._find_stand_ins(database)
            self._drop(name)

    def template(self, key: str, build: Callable[[Database], str | None]) -> str:
        """Return the name of the template for `key`: the first to ask builds it, others wait.

        `build` gets an empty database and may return a text, which `about` tells. If it raises, nothing
        stays behind.
        """
        digest = hashlib.sha256(f"{__version__}\0{key}".encode()).hexdigest()
        name, lock = ledger.template_name(digest), ledger.template_lock(digest)
        if self._passing:
            self._sql(f"select pg_advisory_lock_shared({ledger.user_lock(name)})")
            self._used.append(name)
        self._sql(f"select pg_advisory_lock({lock})")
        try:
            note = ledger.read_note(self._admin, name)
            if note is None:
                note = self._build(name, build)
            self._stand_ins.update(note.stand_ins)
            self._mark(name, msgspec.structs.replace(note, used=datetime.now(UTC).isoformat()))
        finally:
            self._sql(f"select pg_advisory_unlock({lock})")
        ledger.evict_templates(self._admin, keep=name)
        return name

    def about(self, template: str) -> str:
        """Return what the builder of a template had to say of it, "" for nothing. It stands in the comment on
        the database: a setting of ours would take a superuser."""
        note = ledger.read_note(self._admin, template)
        return note.about if note is not None else ""

    def own_roles(self, template: str, made: Collection[str]) -> None:
        """Tell which roles a template's build can have made. On a server that others use too, roles of
        theirs may have come up meanwhile: those are forgotten, and so never dropped."""
        note = ledger.read_note(self._admin, template)
        if note is not None and not set(note.roles) <= set(made):
            kept = tuple(role for role in note.roles if role in made)
            self._mark(template, msgspec.structs.replace(note, roles=kept))

    def clear(self) -> None:
        """Drop what others left behind: databases whose owner is gone, and, where this server's
        templates are passing, those that nobody else uses. Ours must not be used any more."""
        ledger.drop_stale(self._admin)
        if self._passing:
            for name in self._used:
                self._sql(f"select pg_advisory_unlock_shared({ledger.user_lock(name)})")
            self._used.clear()
            ledger.drop_passing(self._admin)

    def _build(self, name: str, build: Callable[[Database], str | None]) -> Note:
        """Build under a throwaway name; only the complete template gets its own."""
        roles = ledger.role_names(self._admin)
        with self.database() as database:
            about = build(database)
            note = Note(
                "template",
                roles=tuple(sorted(ledger.role_names(self._admin) - roles)),
                stand_ins=tuple(sorted(self._find_stand_ins(database))),
                passing=self._passing,
                about=about or "",
            )
            self._disconnect(database.name)
            self._mark(database.name, note)
            self._sql(f"alter database {quote_ident(database.name)} allow_connections false")
            self._open.pop(database.name)
            self._sql(f"alter database {quote_ident(database.name)} rename to {quote_ident(name)}")
        return note

    def _create(self, name: str, template: str | None) -> None:
        command = f"create database {quote_ident(name)}"
        if self._own_folder is not None:
            command += f" owner {owner.OWNER}"
        if template is not None:
            command += f" template {quote_ident(template)}"
        elif self._own_folder is not None:
            command += " template template0"  # template1 is where migrations could leave something
        if self._own_folder is not None and self.version_num >= 150000:
            # The default writes every page to the WAL: copying files is twice as fast, and the
            # checkpoint that it needs costs nothing without fsync.
            command += " strategy file_copy"
        if template in self._open:
            self._disconnect(template)
        self._sql(command)
        self._mark(name, Note("database"))
        if template is not None and self._own_folder is not None:
            ledger.copy_settings(self._admin, template, name)

    def _drop(self, name: str) -> None:
        """Drop a database of ours. What cannot be dropped is stale, and the next run tries again."""
        import psycopg

        with suppress(psycopg.Error, ScratchError):
            self._disconnect(name)
            self._sql(f"drop database if exists {quote_ident(name)} with (force)")

    def _disconnect(self, name: str) -> None:
        """End all sessions of a database and wait until they are gone.

        CREATE and DROP DATABASE wait for them too, but look only ten times a second.
        """
        others = (
            f"from pg_stat_activity where datname = {quote_literal(name)} and backend_type = 'client backend'"
        )
        self._sql(f"select pg_terminate_backend(pid) {others}")
        deadline = time.monotonic() + 5
        while self._sql(f"select 1 {others}") and time.monotonic() < deadline:
            time.sleep(0.001)

    def _find_stand_ins(self, database: Database) -> set[str]:
        import psycopg

        if self._own_folder is None or self.version_num < 180000:
            return set()
        with suppress(psycopg.Error, ScratchError), database.connect() as conn:
            return standins.installed(conn)
        return set()

    def _mark(self, name: str, note: Note) -> None:
        text = quote_literal(msgspec.json.encode(note).decode())
        self._sql(f"comment on database {quote_ident(name)} is {text}")

    def _take_token(self) -> int:
        """Lock a number that tells, for as long as this connection lives, that our databases are used."""
        while True:
            token = secrets.randbits(31)
            if self._sql(f"select pg_try_advisory_lock({ledger.owner_lock(token)})") == [(True,)]:
                return token

    def _sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement on the maintenance connection. Raises `ScratchError` with its message."""
        import psycopg

        try:
            cursor = self._admin.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise ScratchError(f"{self.label}: {ledger.brief(error)}") from error
