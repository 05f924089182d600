"""What the analysis says of each policy, and how a policy is mended."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Undecided
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import reading
from validate_schema.pack.remedies import alter_policy, tenant_condition
from validate_schema.pack.sql import Unreadable, read_expression, syntax
from validate_schema.pack.subjects import TablePolicy, kept

from ._access import may

LOCK = "ACCESS EXCLUSIVE for a moment: only the catalog changes, no row is read"
UNDECIDED = "RLS014"
_CHECKS = {
    reading.Flow.READ: "RLS005",
    reading.Flow.WRITE: "RLS006",
    reading.Flow.FAIL_OPEN: "RLS007",
    reading.Flow.NULL_TENANT: "RLS008",
    reading.Flow.JOIN: "RLS017",
    reading.Flow.ANYWHERE: "RLS018",
}
_WRITING = ("INSERT check", "UPDATE check", "UPDATE using", "DELETE using")
_COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")


class Combination(NamedTuple):
    """The policies of a table together, where none of them alone opens it for a command."""

    table: cat.Table
    command: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("policies", self.table.qname, f"for {self.command}")


Subject = TablePolicy | Combination


@kept
def policies_of(facts: Facts) -> Iterator[TablePolicy]:
    """Policies of the tables of the tenants, and of their partitions, whose row security is on, as far as they were
    analysed."""
    facts.require_tenancy()
    for table in facts.catalog.tables:
        if table.qname in facts.judgements:
            yield from (TablePolicy(table, p) for p in table.policies)


def nodes_of(text: str) -> tuple[syntax.Node, ...]:
    """Return all that an expression consists of; nothing where it is empty or cannot be read."""
    try:
        return tuple(syntax.walk(read_expression(text))) if text else ()
    except Unreadable:
        return ()


@lru_cache(maxsize=1024)
def compared(text: str) -> tuple[tuple[syntax.Node, syntax.Node], ...]:
    """Return both sides of each ``=`` in an expression, either way round; none where it cannot be read."""
    equals = [n for n in nodes_of(text) if isinstance(n, syntax.Operation) and n.operator == "="]
    sides = [(n.left, n.right) for n in equals if n.left is not None]
    return tuple(pair for one, other in sides for pair in ((one, other), (other, one)))


def among(text: str) -> tuple[tuple[syntax.Node, syntax.Node], ...]:
    """Return, for each ``x = ANY (ARRAY[a, b])`` and ``x IN (a, b)``, each of what stands there with x."""
    found: list[tuple[syntax.Node, syntax.Node]] = []
    for node in nodes_of(text):
        match node:
            case syntax.Quantified(operator="=", left=left, array=syntax.Array(items=items), every=False):
                found += [(item, left) for item in items]
            case syntax.In(value=value, items=items, negated=False):
                found += [(item, value) for item in items]
    return tuple(found)


def judgements_of(
    table: cat.Table, policy: str | None, facts: Facts, reach: reading.Reach
) -> list[reading.Judgement]:
    """Return the judgements of that reach that name the policy (None: that name none): those of app roles
    first, in the order of the commands, the half that reads first."""
    of_table = facts.judgements.get(table.qname, ())
    found = [j for j in of_table if j.reach is reach and j.policy == policy]
    if not found:
        return found
    order = {"using": 0, "check": 1}
    return sorted(
        found,
        key=lambda j: (is_other(j.role, facts), order[j.half], _COMMANDS.index(j.command), j.role),
    )


def is_other(role: str, facts: Facts) -> bool:
    """Tell whether the role is none of the application's: judged, and told with less alarm."""
    known = facts.tenancy.app_roles
    return bool(known) and role not in known


def defects(subject: Subject, facts: Facts) -> dict[str, reading.Judgement]:
    """Return the judgement behind each check that the policy, or the combination, fails.

    What is wrong with USING is reported once, also where it stands in for WITH CHECK.
    """
    of_table = facts.judgements.get(subject.table.qname, ())
    if not any(j.reach is reading.Reach.UNSAFE for j in of_table):
        return {}
    if isinstance(subject, Combination):
        found = judgements_of(subject.table, None, facts, reading.Reach.UNSAFE)
        return _first(j for j in found if j.command == subject.command)
    table, policy = subject
    unsafe = judgements_of(table, policy.name, facts, reading.Reach.UNSAFE)
    reads = [j for j in unsafe if j.half == "using"]
    writes = [j for j in unsafe if j.half == "check"]
    if policy.command in ("UPDATE", "DELETE"):
        reads = [j for j in reads if j.command == policy.command]
    result = _first(reads[:1])
    if policy.command in ("UPDATE", "DELETE") and "RLS005" in result:
        result = {"RLS006": result["RLS005"]}
    own_check = policy.check is not None and policy.check != policy.using
    if writes and (own_check or not reads):
        for id, judgement in _first(writes[:1]).items():
            result.setdefault(id, judgement)
    return result


def _first(judgements: Iterator[reading.Judgement] | list[reading.Judgement]) -> dict[str, reading.Judgement]:
    found: dict[str, reading.Judgement] = {}
    for judgement in judgements:
        if judgement.flow is not None:
            found.setdefault(_CHECKS[judgement.flow], judgement)
    return dict(list(found.items())[:1])


def combinations(facts: Facts) -> dict[cat.QName, Combination]:
    """Return, by table, the command for which policies open it though no single one does: the first."""
    return facts.once(_combinations)


def _combinations(facts: Facts) -> dict[cat.QName, Combination]:
    tables = dict.fromkeys(
        j.table for j in facts.analysis.judgements if j.reach is reading.Reach.UNSAFE and j.policy is None
    )
    return {name: _combination(facts.tables_by_name[name], facts) for name in tables}


def _combination(table: cat.Table, facts: Facts) -> Combination:
    return Combination(table, judgements_of(table, None, facts, reading.Reach.UNSAFE)[0].command)


def fails(table: cat.Table, id: str, facts: Facts) -> bool:
    """Tell whether a policy of the table, or its policies together, fail check `id`."""
    subjects: list[Subject] = [TablePolicy(table, policy) for policy in table.policies]
    together = combinations(facts).get(table.qname)
    subjects += [together] if together is not None else []
    return any(id in defects(subject, facts) for subject in subjects)


def permissive(facts: Facts, id: str, commands: tuple[str, ...]) -> Iterator[Subject]:
    """Permissive policies for one of these commands, and the combinations that fail check `id`."""
    for subject in policies_of(facts):
        if subject.policy.permissive and subject.policy.command in commands:
            yield subject
    yield from (c for c in combinations(facts).values() if id in defects(c, facts))


def undecided(subject: TablePolicy, facts: Facts) -> reading.Judgement | None:
    """Return the judgement that the analysis left open because of this policy, if there is one.

    Where it names no policy, the one to name is that which stopped the analysis, else the first
    permissive one.
    """
    table, policy = subject
    if all(j.reach is not reading.Reach.UNVERIFIED for j in facts.judgements.get(table.qname, ())):
        return None
    stuck = judgements_of(table, policy.name, facts, reading.Reach.UNVERIFIED)
    if not stuck and policy.name == _suspect(table, facts):
        stuck = judgements_of(table, None, facts, reading.Reach.UNVERIFIED)
    return stuck[0] if stuck and not defects(subject, facts) else None


def stopped_by(table: cat.Table, policy: str, facts: Facts) -> tuple[str, ...]:
    """Return what stopped the analysis in one policy."""
    one = facts.policy_readings.get((table.qname, policy))
    return one.undecided if one is not None else ()


def _suspect(table: cat.Table, facts: Facts) -> str:
    policies = [p for p in table.policies if p.permissive] or list(table.policies)
    return next((p for p in policies if stopped_by(table, p.name, facts)), policies[0]).name


def opens(subject: TablePolicy, id: str, facts: Facts) -> bool:
    """Tell whether the policy opens what check `id` speaks of: reading, or writing."""
    halves = {"RLS005": ("SELECT using",), "RLS006": _WRITING}.get(id, ())
    unsafe = judgements_of(subject.table, subject.policy.name, facts, reading.Reach.UNSAFE)
    return any(f"{j.command} {j.half}" in halves for j in unsafe)


def _beyond(subject: TablePolicy, told: reading.Judgement, facts: Facts) -> list[reading.Judgement]:
    """Return the judgements on what app roles may write that what is told of a policy says nothing of, where that is
    about reading: who lets rows be read lets none be written by that. What stopped the analysis of both is one thing."""
    if told.command != "SELECT":
        return []
    table, policy = subject
    return [
        j
        for j in judgements_of(table, policy.name, facts, told.reach)
        if f"{j.command} {j.half}" in _WRITING
        and (j.reach is reading.Reach.UNSAFE or j.reason != told.reason)
        and may(table.owner, table.grants, table.columns, facts, j.command)
    ]


def verdict(subject: Subject, id: str, facts: Facts, effect: str) -> Flaw | Undecided | None:
    """Return what check `id` says of the subject; `effect` completes "… lets app_user"."""
    found = defects(subject, facts)
    judgement = found.get(id)
    if judgement is None:
        return _told_elsewhere(subject, id, found, facts) if isinstance(subject, TablePolicy) else None
    name = facts.show(subject.table.qname)
    if isinstance(subject, TablePolicy):
        who = f"Policy {subject.policy.name} on {name}"
        remedy = bind(subject, facts)
    else:
        who = f"The policies on {name} together"
        remedy = Remedy(
            note="Add the tenant to each permissive policy, or one restrictive policy that binds it."
        )
    branch = judgement.branch or "the whole expression"
    return Flaw(
        message=f"{who}{' let' if isinstance(subject, Combination) else ' lets'} {judgement.role} {effect}: {branch}",
        expected="every branch compares the tenant column with the tenant of the session",
        observed=f"{judgement.command}: {branch}",
        evidence=judgement.reason,
        remedy=remedy,
        severity=Severity.WARNING if is_other(judgement.role, facts) else None,
    )


def _told_elsewhere(
    subject: TablePolicy, id: str, found: dict[str, reading.Judgement], facts: Facts
) -> Undecided | None:
    """Return what check `id` leaves to another one to tell."""
    name, told = f"{subject.policy.name} on {facts.show(subject.table.qname)}", next(iter(found), "")
    if told:
        more = _beyond(subject, found[told], facts) if id == "RLS006" else []
        kind = "open for writing as well, beside what" if more else "open, as"
        opened = opens(subject, id, facts)
        return Undecided(f"{name} is {kind} {told} says", told_by=told, more=bool(more)) if opened else None
    stuck = undecided(subject, facts)
    if stuck is None:
        return None
    more = _beyond(subject, stuck, facts) if id == "RLS006" else []
    if more:
        return Undecided(f"{name}: {more[0].reason}", told_by=UNDECIDED, more=True)
    return Undecided(stuck.reason, told_by=UNDECIDED)


def bind(subject: TablePolicy, facts: Facts) -> Remedy:
    """Return the remedy: the tenant condition instead of what the policy says where that is about no
    other column, else beside it."""
    table, policy = subject
    condition = tenant_condition(table, facts)
    unsafe = judgements_of(table, policy.name, facts, reading.Reach.UNSAFE)
    if condition is None:
        return Remedy(
            note="Have every branch compare the tenant column with the tenant context of the session."
        )
    nodes = syntax.walk(read_expression(condition))
    called = (n.name for n in nodes if isinstance(n, syntax.Call) and not n.args)
    helper = next((h for h in called if any(h in j.branch for j in unsafe)), None)
    if helper is not None:
        return Remedy(
            note=f"Have {helper}() return the tenant of the session alone, and NULL while none is set."
        )
    halves = {j.half for j in unsafe}
    parts = []
    kept = False
    for word, text, half in (("USING", policy.using, "using"), ("WITH CHECK", policy.check, "check")):
        if text is None or (half not in halves and not (half == "using" and policy.check is None)):
            continue
        beside = _looks_at_more(text, table, facts)
        kept = kept or beside
        parts.append(f"{word} (({text}) AND ({condition}))" if beside else f"{word} ({condition})")
    note = "Rows that the policy meant to share with other tenants, if any, are closed with it."
    if kept:
        note += " What it said is kept beside the tenant: see that it still lets a tenant's own rows in."
    return Remedy(steps=(alter_policy(table.qname, policy.name, " ".join(parts)),), note=note, lock=LOCK)


def _looks_at_more(text: str, table: cat.Table, facts: Facts) -> bool:
    own = facts.tenant_column(table)
    return any(mentions(text, c.name) for c in table.columns if c.name != own)


def mentions(text: str, name: str) -> bool:
    """Tell whether an expression names the column; one that cannot be read may."""
    try:
        nodes = syntax.walk(read_expression(text))
    except Unreadable:
        return True
    return any(isinstance(node, syntax.Column) and node.name == name for node in nodes)


def rewritten(subject: TablePolicy, texts: dict[str, str]) -> Remedy | None:
    """Return the remedy that gives the policy new expressions (old → new); None where nothing changes."""
    table, policy = subject
    parts = [
        f"{word} ({texts[text]})"
        for word, text in (("USING", policy.using), ("WITH CHECK", policy.check))
        if text is not None and texts[text] != text
    ]
    if not parts:
        return None
    return Remedy(steps=(alter_policy(table.qname, policy.name, " ".join(parts)),), lock=LOCK)
