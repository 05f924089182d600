"""The tenant matrix: a row for each table, a column for each promise."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from ..model.declared import Explained
from ..model.report import IsolationFacts, Report, StaticFacts, TableFacts
from .cards import anchors
from .declared import Declared, declared
from .headline import SEVERITIES
from .promises import SIGNS, Mark, has_row_security
from .proof import reading_of

CLASSES = ("root", "tenant", "inherited", "global", "exempt", "unclassified")
COLUMNS = (
    ("column", "tenant column"),
    ("NOT NULL", "the tenant column is NOT NULL"),
    ("type", "type of the tenant column"),
    ("root key", "foreign key to the tenant root"),
    ("uniques", "uniques that are scoped to the tenant"),
    ("keys", "foreign keys to tenant tables that carry the tenant"),
    ("index", "index led by the tenant column"),
    ("RLS", "row-level security on"),
    ("forced", "row-level security forced on the owner"),
    ("reads", "policies bind reads to the tenant"),
    ("writes", "policies bind writes to the tenant"),
    ("proven", "isolation proven with rows"),
)


@dataclass(frozen=True)
class Cell:
    """One promise of one table; `text` always says in words what `mark` says in a sign."""

    mark: Mark | None
    text: str
    name: bool = False

    @property
    def sign(self) -> str:
        return SIGNS[self.mark] if self.mark else ""


@dataclass(frozen=True)
class Row:
    """A table. `findings` are (check, anchor, severity); `worst` is empty without findings."""

    anchor: str
    label: str
    table_class: str
    ownership: str
    why: str
    group: str
    cells: tuple[Cell, ...]
    findings: tuple[tuple[str, str, str], ...]
    accepted: int
    rows: int | None

    @property
    def by_check(self) -> tuple[tuple[str, str, str, int], ...]:
        """The findings once per check: check, anchor of the first, its severity, how many."""
        number = Counter(check for check, _, _ in self.findings)
        first = {check: (check, anchor, severity) for check, anchor, severity in reversed(self.findings)}
        return tuple((*first[check], number[check]) for check in number)

    @property
    def worst(self) -> str:
        found = {severity for _, _, severity in self.findings}
        return next((s for s in SEVERITIES if s in found), "")


def rows(report: Report) -> tuple[Row, ...]:
    """Return the matrix in the order of the report's tables."""
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for anchor, finding in zip(anchors(report.findings), report.findings, strict=True):
        found[finding.object.schema, finding.object.table].append(
            (finding.check, anchor, finding.severity.value)
        )
    accepted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in report.suppressed:
        accepted[finding.object.schema, finding.object.table].append(finding.check)
    settled = _settled(report)
    known = _Known(settled, _Evidence.of(report.isolation), has_row_security(report), declared(report))
    return tuple(
        _row(f"t-{n}", t, found[t.schema, t.name], accepted[t.schema, t.name], known)
        for n, t in enumerate(report.tables, 1)
    )


def _settled(report: Report) -> frozenset[str]:
    """Return the checks that looked at everything they select."""
    return frozenset(r.id for r in report.checks if r.looked_at_all)


def _row(
    anchor: str,
    table: TableFacts,
    findings: list[tuple[str, str, str]],
    accepted: list[str],
    known: "_Known",
) -> Row:
    broken = {check for check, _, _ in findings} | set(accepted)
    return Row(
        anchor=anchor,
        label=table.label,
        table_class=table.table_class,
        ownership=table.ownership,
        why=table.why,
        group=table.group,
        cells=_cells(table, broken, known),
        findings=tuple(findings),
        accepted=len(accepted),
        rows=table.estimated_rows,
    )


def _cells(table: TableFacts, broken: set[str], known: "_Known") -> tuple[Cell, ...]:
    evidence = known.evidence
    owned = table.table_class in ("tenant", "inherited")
    tenant = table.table_class == "tenant"
    keys = [k.safe for k in table.fks if k.safe is not None]
    held = owned and known.row_security
    guarded = held or table.rls
    return (
        Cell(None, table.tenant_column, name=True) if table.tenant_column else _nothing("none"),
        _truth(None if table.nullable is None else not table.nullable, "yes", "nullable", tenant),
        _typed(table, broken, known),
        _truth(table.root_fk, "yes", "no", tenant),
        _share([u.scoped for u in table.uniques]) if tenant else _nothing(""),
        _share(keys) if tenant else _nothing(""),
        _truth(table.tenant_index, "yes", "no", tenant),
        _truth(table.rls, "on", "off", guarded),
        _truth(table.forced, "yes", "no", guarded and table.rls),
        evidence.reads(table, owned) or _bound(table, held, "reads", broken, known),
        evidence.writes(table, owned) or _bound(table, held, "writes", broken, known),
        evidence.proven(table.label) if owned or table.label in evidence.tried else _nothing(""),
    )


@dataclass(frozen=True)
class _Evidence:
    """What isolation rests on, by the tables' labels."""

    static: dict[str, list[StaticFacts]]
    tried: frozenset[str]
    held: frozenset[str]
    tested: frozenset[str]
    probed: frozenset[str]
    worst: dict[str, str]

    @classmethod
    def of(cls, facts: IsolationFacts) -> "_Evidence":
        static: dict[str, list[StaticFacts]] = defaultdict(list)
        for reading in facts.static:
            static[reading.table].append(reading)
        worst: dict[str, str] = {}
        for outcome in ("inconclusive", "blocked", "leak"):
            worst |= {c.label: outcome for c in facts.cells if c.outcome == outcome and c.probe != "surface"}
        tried = frozenset(facts.tables) if facts.attempted and not facts.live else frozenset()
        probed = frozenset(c.label for c in facts.cells)
        held, tested = frozenset((*facts.proven, *facts.tested)), frozenset(facts.tested)
        return cls(static, tried, held, tested, probed, worst)

    def reads(self, table: TableFacts, owned: bool) -> Cell | None:
        return self._read(table, owned, ("SELECT",))

    def writes(self, table: TableFacts, owned: bool) -> Cell | None:
        return self._read(table, owned, ("INSERT", "UPDATE", "DELETE"))

    def _read(self, table: TableFacts, owned: bool, commands: tuple[str, ...]) -> Cell | None:
        """Say what the policies of a table with row security say; None where they were not read."""
        known = [s for s in self.static.get(table.label, ()) if s.command in commands]
        if not (owned and table.rls and table.policies and known):
            return None
        reading = reading_of("", known)
        return Cell(reading.mark, _REACH_WORDS.get(reading.word, reading.word))

    def proven(self, label: str) -> Cell:
        if label not in self.tried:
            return _nothing("no")
        if label in self.held:
            return Cell("ok", "tested" if label in self.tested else "proven")
        outcome = self.worst.get(label) or ("in doubt" if label in self.probed else "not tried")
        return Cell("bad" if outcome in ("leak", "blocked") else "none", outcome)


@dataclass(frozen=True)
class _Known:
    """What the cells of a row rest on: the checks that looked at everything, what isolation rests on,
    whether the database has row-level security, and what the checks explain."""

    settled: frozenset[str]
    evidence: _Evidence
    row_security: bool
    declared: Declared


_REACH_WORDS = {"safe": "bound", "unsafe": "open"}  # the others are called what they are


def _nothing(text: str) -> Cell:
    return Cell("none", text or "n/a")


def _truth(value: bool | None, yes: str, no: str, applies: bool) -> Cell:
    if not applies or value is None:
        return _nothing("")
    return Cell("ok", yes) if value else Cell("bad", no)


def _typed(table: TableFacts, broken: set[str], known: _Known) -> Cell:
    if not table.type or table.table_class != "tenant":
        return _nothing("")
    return Cell("bad" if broken & known.declared.explaining("type") else None, table.type, name=True)


def _share(good: list[bool]) -> Cell:
    if not good:
        return _nothing("none")
    return Cell("ok" if all(good) else "bad", f"{sum(good)} of {len(good)}")


def _bound(table: TableFacts, owned: bool, what: Explained, broken: set[str], known: _Known) -> Cell:
    """Say whether policies bind the tenant: ✓ only where the deciding checks ran and found nothing."""
    if not owned:
        return _nothing("")
    if not table.rls:
        return Cell("bad", "open")
    if not table.policies:
        return _nothing("no policy")
    deciding = known.declared.explaining(what)
    if broken & deciding:
        return Cell("bad", "open")
    if broken & known.declared.explaining("unverified"):
        return _nothing("unverified")
    return Cell("ok", "bound") if deciding <= known.settled else _nothing("unknown")


def by_group(report: Report) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """Return the rows by the groups of the config; by class where there are no groups."""
    all_rows = rows(report)
    if any(r.group for r in all_rows):
        names = sorted({r.group for r in all_rows} - {""})
        groups = [(name, tuple(r for r in all_rows if r.group == name)) for name in names]
        rest = tuple(r for r in all_rows if not r.group)
        return (*groups, *([("Other tables", rest)] if rest else []))
    listed = {name: tuple(r for r in all_rows if r.table_class == name) for name in CLASSES}
    others = tuple(r for r in all_rows if r.table_class not in CLASSES)
    titled = [(f"{name.capitalize()} tables", members) for name, members in listed.items() if members]
    return (*titled, *([("Other tables", others)] if others else []))
