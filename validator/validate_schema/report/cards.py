"""Findings grouped into cards: forty tables with one defect are one card with forty names."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property
from itertools import takewhile

import msgspec

from ..model.declared import Concern, Family
from ..model.finding import Finding, ObjectRef, Severity
from ..model.report import CheckResult, Report
from ..sql.ident import toml_text
from .concerns import concern_of, rank
from .declared import Declared, declared
from .escape import shown_sql, visible

_ACCEPT_DAYS = 90
_ACCEPT_SHOWN = 3
_SQL_SHOWN, _OBJECTS_SHOWN = 3, 6
_QUOTED = re.compile(r"""\([^()]*\)|\[[^\[\]]*\]|"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”""")
_NAME = re.compile(r"[\w$]*(?:[\d_$.:=]|[a-zß-ÿ][A-ZÀ-Þ])[\w$.:=]*")
_SENTENCE = re.compile(r"(?<=[.;]) ")
_WORD = re.compile(r"[\w$]+")


class CardObject(msgspec.Struct, frozen=True):
    """One object of a card; what all objects of the card share is empty here."""

    anchor: str
    label: str
    kind: str
    expected: str
    observed: str
    evidence: str
    note: str
    status: str
    location: str = ""


class Card(msgspec.Struct, frozen=True, dict=True):
    """One thing to do. `expected`, `observed`, `evidence`, `note` and `location` hold what all objects
    share; of a note that goes on differently, the sentences that they begin with. `undecided`: neither a
    fault nor its absence was shown; `pivotal`: of a table that says who is let in elsewhere.
    `shown` are the statements that mend it, as they are shown."""

    anchor: str
    check: str
    title: str
    severity: str
    family: Family
    why: str
    message: str
    expected: str
    observed: str
    evidence: str
    note: str
    lock: str
    objects: tuple[CardObject, ...]
    shown: tuple[str, ...]
    accept: str
    location: str = ""
    concern: Concern = "integrity"
    undecided: bool = False
    pivotal: bool = False

    @property
    def first_sql(self) -> str:
        """The statements that a page of text has room for."""
        return "\n".join(self.shown[:_SQL_SHOWN])

    @property
    def more_sql(self) -> int:
        return max(0, self.statements - _SQL_SHOWN)

    @property
    def first_objects(self) -> tuple[CardObject, ...]:
        """The objects that a page of text has room for, each with what was found."""
        return self.objects[:_OBJECTS_SHOWN]

    @property
    def more_objects(self) -> tuple[CardObject, ...]:
        return self.objects[_OBJECTS_SHOWN:]

    @property
    def sql(self) -> str:
        """All statements."""
        return "\n".join(self.shown)

    @property
    def statements(self) -> int:
        return len(self.shown)

    @property
    def accept_one(self) -> str:
        """The lines of the config that accept the first object."""
        return self.accept.partition("\n\n")[0]

    @cached_property
    def alike(self) -> bool:
        """Whether the objects differ in nothing but their names."""
        return not any(o.expected or o.observed or o.evidence or o.note for o in self.objects)

    @cached_property
    def notes(self) -> bool:
        """Whether objects have evidence or advice of their own."""
        return any(o.evidence or o.note for o in self.objects)

    @cached_property
    def places(self) -> bool:
        """Whether objects have a line of a file of their own."""
        return any(o.location for o in self.objects)


def anchors(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Return one anchor per finding, in order: its fingerprint, numbered where one repeats."""
    seen: dict[str, int] = defaultdict(int)
    out = []
    for finding in findings:
        base = "f-" + re.sub(r"[^0-9A-Za-z-]", "", finding.fingerprint)
        seen[base] += 1
        out.append(base if seen[base] == 1 else f"{base}-{seen[base]}")
    return tuple(out)


def cards(report: Report) -> tuple[Card, ...]:
    """Return the cards, by what they mean for a tenant; the undecided policies of tables of memberships come
    first of those that may let somebody out, since other tables' policies rest on them. Then by severity, and
    by how close to a leak the family is."""
    known = _identifiers(report)
    families = declared(report)
    results = {r.id: r for r in report.checks}
    memberships = {m.table for m in report.tenancy.asked.memberships}
    groups: dict[tuple[object, ...], list[tuple[str, Finding]]] = defaultdict(list)
    for anchor, finding in zip(anchors(report.findings), report.findings, strict=True):
        key = (
            finding.check,
            finding.severity.rank,
            _pattern(finding.message, finding, known),
            bool(finding.remedy.sql),
            finding.undecided,
            finding.undecided and _table(finding, report) in memberships,
        )
        groups[key].append((anchor, finding))
    made = [
        _card(members, results, families, report, pivotal=bool(key[-1])) for key, members in groups.items()
    ]
    return tuple(sorted(made, key=_order))


def _table(finding: Finding, report: Report) -> str:
    """Return the name of a finding's table as people write it."""
    return ObjectRef("table", finding.object.schema, finding.object.table).label(report.target.default_schema)


def _order(card: Card) -> tuple[int, bool, int, int, str, int, str, str]:
    return (
        rank(card.concern),
        not card.pivotal,
        -Severity(card.severity).rank,
        card.family.cards,
        card.check,
        -len(card.objects),
        card.objects[0].label,
        card.anchor,
    )


def _card(
    members: list[tuple[str, Finding]],
    results: dict[str, CheckResult],
    known: Declared,
    report: Report,
    *,
    pivotal: bool,
) -> Card:
    findings = [f for _, f in members]
    first = findings[0]
    result = results.get(first.check)
    shared = {
        "expected": _shared(f.expected for f in findings),
        "observed": _shared(f.observed for f in findings),
        "evidence": _shared(f.evidence for f in findings),
        "note": _common_start([f.remedy.note for f in findings]),
        "location": _shared(f.location or "" for f in findings),
    }
    statements = tuple(dict.fromkeys(s for f in findings for s in f.remedy.sql))
    schema = report.target.default_schema
    return Card(
        anchor=members[0][0],
        check=first.check,
        title=result.title if result else first.check,
        severity=first.severity.value,
        family=known.family(first.check),
        why=result.why if result else "",
        message=first.message if len(members) == 1 else "",
        **shared,
        lock=" ".join(dict.fromkeys(f.remedy.lock for f in findings if f.remedy.lock)),
        objects=tuple(_object(anchor, f, shared, schema) for anchor, f in members),
        shown=tuple(map(shown_sql, statements)),
        accept=_accept(findings, report),
        concern=concern_of(first, known),
        undecided=first.undecided,
        pivotal=pivotal,
    )


def _shared(values: Iterable[str]) -> str:
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def _common_start(notes: list[str]) -> str:
    """Return the sentences that all notes begin with."""
    side_by_side = zip(*(_SENTENCE.split(note) for note in notes), strict=False)
    return " ".join(alike[0] for alike in takewhile(lambda alike: len(set(alike)) == 1, side_by_side))


def _object(anchor: str, finding: Finding, shared: dict[str, str], default_schema: str) -> CardObject:
    return CardObject(
        anchor=anchor,
        label=finding.object.label(default_schema),
        kind=finding.object.kind,
        expected="" if shared["expected"] else finding.expected,
        observed="" if shared["observed"] else finding.observed,
        evidence="" if shared["evidence"] else finding.evidence,
        note=finding.remedy.note.removeprefix(shared["note"]).lstrip(),
        status=finding.status,
        location="" if shared["location"] else finding.location or "",
    )


def _identifiers(report: Report) -> frozenset[str]:
    """Return the words of the names that this report mentions."""
    names: set[str] = {report.tenancy.column or "", report.tenancy.root or "", *report.tenancy.app_roles}
    for table in report.tables:
        names |= {table.schema, table.name, table.tenant_column or ""}
        names.update(column for unique in table.uniques for column in unique.columns)
        names.update(column for key in table.fks for column in key.columns)
    for finding in report.findings:
        names |= {finding.object.schema, finding.object.table, finding.object.name}
    return frozenset(word for name in names for word in _WORD.findall(name))


def _pattern(message: str, finding: Finding, known: frozenset[str]) -> str:
    """Return the message with names and figures blotted out, so that like messages are equal."""
    ref = finding.object
    for name in sorted({ref.table, ref.name, ref.schema} - {""}, key=len, reverse=True):
        if not _WORD.fullmatch(name):
            message = message.replace(visible(name), "·")
    blotted = _NAME.sub("·", _QUOTED.sub("·", message))
    blotted = _WORD.sub(lambda m: "·" if m[0] in known else m[0], blotted)
    return re.sub(r"·(?:(?:\s|,|and|·|[.])*·)?", "·", blotted)


def _accept(findings: list[Finding], report: Report) -> str:
    """Return the lines of the config that accept these findings; the reason is left to a person."""
    labels = [f.object.label(report.target.default_schema) for f in findings]
    expires = _expiry(report.generated_at)
    blocks = [
        "[[checks.suppress]]\n"
        f"check = {toml_text(finding.check)}\n"
        f"object = {toml_text(label)}\n"
        'reason = ""  # required: why this is right here\n'
        'owner = ""'
        + (f"\nexpires = {toml_text(expires)}" if expires else "")
        + (f"\nbasis = {toml_text(finding.basis)}  # as long as it is the same" if finding.basis else "")
        for finding, label in zip(findings[:_ACCEPT_SHOWN], labels, strict=False)
    ]
    rest = len(labels) - len(blocks)
    return "\n\n".join(blocks) + (
        f"\n\n# and a block like these for each of the other {rest}" if rest else ""
    )


def _expiry(generated_at: str) -> str:
    try:
        return (date.fromisoformat(generated_at[:10]) + timedelta(days=_ACCEPT_DAYS)).isoformat()
    except ValueError:
        return ""
