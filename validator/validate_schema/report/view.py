"""What every format shows, computed once: groups, counts, order, anchors. Templates only print it."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from ..model.finding import Finding
from ..model.report import CheckResult, EnumFacts, PolicyFacts, Report, Suppressed
from ..model.wording import some
from . import cards as cards_
from . import headline, matrix, sequence
from . import map as map_
from . import mermaid as mermaid_
from . import promises as promises_
from . import proof as proof_
from .concerns import HEADINGS
from .declared import declared
from .escape import one_line_sql, visible
from .rollback import Rollback, rollback

STATUS_SIGNS = {
    "passed": "✓", "failed": "✗", "undecided": "?", "not_applicable": "–", "skipped": "?", "error": "!",
}  # fmt: skip
STATUS_WORDS = {
    "passed": "passed",
    "failed": "failed",
    "undecided": "undecided",
    "not_applicable": "not applicable",
    "skipped": "skipped",
    "error": "error",
}
_DIRTY = " with changes that are not committed"


@dataclass(frozen=True)
class Step:
    """One thing to do next; `anchor` leads to its card."""

    text: str
    detail: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class PolicyGroup:
    """Policies that say the same, and where they stand. `check` is empty where USING stands for it."""

    policy: PolicyFacts
    using: str
    check: str
    names: tuple[str, ...]
    tables: tuple[str, ...]


@dataclass(frozen=True)
class UniqueRow:
    table: str
    name: str
    columns: tuple[str, ...]
    scoped: bool


def plain(line: promises_.Line) -> str:
    note = f" ({line.note})" if line.note else ""
    return f"{line.sign} {line.text}{note}"


class View:
    """The report as it is shown."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.columns = matrix.COLUMNS
        self.status_signs = STATUS_SIGNS
        self.status_words = STATUS_WORDS

    @cached_property
    def without_schema(self) -> bool:
        return promises_.without_schema(self.report)

    @cached_property
    def figures(self) -> tuple[headline.Figure, ...]:
        return headline.figures(self.report)

    @cached_property
    def verdict_words(self) -> str:
        return headline.verdict_words(self.report)

    @cached_property
    def severities(self) -> tuple[tuple[str, int], ...]:
        return headline.severities(self.report)

    @cached_property
    def plate(self) -> tuple[tuple[str, str], ...]:
        return headline.plate(self.report)

    @cached_property
    def summary(self) -> tuple[str, ...]:
        return headline.summary(self.report)

    @cached_property
    def lines(self) -> tuple[promises_.Line, ...]:
        return promises_.promises(self.report)

    @cached_property
    def lines_text(self) -> str:
        """The lines as plain text, one each."""
        return "\n".join(visible(plain(line)) for line in self.lines)

    @cached_property
    def command(self) -> str:
        return visible(self.report.provenance.command)

    @cached_property
    def cards(self) -> tuple[cards_.Card, ...]:
        return cards_.cards(self.report)

    @cached_property
    def concerns(self) -> tuple[tuple[str, tuple[cards_.Card, ...]], ...]:
        """The cards under what they mean for a tenant, the gravest first."""
        like = groupby(self.cards, key=lambda card: card.concern)
        return tuple((HEADINGS[concern], tuple(cards)) for concern, cards in like)

    @cached_property
    def families(self) -> tuple[tuple[str, str], ...]:
        """Families that have cards, in the order of the cards' families."""
        present = {card.family.id: card.family for card in self.cards}
        return tuple((f.id, f.noun) for f in sorted(present.values(), key=lambda f: (f.cards, f.id)))

    @cached_property
    def first_card(self) -> dict[str, str]:
        """The anchor of each check's first card."""
        return {card.check: card.anchor for card in reversed(self.cards)}

    @cached_property
    def rows(self) -> tuple[matrix.Row, ...]:
        return matrix.rows(self.report)

    @cached_property
    def groups(self) -> tuple[tuple[str, tuple[matrix.Row, ...]], ...]:
        return matrix.by_group(self.report)

    @cached_property
    def map(self) -> map_.Map:
        return map_.tenancy_map(self.report)

    @cached_property
    def mermaid(self) -> str:
        return mermaid_.mermaid(self.report)

    @cached_property
    def proof(self) -> proof_.Proof:
        return proof_.Proof(self.report.isolation)

    @cached_property
    def crossing(self) -> tuple[tuple[str, tuple[str, ...], str], ...]:
        """Keys that may cross tenants: table, columns, referenced table."""
        return tuple(
            (t.label, k.columns, k.references) for t in self.report.tables for k in t.fks if k.safe is False
        )

    @cached_property
    def crossing_card(self) -> str:
        """The anchor of the card that tells the keys that may cross tenants, if one does."""
        known = declared(self.report)
        of_references = known.explaining("reference")
        return next((card.anchor for card in self.cards if card.check in of_references), "")

    @cached_property
    def telling(self) -> tuple[CheckResult, ...]:
        """The checks of which there is more to say than that they passed or had nothing to examine."""
        return tuple(r for r in self.report.checks if r.status != "not_applicable" and r not in self.passed)

    @cached_property
    def passed(self) -> tuple[CheckResult, ...]:
        """The checks that examined all there is, found nothing and have nothing to add."""
        return tuple(
            r for r in self.report.checks if r.status == "passed" and not r.suppressed and not r.reason
        )

    @cached_property
    def not_applicable(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The checks that had nothing to examine, under the reason."""
        like: dict[str, list[str]] = defaultdict(list)
        for result in self.report.checks:
            if result.status == "not_applicable":
                like[result.reason or "nothing to examine"].append(result.id)
        return tuple((reason, tuple(ids)) for reason, ids in like.items())

    @cached_property
    def has_row_security(self) -> bool:
        return promises_.has_row_security(self.report)

    @cached_property
    def fleet(self) -> tuple[str, str] | None:
        """What is said of schemas that may be a tenant each, and the command for them."""
        return promises_.fleet_lines(self.report)

    @cached_property
    def tenancy_lines(self) -> str:
        return promises_.tenancy_lines(self.report)

    @cached_property
    def policies(self) -> tuple[PolicyGroup, ...]:
        like: dict[tuple[object, ...], list[PolicyFacts]] = defaultdict(list)
        for policy in self.report.policies:
            key = (policy.command, policy.roles, policy.permissive, policy.using, policy.check)
            like[key].append(policy)
        return tuple(
            PolicyGroup(
                group[0],
                one_line_sql(group[0].using or ""),
                one_line_sql(group[0].check or "") if group[0].check != group[0].using else "",
                tuple(dict.fromkeys(p.name for p in group)),
                tuple(p.table for p in group),
            )
            for group in like.values()
        )

    @cached_property
    def uniques(self) -> tuple[UniqueRow, ...]:
        return tuple(
            UniqueRow(t.label, u.name, u.columns, u.scoped)
            for t in self.report.tables
            if t.table_class == "tenant"
            for u in t.uniques
        )

    @cached_property
    def uniques_by_columns(self) -> tuple[tuple[tuple[str, ...], bool, tuple[str, ...]], ...]:
        """The uniques of tenant tables over columns of the same names: columns, whether scoped, names."""
        like: dict[tuple[tuple[str, ...], bool], list[str]] = defaultdict(list)
        for unique in self.uniques:
            like[unique.columns, unique.scoped].append(f"{unique.table}.{unique.name}")
        return tuple((columns, scoped, tuple(names)) for (columns, scoped), names in like.items())

    @cached_property
    def deletes(self) -> tuple[tuple[str, int], ...]:
        """How many foreign keys take which action when the referenced row is deleted."""
        actions = Counter(k.on_delete.lower() for t in self.report.tables for k in t.fks)
        return tuple(sorted(actions.items(), key=lambda pair: (-pair[1], pair[0])))

    @cached_property
    def defaults(self) -> tuple[tuple[str, str, str], ...]:
        """Tenant columns with a default: table, column, default."""
        return tuple(
            (t.label, t.tenant_column or "", t.default)
            for t in self.report.tables
            if t.default is not None and t.table_class == "tenant"
        )

    @cached_property
    def nullable(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (t.label, t.tenant_column or "")
            for t in self.report.tables
            if t.nullable and t.table_class == "tenant"
        )

    def section(self, name: str) -> tuple[CheckResult, ...]:
        """Return the checks whose families belong to that part of the report."""
        known = declared(self.report)
        return tuple(r for r in self.report.checks if known.family(r.id).section == name)

    @cached_property
    def enums(self) -> tuple[EnumFacts, ...]:
        return self.report.enums

    @cached_property
    def accepted(self) -> tuple[tuple[str, Suppressed], ...]:
        schema = self.report.target.default_schema
        return tuple((s.object.label(schema), s) for s in self.report.suppressed)

    @cached_property
    def migrations(self) -> sequence.Migrations:
        anchors = cards_.anchors(self.report.findings)
        links = {
            f.fingerprint: (f.check, anchor) for anchor, f in zip(anchors, self.report.findings, strict=True)
        }
        return sequence.Migrations(self.report, links)

    @cached_property
    def since_baseline(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """The baseline's findings that are no longer found, under what became of them."""
        compared = self.report.baseline
        if compared is None:
            return ()
        lists = (
            ("resolved", compared.resolved),
            ("accepted since", compared.accepted),
            ("not examined any more", compared.unjudged),
        )
        return tuple((became, findings) for became, findings in lists if findings)

    def label(self, finding: Finding) -> str:
        """Return the name of a finding's object as people write it."""
        return finding.object.label(self.report.target.default_schema)

    @cached_property
    def rollback(self) -> Rollback:
        return rollback(f.remedy.steps for f in self.report.findings)

    @cached_property
    def by_hand(self) -> tuple[tuple[str, str, int], ...]:
        """Checks whose remedies have no computed inverse: check, title, how many remedies."""
        number = Counter(self.report.findings[place].check for place in self.rollback.by_hand)
        titles = {r.id: r.title for r in self.report.checks}
        return tuple((check, titles.get(check, ""), number[check]) for check in sorted(number))

    @cached_property
    def revert(self) -> str:
        """The migration tool's own command that takes back the newest; empty where there is none."""
        from ..migrations import tools

        undo = self.migrations.undo
        command = tools.find(self.report.migrations.tool.lower()).words.revert
        return command.format(name=undo[0].entry.name) if command and undo else ""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        return (*self._tenancy_step(), *map(_step, self.cards), *self._unexamined_steps())

    def _tenancy_step(self) -> list[Step]:
        if self.report.tenancy.identified or self.without_schema:
            return []
        return [Step("Name the tenant root and the tenant column in validate-schema.toml", anchor="tenancy")]

    def _unexamined_steps(self) -> list[Step]:
        reasons: dict[str, list[str]] = defaultdict(list)
        for result in self.report.checks:
            if not result.looked_at_all:
                reasons[result.reason or "it could not run"].append(result.id)
        return [
            Step(f"Make it possible to examine {', '.join(ids)}", reason, "examined")
            for reason, ids in reasons.items()
        ]

    @cached_property
    def provenance(self) -> tuple[tuple[str, str], ...]:
        report, origin = self.report, self.report.provenance
        pairs = (
            ("Command", origin.command),
            ("Config", origin.config_path),
            ("Config SHA-256", origin.config_sha256),
            ("Contract SHA-256", origin.contract_sha256),
            ("Catalog SHA-256", report.target.fingerprint),
            ("Packs of checks", ", ".join(pack.name for pack in report.packs or ())),
            ("Commit", origin.git_commit + (_DIRTY if origin.git_commit and origin.git_dirty else "")),
            ("CI run", origin.ci_url),
            ("Transaction", "read only" if report.target.read_only else "not read only"),
            ("Stand-ins for extensions", ", ".join(report.target.stand_ins)),
            ("Could not be read", "; ".join(report.target.unreadable)),
            ("Report format", f"version {report.schema_version}"),
        )
        return tuple((name, value) for name, value in pairs if value)


def _step(card: cards_.Card) -> Step:
    count = len(card.objects)
    where = card.objects[0].label if count == 1 else some(count, "object")
    if card.statements:
        detail = f"{some(card.statements, 'statement')} ready to run"
    else:
        detail = card.note or "needs a decision"
    return Step(f"{card.check} {card.title}: {where}", detail, card.anchor)
