"""Rows of others that pass, of which it is not known whether there are any, or whether they are others'
alone: those of a tenant that stands for none, and those of which somebody else is a party too."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..model.catalog import Constraint, Table
from ..model.reading import Flow
from ..model.tenancy import TableClass
from ..sql.ident import display
from ..sql.predicates import check_expression
from ..sql.tree import Node, conjuncts, walk
from .bind import TENANT, Binder
from .evaluate import World
from .questions import Question, Scenario, literals_of, whole_domain
from .values import Number, Values
from .world import Schema

REQUEST = (
    "a person may write a row for any tenant that ties him to it, and no policy counts it: he asks to be"
    " taken in, where that is meant"
)


class Doubt(NamedTuple):
    """What is not known, in words, and the ways to rows of others that it says nothing of."""

    why: str
    left: list[Scenario]


def doubts(
    schema: Schema, table: Table, question: Question, scenarios: Sequence[Scenario], *, written: bool
) -> Iterator[Doubt]:
    """Yield what may let rows of others pass without harm, for reading or where they are `written`."""
    root = next((key.references for key in _root_keys(schema, table)), None)
    if root is None:
        return
    known = schema.tenancy.placeholders
    found = [
        c.tenant for s in scenarios if s.flow is Flow.FAIL_OPEN for c in s.cases if shown(c.tenant) in known
    ]
    if found:
        left = [
            s._replace(cases=tuple(c for c in s.cases if shown(c.tenant) not in known)) for s in scenarios
        ]
        kept = [s if old.flow is Flow.FAIL_OPEN else old for s, old in zip(left, scenarios, strict=True)]
        name = display(root, schema.home)
        yield Doubt(
            f"without a context the rows of tenant {shown(found[0])!r} pass, and nothing says that there is"
            f" no such tenant: a CHECK on {name} does",
            kept,
        )
    parties = [*_parties(schema, table, question)]
    if parties:
        done = "are written, changed and deleted" if written else "pass"
        meant = "a party does so for the other" if written else "both are parties of the row"
        yield Doubt(
            f"rows of another tenant {done} where {', '.join(parties)} names the tenant that asks: {meant},"
            " where that is meant",
            [*_without(parties, question, scenarios)],
        )


def is_request(schema: Schema, table: Table, conditions: Sequence[Node]) -> bool:
    """Tell whether a row that a person adds ties him to a tenant for no policy, and each of the conditions,
    one of which it meets, gives it a mark: ``state = 'pending'``."""
    members = schema.memberships.get(table.qname, ())
    ties = {name for m in members for name in (m.tenant, m.person)}
    told = bool(members) and not any(m.asked for m in members)
    return told and all(any(_marks(part, ties) for part in conjuncts(c)) for c in conditions)


def _marks(part: Node, ties: set[str]) -> bool:
    """Tell whether a condition fixes a column of the row that is none of these, whatever else there is."""
    nodes = [*walk(part)]
    columns = {n.value[1] for n in nodes if n.op == "column"}
    fixed = part.op in ("null", "column", "not") or (part.op == "compare" and part.value == "=")
    plain = {n.op for n in nodes} <= {"null", "column", "not", "compare", "cast", "const"}
    return fixed and plain and len(columns) == 1 and columns.isdisjoint(ties)


def never_there(schema: Schema, table: Table, key: object) -> bool:
    """Tell whether no row can be of the tenant with that key: it has to be one of the root, which a CHECK
    keeps from it."""
    for held in _root_keys(schema, table):
        root = schema.tables[held.references] if held.references is not None else table
        for check in root.checks:
            if (
                check.columns == held.referenced_columns
                and check.definition
                and schema.promises.stands(root, check)
            ):
                bound = Binder(schema, root, lambda *_: None).bind(
                    schema.expand(check_expression(check.definition))
                )
                named = {n.value[0] if n.op == "variable" else n.op for n in walk(bound)}
                if named.isdisjoint(("context", "user", "opaque")) and TENANT in named:
                    world = World({TENANT: frozenset({key})}, literals_of((bound,)), {})
                    if world.truth(bound) == {False}:
                        return True
    return False


def _root_keys(schema: Schema, table: Table) -> Iterator[Constraint]:
    """Yield the foreign keys by which the tenant column of a table leads to the root's key."""
    own = schema.tenant_columns(table)
    for key in schema.promises.standing_keys(table) if len(own) == 1 else ():
        if key.columns[0] in own and _leads_to_root(schema, key):
            yield key


def _leads_to_root(schema: Schema, key: Constraint) -> bool:
    standing = schema.standings.get(key.references) if key.references is not None else None
    if standing is None or standing.table_class is not TableClass.ROOT or len(key.columns) != 1:
        return False
    return key.referenced_columns[0] == schema.tenancy.levels[standing.level].key


def _parties(schema: Schema, table: Table, question: Question) -> Iterator[str]:
    """Yield the other columns that lead to a tenant, of those that the condition looks at."""
    own = schema.tenant_columns(table)
    for key in schema.promises.standing_keys(table):
        (column, *more) = key.columns
        if (
            not more
            and column not in own
            and _leads_to_root(schema, key)
            and f"row.{column}" in question.variables
        ):
            yield column


def _without(parties: list[str], question: Question, scenarios: Sequence[Scenario]) -> Iterator[Scenario]:
    """Yield the scenarios, case by case, in which no party of the row is the tenant that asks."""
    for scenario in scenarios:
        for kept, spelled in ((scenario.cases, False), (scenario.spelled, True)):
            for case in kept:
                mine = _spellings(case.context)
                others = {f"row.{p}": whole_domain(question, f"row.{p}") - mine for p in parties}
                cases, concrete = ((), (case,)) if spelled else ((case,), ())
                yield scenario._replace(cases=cases, spelled=concrete, fixed={**scenario.fixed, **others})


def _spellings(context: object) -> Values:
    """Return what a column holds that holds the tenant of the session; nothing where it is for none."""
    if context is None or context == "":
        return frozenset()
    number = isinstance(context, str) and context.lstrip("-").isdecimal()
    return frozenset({context, Number(int(str(context)))}) if number else frozenset({context})


def shown(value: object) -> str | None:
    """Return a tenant's key as text, None for any other tenant."""
    return value if isinstance(value, str) else str(value.number) if isinstance(value, Number) else None
