"""Run migrations on a scratch database as their tool would."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...model.errors import ScratchError
from ...model.history import Failure, Statement
from ...model.limits import limits
from ...model.wording import excerpt
from ...scratch.owner import lend_setting
from ...scratch.standins import missing_extension
from ...sql import script
from ...sql.ident import quote_ident
from ...sql.script import Piece
from ..records import FailedMigration, MigrationFile, MigrationSet, ReplayNotes
from . import cluster, platform
from .behalf import NO_SUPERUSER, asked_version, is_placed, on_behalf
from .deadline import Deadline
from .foreseeing import Foreseeing
from .hiding import Hiding
from .migrator import as_option, let_in
from .observe import Watch

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

# What pg_dump writes for psql, and what changes only psql's own output.
_IDLE_COMMANDS = re.compile(
    r"\\(?:restrict|unrestrict|connect|c|encoding|echo|qecho|timing|pset|set\s+ON_ERROR_STOP)\b",
    re.IGNORECASE,
)
_NO_ROLE = re.compile(r'role "(.+)" does not exist')
_NO_SETTING = re.compile(r'permission denied to set parameter "(\w+(?:\.[\w$]+)+)"')
_MAY_COMMIT = re.compile(
    r"\b(?:commit|rollback|abort|begin|start\s+transaction|end|savepoint)\b", re.IGNORECASE
)
_MAY_COMMIT_ITSELF = re.compile(r"call\b|do\b.*\b(?:commit|rollback)\b", re.IGNORECASE | re.DOTALL)
# active_sql_transaction: the text does not tell of REINDEX and CLUSTER whether the table is partitioned.
# Source: PostgreSQL documentation, "Error Codes".
_IN_TRANSACTION = "25001"
_WORDS = 60
# What a superuser may do, and a server of ours is kept from (docs/scratch.md).
_SHUT_IN = re.compile(
    r"could not (?:execute command|(?:open|stat|access) (?:server )?(?:file|directory)) "
    r"|permission denied to COPY (?:to|from)"
    r"|permission denied for function (?:pg_read_|pg_stat_file|pg_ls_dir|lo_(?:im|ex)port)"
)
_DENIED = "42501"
_ROW_SECURITY = "row-level security"  # what it refuses has the code of a right that lacks
_UNHEEDED = ("01006", "01007")  # what was to be revoked or granted was not
_OTHER_ROLE = re.compile(
    r"\bset\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)\b|\bset_config\b", re.IGNORECASE
)
_ENDED = "57P01"  # a session that was ended by somebody: in a scratch database, by the migration itself


def replay(
    database: "Database",
    migrations: MigrationSet,
    *,
    progress: Callable[[str], None] | None = None,
    start: int = 0,
    stop: int | None = None,
    made_up_roles: bool = True,
    before: Callable[[], None] | None = None,
    after: Callable[[MigrationFile, "psycopg.Connection[Any]"], None] | None = None,
    watch: Watch | None = None,
    foresee: bool = False,
) -> ReplayNotes:
    """Run all of `migrations` on the empty `database`; `progress` gets a line for each file.

    With `start` and `stop`, as in a slice, only those files run: the database must hold what the files
    before `start` leave. `before` is called once, when what the platform provides is there and no file
    has run; `after` when a file has run, outside of any transaction.

    A role or an extension that is missing is made up and reported, and a role that is there already is
    given the attributes of its CREATE ROLE; not so without `made_up_roles`, where the server's roles are
    those of the target. `watch` looks at each statement when it has run. `foresee`: the database has no rows,
    and what row security would hide from the role that migrates is told without. Raises `FailedMigration`
    (file, line, statement, PostgreSQL's message) where a migration fails, `MigrationError` where only its
    tool can run it, and `ScratchError` where the server cannot be given an extension.
    """
    migrations.require_sql()
    wants_platform = platform.wanted(migrations)
    role, made = migrations.role, False
    if role is not None:
        made = let_in(database, role, made_up=made_up_roles)
    with database.connect(autocommit=True, **_options(role, wants_platform=wants_platform)) as connection:
        run = _Replay(
            database,
            connection,
            migrations,
            made_up_roles=made_up_roles,
            watch=watch,
            foresee=foresee,
        )
        if role is not None and made:
            run.roles.add(role)
        if wants_platform and start == 0 and not platform.is_there(connection):
            run.platform()
        if before:
            before()
        for number, file in enumerate(migrations.files[start:stop], start + 1):
            if progress:
                progress(f"replaying {number}/{len(migrations.files)} {file.name}")
            run.file(file)
            if after:
                after(file, connection)
        return run.result()


def _options(role: str | None, *, wants_platform: bool) -> dict[str, str]:
    """Return how the session begins: as whom, and where it looks for names."""
    said = [as_option(role)] if role is not None else []
    said += [f"-c search_path={platform.SEARCH_PATH.replace(' ', '')}"] if wants_platform else []
    return {"options": " ".join(said)} if said else {}


class _Failure(Exception):  # noqa: N818 - carries a place to the one who words the error
    """PostgreSQL refused something at `offset` of a file's up section."""

    def __init__(
        self, offset: int, statement: str, message: str, detail: str = "", state: str | None = None
    ) -> None:
        super().__init__(message)
        self.offset, self.statement, self.message, self.detail = offset, statement, message, detail
        self.state = state or ""

    @property
    def of_server(self) -> bool:
        """Whether the server itself could not go on: no space, no memory, an error of its disk. Source:
        PostgreSQL documentation, "Error Codes", classes 53 and 58."""
        return self.state.startswith(("53", "58"))


class _Replay:
    """One replay: the connection, and what had to be made up so far."""

    def __init__(
        self,
        database: "Database",
        connection: "psycopg.Connection[Any]",
        migrations: MigrationSet,
        *,
        made_up_roles: bool,
        watch: Watch | None = None,
        foresee: bool = False,
    ) -> None:
        self.database, self.connection, self.migrations = database, connection, migrations
        self.watch = watch
        self.role = migrations.role
        self.hiding = None if self.role is None else Foreseeing(self.role) if foresee else Hiding(self.role)
        if watch:
            watch.begin(connection)
        self.roles: set[str] = set()
        self.extensions: set[str] = set()
        self.settings: set[str] = set()
        self.notes = list(migrations.notes)
        self._own_roles = set().union(*(cluster.created_roles(f.sql) for f in migrations.files))
        found = connection.execute("select rolname from pg_catalog.pg_roles")
        self._present = {name for (name,) in found} & self._own_roles if made_up_roles else set()
        self._present -= {self.role}
        self._made_up_roles = made_up_roles
        self._replaced: dict[str, str] = {}
        self._unheeded: list[str] = []
        if self._ordinary:
            connection.add_notice_handler(self._hear)

    @property
    def _ordinary(self) -> bool:
        server = self.database.server
        as_role = self.role is not None and self._made_up_roles and server.is_own
        return server.lends_no_superuser or as_role

    def result(self) -> ReplayNotes:
        applied = tuple(self.migrations.label(f.path) for f in self.migrations.files)
        found = self.connection.execute(
            "select extname from pg_catalog.pg_extension e join pg_catalog.pg_description d"
            " on d.objoid = e.oid and d.classoid = 'pg_catalog.pg_extension'::pg_catalog.regclass"
            " where d.description like 'stand-in by validate-schema%'"
        )
        extensions = self.extensions | {name for (name,) in found}
        return ReplayNotes(
            applied,
            tuple(sorted(self.roles)),
            tuple(sorted(extensions)),
            tuple(self.notes),
            hidden=tuple(self.hiding.found) if self.hiding else (),
        )

    def platform(self) -> None:
        """Provide what Supabase's migrations expect to find."""
        import psycopg

        try:
            self.roles.update(platform.provide(self.database))
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error).strip()
            raise ScratchError(f"the scratch server cannot be given Supabase's platform: {reason}") from None
        self.notes.append(platform.NOTE)

    def file(self, file: MigrationFile) -> None:
        """Run one file; whatever is missing from the server is made up, then it is tried again."""
        import psycopg

        label = self.migrations.label(file.path)
        sql, creations, skipped = cluster.spare_server(file.sql, self._present)
        if self._ordinary:
            sql, self._replaced = on_behalf(sql)
        self.notes += [f"{label}: {words} … concerns the whole server and was left out" for words in skipped]
        memberships = self._renewed(creations)
        self._present -= set().union(*(cluster.created_roles(p.text) for p in creations))
        deadline = Deadline(self.database, self.connection, limits().migration_seconds)
        try:
            if self.watch or self.hiding or file.mode == "statements" or _piecemeal(sql):
                self._statements(file, sql)
            else:
                self._whole(sql, wrapped=file.mode == "transaction")
            for grant in memberships:
                self._whole(grant, wrapped=False)
            if self.connection.info.transaction_status != 0:
                raise _Failure(len(sql.rstrip()), "", "leaves a transaction open")
        except _Failure as failure:
            raise self._explained(file, sql, failure, deadline) from None
        except psycopg.OperationalError as error:
            if not self.connection.closed:
                raise
            lost = _Failure(0, "", f"the connection was lost: {str(error).strip()}", state="58")
            raise self._explained(file, sql, lost, deadline) from None
        finally:
            deadline.end()
        self._tell_unheeded(label)
        self.connection.execute("reset session authorization; reset role; reset all")

    def _renewed(self, creations: list[Piece]) -> list[str]:
        """Renew roles that an earlier replay left, as whoever logged in; return the grants to follow."""
        self.connection.execute("set role none")
        grants = [g for p in creations for g in cluster.renew_role(self.connection, p.text, self.role)]
        self.connection.execute("reset role")
        return grants

    def _tell_unheeded(self, label: str) -> None:
        """Note what the server did not do, for want of a superuser, and only warned of."""
        if said := self._unheeded[:]:
            more = f", and {len(said) - 1} like it" if len(said) > 1 else ""
            self.notes.append(f"{label}: {said[0]}{more}: {self._limits()}")
            self._unheeded.clear()

    def _hear(self, said: "psycopg.errors.Diagnostic") -> None:
        if said.sqlstate in _UNHEEDED and said.message_primary:
            self._unheeded.append(said.message_primary)

    def _explained(
        self, file: MigrationFile, sql: str, failure: _Failure, deadline: Deadline
    ) -> FailedMigration | ScratchError:
        line = file.first_line + script.line_at(sql, failure.offset) - 1
        text = excerpt(self._written(failure.statement), _WORDS)
        words = f"{failure.message}{self._hint()}"
        place = f"{file.path}:{line}:{f' {text}:' if text else ''}"
        if deadline.over:
            return ScratchError(
                f"{place} did not end within {deadline.seconds} s ([limits] migration_seconds)"
            )
        if self.database.server.is_own and _SHUT_IN.match(failure.message):
            return ScratchError(
                f"{place} {failure.message}: a scratch server starts no program and sees no file but its own;"
                " take the statement out of the migrations, or name a server that may by --scratch postgresql://…"
            )
        denied = failure.state == _DENIED and _ROW_SECURITY not in failure.message
        if self._ordinary and denied and not _OTHER_ROLE.search(file.sql):
            return ScratchError(f"{place} {failure.message}: {self._limits()}")
        if failure.of_server or (self.connection.closed and failure.state != _ENDED):
            return ScratchError(f"{place} the scratch server could not go on: {failure.message}")
        return FailedMigration(
            f"{place} {words}",
            Failure(
                statement=Statement(file=self.migrations.label(file.path), line=line, text=text),
                message=words,
                detail=failure.detail,
            ),
        )

    def _limits(self) -> str:
        if self.role is None:
            return NO_SUPERUSER
        return f"{self.role} ([migrations] role) has CREATEROLE and CREATEDB on a scratch server, and no more"

    def _whole(self, sql: str, *, wrapped: bool) -> None:
        """Send the text as one message, inside BEGIN and COMMIT if `wrapped`."""
        while True:
            if wrapped:
                self.connection.execute("begin")
            failure = self._send(sql)
            if failure is None and wrapped:
                failure = self._send("commit")
            if failure is None:
                return
            if wrapped:
                self.connection.execute("rollback")
            if not self._supply(failure.message, self._written(sql)):
                raise failure

    def _written(self, sql: str) -> str:
        """Return the text as it stands in the file, though something was done on its behalf."""
        for instead, statement in self._replaced.items():
            sql = sql.replace(instead, statement)
        return sql

    def _send(self, sql: str) -> _Failure | None:
        """Send `sql` in the simple protocol; return where it failed, or None.

        The server answers each statement in turn, so the answers before the error count how far it
        came when the error has no position.
        """
        from psycopg import pq

        results = self._answers(sql)
        bad = results[-1]
        if bad.status != pq.ExecStatus.FATAL_ERROR:
            return None
        position = bad.error_field(pq.DiagnosticField.STATEMENT_POSITION)
        message = (bad.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode(errors="replace")
        message = message or "the connection was lost"
        fields = (pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.MESSAGE_HINT)
        detail = " ".join((bad.error_field(f) or b"").decode(errors="replace") for f in fields).strip()
        state = (bad.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        if sql == "commit":
            return _Failure(0, "COMMIT", message, detail, state)
        parts = script.pieces(sql)
        if position:
            offset = int(position) - 1
            piece = next((p for p in parts if p.start <= offset < p.end), None)
            return _Failure(offset, piece.text if piece else "", message, detail, state)
        piece = parts[min(len(results) - 1, len(parts) - 1)]
        return _Failure(piece.start, piece.text, message, detail, state)

    def _answers(self, sql: str) -> "list[psycopg.pq.abc.PGresult]":
        """Send `sql`; return the answer to each statement, without its rows: they may be very many."""
        import psycopg
        from psycopg import generators, pq

        pgconn = self.connection.pgconn
        found: list[psycopg.pq.abc.PGresult] = []
        with self.connection.lock:
            pgconn.send_query(sql.encode())
            pgconn.set_single_row_mode()
            try:
                self.connection.wait(generators.send(pgconn))
                while answer := self.connection.wait(generators.fetch(pgconn)):
                    if answer.status != pq.ExecStatus.SINGLE_TUPLE:
                        found.append(answer)
                    if answer.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT):
                        break
            except psycopg.OperationalError:
                if not found or found[-1].status != pq.ExecStatus.FATAL_ERROR:
                    raise  # else it said why it went
        return found

    def _statements(self, file: MigrationFile, sql: str) -> None:
        """Run the pieces one by one, as psql does; savepoints let one be tried again."""
        parts = script.pieces(sql)
        wrapped = file.mode == "transaction" or (
            file.mode == "message" and len(parts) > 1 and not _piecemeal(sql)
        )
        if wrapped:
            self._begin()
        try:
            for piece in parts:
                while failure := self._watched(file, sql, piece):
                    if not self._supply(failure.message, self._written(piece.text)):
                        raise failure
            if wrapped and self.connection.info.transaction_status != 0:
                self.connection.execute("commit")
        finally:
            if self.connection.info.transaction_status != 0 and wrapped:
                self.connection.execute("rollback")

    def _begin(self) -> None:
        if self.watch:
            self.watch.open(self.connection)
        self.connection.execute("begin")

    def _watched(self, file: MigrationFile, sql: str, piece: Piece) -> _Failure | None:
        """Run a piece, and have it looked at: inside a transaction where it bears one, so that its locks
        show."""
        alone = self.connection.info.transaction_status == 0
        looks = self.watch or self.hiding
        if not looks or piece.kind == "psql" or script.controls_transactions(piece):
            if self.watch and alone:
                self.watch.open(self.connection)
            return self._piece(piece)
        if alone and (script.outside_transaction(piece) or _MAY_COMMIT_ITSELF.match(piece.text)):
            if self.watch:
                self.watch.open(self.connection)
            alone = False
        elif alone:
            self._begin()
        line = file.first_line + script.line_at(sql, piece.start) - 1
        text = excerpt(self._written(piece.text), _WORDS)
        place = Statement(self.migrations.label(file.path), line, text)
        failure = self._run(piece, place)
        if alone and failure is not None and failure.state == _IN_TRANSACTION:
            self._send("rollback")
            if self.watch:
                self.watch.open(self.connection)
            alone, failure = False, self._run(piece, place)
        if self.watch and failure is None:
            self.watch.saw(self.connection, place, self._written(piece.text))
        if alone:
            ended = self._send("commit" if failure is None else "rollback")
            failure = failure or ended
        return failure

    def _run(self, piece: Piece, place: Statement) -> _Failure | None:
        if self.hiding:
            return self.hiding.run(self.connection, place, piece, lambda: self._piece(piece))
        return self._piece(piece)

    def _piece(self, piece: Piece) -> _Failure | None:
        import psycopg

        if piece.kind == "psql":
            return self._command(piece)
        guarded = self.connection.info.transaction_status == 2 and not script.controls_transactions(piece)
        if guarded:
            self.connection.execute("savepoint validate_schema")
        failure = None
        try:
            if piece.kind == "copy":
                self._copy(piece)
            else:
                failure = self._send(piece.text)
        except psycopg.Error as error:
            if guarded:
                self.connection.execute("rollback to savepoint validate_schema")
            position = error.diag.statement_position
            offset = piece.start + (int(position) - 1 if position else 0)
            detail = " ".join(filter(None, (error.diag.message_detail, error.diag.message_hint)))
            said = error.diag.message_primary or str(error).strip()
            return _Failure(offset, piece.text, said, detail, error.sqlstate)
        if failure:
            if guarded:
                self.connection.execute("rollback to savepoint validate_schema")
            return _Failure(
                piece.start + failure.offset, piece.text, failure.message, failure.detail, failure.state
            )
        if guarded:
            self.connection.execute("release savepoint validate_schema")
        return None

    def _command(self, piece: Piece) -> _Failure | None:
        if _IDLE_COMMANDS.match(piece.text):
            return None
        command = piece.text.split()[0]
        return _Failure(piece.start, piece.text, f"{command} is a psql command that is not supported here")

    def _copy(self, piece: Piece) -> None:
        with self.connection.cursor() as cursor, cursor.copy(piece.text.encode()) as copy:
            copy.write(piece.data.encode())

    def _supply(self, message: str, sql: str) -> bool:
        """Make up the role or extension whose absence `message` tells of, or lend the setting; return whether
        it did."""
        missing = _NO_ROLE.fullmatch(message) if self._made_up_roles else None
        if missing and missing[1] not in self._own_roles | self.roles:
            self._create_role(missing[1])
            return True
        name = missing_extension(message)
        if name is not None and name not in self.extensions:
            self.extensions.add(name)
            self.database.server.stand_in(name, asked_version(name, sql), placed=is_placed(name, sql))
            return True
        denied = _NO_SETTING.fullmatch(message) if self._ordinary else None
        if denied and denied[1] not in self.settings:
            self.settings.add(denied[1])
            with self.database.admin(autocommit=True) as admin:
                return lend_setting(admin, denied[1])
        return False

    def _create_role(self, name: str) -> None:
        import psycopg

        self.roles.add(name)
        try:
            self.connection.execute(f"create role {quote_ident(name)} nologin".encode())
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            return  # another replay on this server was quicker
        except psycopg.errors.InsufficientPrivilege:
            raise ScratchError(
                f"{self.database.server.label}: the migrations name the role {name}, and this role may not"
                " create it; give it CREATEROLE, or use --scratch embedded"
            ) from None

    def _hint(self) -> str:
        if not self.extensions:
            return ""
        return f" (stand-ins without content: {', '.join(sorted(self.extensions))})"


def _piecemeal(sql: str) -> bool:
    """Return whether the text cannot be one message: COPY data, psql commands, its own COMMIT."""
    if not script.needs_psql(sql) and not _MAY_COMMIT.search(sql):
        return False
    return any(p.kind != "sql" or script.controls_transactions(p) for p in script.pieces(sql))
