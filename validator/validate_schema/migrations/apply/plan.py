"""What a run would do, or why it may not: files against the applied set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ...model.errors import HistoryError, UsageError
from ...model.history import HistoryEntry, Ledger
from ...model.wording import first_of, form
from ..filling import require_filled
from ..history.checksums import checksum
from ..history.compare import compare, shared
from ..records import MigrationFile, MigrationSet
from ..versions import repeatable
from . import store
from .screening import Body, screen
from .store import Row

_APPLIED = ("applied", "unverifiable", "baseline")


@dataclass(frozen=True)
class Consent:
    """What the user accepts: edited files by version, and rows without a file."""

    edited: tuple[str, ...] = ()
    missing: bool = False


@dataclass(frozen=True)
class Plan:
    """`taken_over` are rows of another tool's ledger `source`, `accepted` edited files' new checksums,
    `pending` what runs, in order, `interrupted` what ended without a word, with its file; `notes` are
    sentences."""

    pending: tuple[Body, ...] = ()
    taken_over: tuple[Row, ...] = ()
    source: Ledger | None = None
    accepted: tuple[Row, ...] = ()
    interrupted: tuple[tuple[Row, Body], ...] = ()
    already: int = 0
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether the run would change anything."""
        return bool(self.pending or self.taken_over or self.accepted or self.interrupted)


def row_of(file: MigrationFile) -> Row:
    """Return the row of a file that is applied now."""
    return Row(file.version, file.name, checksum("applied-set", file))


def make(
    migrations: MigrationSet, rows: tuple[Row, ...], unfinished: tuple[Row, ...], consent: Consent
) -> Plan:
    """Return what is to be done. Raises `HistoryError` where files and applied set contradict each
    other, `UsageError` for a consent to nothing."""
    if groups := shared(migrations):
        named = " and ".join(groups[0].files)
        raise HistoryError(
            f"{migrations.folder}: {named} have the same version {groups[0].version}; renumber the later one"
        )
    entries = compare(migrations, store.ledger(rows))
    files = {migrations.label(file.path): file for file in migrations.files}
    accepted = tuple(_accepted(entries, files, consent))
    _refuse(migrations, entries, consent)
    due = [e for e in entries if e.status in ("pending", "gap")]
    missing = [e for e in entries if e.status == "missing"]
    if due and missing and not consent.missing:
        raise HistoryError(
            f"{migrations.folder}: {_listed(missing)} applied to this database, without a file here;"
            " is this the right folder and branch? --allow-missing goes on without"
        )
    require_filled(migrations, [files[e.file] for e in due])
    pending = tuple(_runnable(files[e.file], e.file) for e in due)
    notes = [f"{_listed(missing)} applied, without a file here"] if missing else []
    return Plan(
        pending=pending,
        accepted=accepted,
        interrupted=tuple(_interrupted(migrations, unfinished)),
        already=sum(e.status in _APPLIED for e in entries),
        notes=tuple(notes),
    )


def _listed(entries: Sequence[HistoryEntry]) -> str:
    names = first_of([f"{e.version} {e.name}".strip() for e in entries], 3)
    return f"{names} {form(len(entries), 'is', 'are')}"


def _runnable(file: MigrationFile, label: str) -> Body:
    if file.program:
        raise HistoryError(f"{file.path}: a program, which only its own tool can run")
    return screen(file, label)


def _accepted(
    entries: Sequence[HistoryEntry], files: dict[str, MigrationFile], consent: Consent
) -> Iterator[Row]:
    edited = {e.version: e for e in entries if e.status in ("edited", "line_endings")}
    for version in consent.edited:
        entry = edited.get(version) or edited.get(version.lstrip("0") or "0")
        if entry is None:
            known = ", ".join(edited) or "none"
            raise UsageError(f"--allow-edited {version}: not the version of an edited file (edited: {known})")
        yield replace(row_of(files[entry.file]), version=entry.version)


def _refuse(migrations: MigrationSet, entries: Sequence[HistoryEntry], consent: Consent) -> None:
    """Raise `HistoryError` for the first contradiction that was not accepted, saying how many there are."""
    allowed = {version.lstrip("0") or "0" for version in consent.edited} | set(consent.edited)
    problems = []
    for e in entries:
        where = f"{migrations.folder / e.file}" if e.file else str(migrations.folder)
        if e.status in ("edited", "line_endings") and e.version not in allowed:
            how = (
                "differs by line ends from what was applied"
                if e.status == "line_endings"
                else "was edited after it was applied"
            )
            problems.append(f"{where}: {how}; restore it, or accept it with --allow-edited {e.version}")
        elif e.status == "renamed":
            problems.append(
                f"{where}: was applied as {e.recorded_name!r} and renamed since; give it that name back"
            )
        elif e.status == "reused":
            problems.append(
                f"{where}: version {e.version} was applied as {e.recorded_name!r}, another migration;"
                " renumber this one"
            )
        elif e.status == "renumbered":
            problems.append(
                f"{where}: was applied under another version ({e.why}); give it that version back"
            )
        elif e.status in ("failed", "rolled_back"):
            problems.append(f"{where}: {e.why}")
    if problems:
        more = f" (and {len(problems) - 1} more: see `migrations status`)" if len(problems) > 1 else ""
        raise HistoryError(f"{problems[0]}{more}")


def _interrupted(migrations: MigrationSet, unfinished: tuple[Row, ...]) -> Iterator[tuple[Row, Body]]:
    files = {file.version: file for file in migrations.files}
    for row in unfinished:
        file = files.get(row.version)
        if file is None or checksum("applied-set", file) != row.checksum:
            what = "is gone" if file is None else "was edited since"
            raise HistoryError(
                f"{row.version} {row.name} was interrupted (begun {row.at}) and its file {what};"
                " restore it, so that the runner can tell what became of it"
            )
        yield row, screen(file, migrations.label(file.path))


def runs_again(file: MigrationFile) -> bool:
    """Return whether a file may be applied more than once: one that is repeatable."""
    return repeatable(file.version)
