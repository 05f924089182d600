"""Every verb against one table as one role: as tenant A, without a tenant, with every setting in sight."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from dataclasses import replace as replace_attempt
from functools import cached_property

from msgspec.structs import replace

from ...model.catalog import Constraint
from ...model.isolation import Cell, Outcome, Probe
from ...model.reading import Reach
from ...model.tenancy import OWNED, TableClass
from .attempt import Attempt, most_telling, plain_ones
from .attempts import Target
from .context import ContextSetup
from .dares import Dare, Dares
from .rows import MINE, A, B
from .script import Script
from .sessions import Said
from .stage import Stage
from .trial import Found, Trial


@dataclass(frozen=True)
class Way:
    """What is tried by one probe. `varied` are variations of the attempts, of which only a row that is
    reached tells; `on_b` the same on B's rows alone, for sessions of tenants that policies name; `by_both`
    what the person of both tries in a session for A, `joins` how he becomes a member of a third tenant;
    `on_mine` are tried on rows of B that name who asks. `doing` says what leaks."""

    probe: Probe
    attempts: list[Attempt]
    varied: list[Attempt]
    on_b: list[Attempt]
    doing: str = ""
    detail: str = ""
    by_both: tuple[Attempt, ...] = ()
    joins: tuple[Attempt, ...] = ()
    on_mine: tuple[Attempt, ...] = ()


@dataclass
class Prober:
    """Probes one table as one role. `setup` is how a session says its tenant."""

    stage: Stage
    role: str
    target: Target
    script: Script
    setup: ContextSetup | None
    claimed: list[Said] = field(default_factory=list)  # what sessions say to have their own rows

    @cached_property
    def trial(self) -> Trial:
        return Trial(self.stage, self.role, self.target, self.target.session)

    @cached_property
    def dares(self) -> Dares:
        return Dares(self.target, self.setup)

    def context(self, tenant: str, user: str = "", below: tuple[str, ...] = ()) -> Said:
        return self.setup.of(tenant, user, below) if self.setup else ()

    def cell(self, probe: Probe, found: Found, doing: str = "", detail: str = "") -> Cell:
        """Return the matrix's cell with its evidence."""
        why = found.why
        if found.outcome is Outcome.LEAK and found.attempt is not None:
            why = doing or f"tenant A {found.attempt.label} rows of another tenant"
        statements: tuple[str, ...] = ()
        if found.attempt is not None:
            statements = self.script.of(self.role, found.context, found.attempt)
        return Cell(
            role=self.role,
            table=self.target.table.qname,
            probe=probe,
            outcome=found.outcome,
            why=why,
            detail=detail,
            observed=found.answer.said if found.attempt is not None else "",
            statements=statements,
        )

    # Without a tenant

    def without_context(self, context: Said) -> list[tuple[str, Found]]:
        """Try the four verbs on everybody's rows; what raises an error closed it, if it was the policy."""
        return [(verb, self._settled(*pair, context)) for verb, pair in self._verbs.items()]

    def pretending(self, context: Said, known: Container[str] = ()) -> list[tuple[str, Found]]:
        """Try the same with the other settings that the policies read; return the leaks alone. The verbs
        in `known` are passed over."""
        found = []
        for verb, (attempts, varied) in self._verbs.items():
            if verb not in known:
                dared = self.trial.dared(self.dares.switched(attempts, varied, context))
                found += [(verb, dared[1])] if dared is not None else []
        return found

    def saying(self, words: Iterable[tuple[str, Said]]) -> list[tuple[str, list[tuple[str, Found]]]]:
        """Try the same with each word in place of a tenant's key, on all rows and on each; return the leaks
        alone, by the words."""
        found = []
        for verb, (attempts, varied) in self._verbs.items():
            plain = plain_ones([*attempts, *varied])
            each = [*plain, *(single for a in plain[:1] for single in self.target.singles(a))]
            dared = self.trial.dared([Dare(said, each, when=word) for word, said in words])
            found += [(dared[0].when, [(verb, dared[1])])] if dared is not None else []
        return found

    @cached_property
    def _verbs(self) -> dict[str, tuple[list[Attempt], list[Attempt]]]:
        target, rows = self.target, self.target.everyone()
        inserts = [*target.insert(A)[:1], *target.insert(B)]
        varied = [*target.insert_varied(B), *target.insert_named()]
        return {
            "SELECT": (target.read(rows), []),
            **({} if target.is_root else {"INSERT": (inserts, varied)}),
            "UPDATE": (
                target.update(rows),
                [*target.update_varied(rows), *target.rehome(), *target.rehome_varied()],
            ),
            "DELETE": (target.delete(rows), []),
        }

    # As tenant A

    def with_context(self, context: Said) -> Iterator[Cell]:
        """Try everything as tenant A, one after the other; own rows come first."""
        own = self._own(context)
        yield own
        if self.target.is_root:
            yield self.cell(Probe.INSERT, self._founding())
        for way in self._ways():
            if way.attempts:
                yield unless_blocked(self._across(way, context), own)
        if self.target.stays:
            yield self.cell(Probe.REHOME, Found(Outcome.DENIED, _STAYS))
        for key in self.target.table.foreign_keys:
            cell = self._reference(key, context)
            if cell is not None:
                yield unless_blocked(cell, own)

    def _founding(self) -> Found:
        """Return what comes of a new tenant, which nobody else has rows in."""
        if self.target.rights.insert:
            return Found(Outcome.ISOLATED, _FOUNDED)
        return Found(Outcome.DENIED, f"permission denied for table {self.target.table.name}")

    def _ways(self) -> Iterator[Way]:
        target, of_b = self.target, self.target.rows.of(B)
        foreign = target.rows.foreign(target.shared)
        insert = [] if target.is_root else target.insert(B)
        varied = [*target.insert_varied(B), *target.insert_named()]
        mine, joins = target.rows.of(MINE), target.joins() if target.both else []
        theirs = [*foreign, *mine]
        own = target.seeder.people.memberships(target.rows)  # by which he knows of which tenants he is
        yield Way(
            Probe.READ,
            target.read(foreign),
            [],
            target.read(of_b),
            by_both=tuple(target.read([r for r in theirs if r not in own])),
            on_mine=tuple(target.read(mine)) if mine else (),
        )
        moving = target.rehome_varied()
        yield Way(
            Probe.INSERT,
            insert,
            varied,
            [*insert, *target.insert_varied(B)],
            _INSERTS,
            by_both=(*insert, *varied),
            joins=tuple(joins[:1]),
        )
        yield Way(
            Probe.UPDATE,
            target.update(foreign),
            target.update_varied(foreign),
            [*target.update(of_b), *target.update_varied(of_b)],
            by_both=(*target.update(theirs), *target.update_varied(theirs)),
            on_mine=tuple(target.update(mine)) if mine else (),
        )
        yield Way(
            Probe.DELETE,
            target.delete(foreign),
            [],
            target.delete(of_b),
            by_both=tuple(target.delete(theirs)),
            on_mine=tuple(target.delete(mine)) if mine else (),
        )
        plain = target.rehome()
        yield Way(
            Probe.REHOME, plain, moving, [*plain, *moving], by_both=(*plain, *moving), joins=tuple(joins[1:])
        )

    def within(self, label: str, tenant: str, context: Said) -> list[Cell]:
        """Try the four verbs on the rows of another sub-tenant of A, whose they are says `label`;
        `tenant` is what both belong to."""
        target, rows = self.target, self.target.rows.of(label)
        if not rows:
            return []
        detail, done = f"within one {tenant}", f"rows of another sub-tenant of its {tenant}"
        ways = (
            Way(Probe.READ, target.read(rows), [], [], f"reads {done}", detail),
            Way(Probe.INSERT, target.insert(label), target.insert_varied(label), [],
                f"inserts {done}", detail),
            Way(Probe.UPDATE, target.update(rows), target.update_varied(rows), [], f"changes {done}", detail),
            Way(Probe.DELETE, target.delete(rows), [], [], f"deletes {done}", detail),
        )  # fmt: skip
        return [self._across(way, context, "a session") for way in ways if way.attempts]

    def _across(self, way: Way, context: Said, who: str = "tenant A") -> Cell:
        """Return the cell; what held is tried again with the other settings that the policies read, and
        on B's rows alone by sessions of the tenants that they name."""
        found, when = self._settled(way.attempts, way.varied, context), ""
        if found.outcome in (Outcome.ISOLATED, Outcome.INCONCLUSIVE):
            dares = [
                *self.dares.switched(way.attempts, way.varied, context),
                *self.dares.named(way.on_b),
                *self.dares.both(self._as_both(way), list(way.joins)),
                *self.dares.standings(way.attempts),
                *self.dares.as_claimed(self.claimed, [*way.attempts, *plain_ones(way.varied)], context),
            ]
            dared = self.trial.dared(dares)
            if dared is not None:
                dare, found = dared
                who, when = dare.who, dare.when
        if found.outcome is Outcome.ISOLATED and self.trial.reached(list(way.on_mine), context) is not None:
            return self.cell(way.probe, Found(Outcome.INCONCLUSIVE, _NAMES_HIM), detail=way.detail)
        label = found.attempt.label if found.attempt is not None else ""
        doing = way.doing or _MOVES.get(label) or f"{label} rows of another tenant"
        return self.cell(way.probe, found, f"{who} {doing}{when}", way.detail)

    def _as_both(self, way: Way) -> list[Attempt]:
        """Return what the person of both tenants tries in a session for A: nothing where he gets at rows of B
        that are nobody's or another's in one that names no tenant, for then it is his memberships that let
        him."""
        target, person = self.target, self.target.seeder.people.of_both
        if not way.by_both or person is None or self.setup is None:
            return list(way.by_both)
        others = [r for r in target.rows.foreign(target.shared) if person not in r.values.values()]
        verbs = {Probe.READ: target.read, Probe.UPDATE: target.update, Probe.DELETE: target.delete}
        tries = verbs[way.probe](others) if way.probe in verbs else way.attempts
        let = self.trial.reached(plain_ones(tries), self.setup.of("", person)) is not None
        return [] if let else list(way.by_both)

    def _settled(self, attempts: list[Attempt], varied: list[Attempt], context: Said) -> Found:
        """Settle attempts, and where they hold their variations."""
        found = self.trial.settle(attempts, context)
        if found.outcome is not Outcome.ISOLATED:
            return found
        return self.trial.further(varied, context) or found

    def _own(self, context: Said) -> Cell:
        """Tenant A's own rows must work, as far as privileges go."""
        target, own = self.target, self.target.rows.of(A)
        if target.seeder.facts.principals.is_nobody(self.role):
            why = "requests that nobody has logged in for have no rows of their own"
            return self.cell(Probe.OWN, Found(Outcome.DENIED, why))
        inserts = [] if target.is_root else [*target.insert(A, 20), *target.insert_varied(A, 20)]
        verbs = {
            "SELECT": target.read(own),
            "INSERT": inserts,
            "UPDATE": [*target.update(own)[:2], *target.update_varied(own)],
            "DELETE": target.delete(own),
        }
        found = {verb: self.trial.works(tries, context) for verb, tries in verbs.items() if tries}
        for verb in [v for v, f in found.items() if f.outcome is Outcome.BLOCKED and not self._is_closed(v)]:
            more = self._by_more(verbs[verb], context) or self._by_claims(verbs[verb], context)
            found[verb] = more or found[verb]
        worked = [verb for verb, f in found.items() if f.outcome is Outcome.ISOLATED]
        denied = [verb for verb, f in found.items() if f.outcome is Outcome.DENIED]
        blocked = [verb for verb, f in found.items() if f.outcome is Outcome.BLOCKED]
        closed = [verb for verb in blocked if self._is_closed(verb)]
        if not worked and target.table.policies and len(found) == len((*denied, *closed)):
            return self.cell(Probe.OWN, Found(Outcome.DENIED, "no policy lets the role in, or no privilege"))
        stuck = {v: f for v, f in found.items() if v not in (*worked, *denied, *(closed if worked else ()))}
        lost = next((v for v in blocked if v in stuck), next(iter(stuck), None))
        if lost is not None:
            here = stuck[lost]
            why = f"{lost} on its own rows: {here.why}"
            return self.cell(Probe.OWN, Found(here.outcome, why, here.attempt, here.answer, context), why)
        if not worked:
            return self.cell(Probe.OWN, Found(Outcome.DENIED, "the role has no privilege on the table"))
        rest = f"; not granted: {', '.join(denied)}" if denied else ""
        rest += f"; no policy lets the role: {', '.join(closed)}" if closed else ""
        return self.cell(Probe.OWN, Found(Outcome.ISOLATED, f"{', '.join(worked)} work{rest}"))

    def in_doubt(self, cell: Cell) -> Cell:
        """Return the cell; where a tenant's own rows are kept back by policies that ask tables besides, whose
        rows are made up or none, nobody knows whether they always are. Nor where they ask who the role is:
        the tenants that are made up have no roles of their own; nor where they ask the session for none."""
        facts, table = self.target.seeder.facts, self.target.table
        if cell.probe is not Probe.OWN or cell.outcome is not Outcome.BLOCKED:
            return cell
        ties = {m.table for m in facts.principals.memberships}
        words = frozenset(re.findall(r"\w+", self.target.seeder.texts.own(table)))
        asked = [
            facts.show(t.qname)
            for t in facts.catalog.tables
            if t.name in words and t.qname not in ties and facts.class_of(t.qname) not in OWNED
        ]
        ranks = [
            f"{facts.show(t.qname)}.{c.name}"
            for t in facts.catalog.tables
            for c in t.columns
            if t.qname in ties and t.name in words and c.base_type in ("json", "jsonb") and c.name in words
        ]
        by_role = bool(self.setup and self.setup.by_role)
        named = set() if by_role else _ROLES & {word.lower() for word in words}
        told = self.dares.sessions.others or facts.named_functions.within(self.target.seeder.texts.own(table))
        if self.setup is None and not told:
            why = f"{cell.why}; the policies ask the session for no tenant, and mean no made-up one"
        elif named:
            why = f"{cell.why}; the policies ask {min(named)}, and no made-up tenant has a role of its own"
        elif asked:
            why = f"{cell.why}; the policies ask {', '.join(asked)} as well, whose rows are not the real ones"
        elif ranks:
            why = (
                f"{cell.why}; the policies ask {', '.join(ranks)} as well, whose values are not the real ones"
            )
        else:
            return cell
        return replace(cell, outcome=Outcome.INCONCLUSIVE, why=why)

    def _by_more(self, attempts: list[Attempt], context: Said) -> Found | None:
        """Tell that it works for a session that says more than its tenant, or for one of another rank."""
        for more, attempt in self.dares.as_its_rows(attempts, context):
            if self.trial.reached([attempt], more) is not None:
                return Found(Outcome.ISOLATED, "")
        seeder = self.target.seeder
        for said in seeder.people.standings(seeder.seeded):
            tries = [replace_attempt(a, before=(*a.before, said)) for a in plain_ones(attempts)]
            if self.trial.reached(tries, context) is not None:
                return Found(Outcome.ISOLATED, "")
        return None

    def _by_claims(self, attempts: list[Attempt], context: Said) -> Found | None:
        """Tell that it works for a session that says of itself what policies ask for: all else is tried as
        that one too."""
        for more in self.dares.claimed():
            if self.trial.reached(attempts, (*context, *more)) is not None:
                self.claimed += [] if more in self.claimed else [more]
                return Found(Outcome.ISOLATED, "")
        return None

    def _is_closed(self, verb: str) -> bool:
        """Tell whether no policy for the verb lets the role in at all, which is how one keeps it out."""
        judged = self.target.seeder.facts.judgements.get(self.target.table.qname, ())
        half = "check" if verb == "INSERT" else "using"
        return any(
            j.reach is Reach.CLOSED for j in judged if (j.role, j.command, j.half) == (self.role, verb, half)
        )

    def _reference(self, key: Constraint, context: Said) -> Cell | None:
        """May A's row refer to B's? Only keys between tenants' tables, besides those that say whose it is."""
        if not self._ties_tenants(key):
            return None
        across, within = self.target.refer(key)
        found = self.trial.reached(across, context) or self._refused(across, within, context)
        when = ""
        if found.outcome is Outcome.ISOLATED:
            varied = self.target.refer_varied(key)
            dares = [
                Dare(context, varied, when=" where what policies look at is another"),
                *self.dares.switched(across, varied, context),
                *self.dares.named([*across, *varied]),
                *self.dares.both([*across, *varied], []),
                *self.dares.standings(across),
                *self.dares.as_claimed(self.claimed, [*across, *varied], context),
            ]
            dared = self.trial.dared(dares)
            if dared is not None:
                found, when = dared[1], dared[0].when
        if found.outcome is Outcome.LEAK and self._holds_tenant(key):
            found = Found(Outcome.ISOLATED, _OWN_KEY, found.attempt, found.answer, found.context)
        said = f"a row of tenant A refers to a row of B by {key.name}{when}"
        return self.cell(Probe.REFERENCE, found, said, key.name)

    def breaks_for_both(self) -> str:
        """Return the error that the person of both tenants gets for being of two; "" where there is none."""
        target, own = self.target, self.target.rows.of(A)
        if not target.both or not own:
            return ""
        tries = plain_ones([*target.read(own), *target.insert(A, 40), *target.update(own)])
        for attempt in tries:
            answer = self.stage.run(attempt, self.role, target.both)
            if answer.state == _SEVERAL:
                return answer.said
        return ""

    def _ties_tenants(self, key: Constraint) -> bool:
        facts, table = self.target.seeder.facts, self.target.table
        if key.references is None or self.target.is_root or key.inherited:
            return False
        if facts.class_of(key.references) not in (TableClass.TENANT, TableClass.INHERITED):
            return False
        standing = facts.standings[table.qname]
        owner = standing.table_class is TableClass.INHERITED and standing.path[:1] == (key.references,)
        return not owner and not set(key.columns) <= set(facts.held_levels.get(table.qname, {}).values())

    def _holds_tenant(self, key: Constraint) -> bool:
        """Tell whether the key pairs the tenant of both tables, that of the first level: no row can refer to
        another tenant's then."""
        held = self.target.seeder.facts.held_levels
        theirs = held.get(key.references, {}).get(0) if key.references is not None else None
        mine = held.get(self.target.table.qname, {}).get(0)
        pairs = zip(key.columns, key.referenced_columns, strict=True)
        return mine is not None and theirs is not None and (mine, theirs) in pairs

    def _refused(self, across: list[Attempt], within: list[Attempt], context: Said) -> Found:
        """Return why no row of A refers to one of B."""
        across, answers = self.trial.all(across, context, False)
        if all(a.denied(self.target.table.qname) for a in answers):
            why = f"the role lacks the privilege: {answers[0].message}"
            return Found(Outcome.DENIED, why, across[0], answers[0], context)
        telling = most_telling(answers)
        if self.trial.reached(within, context) is None and self._by_more(within, context) is None:
            if self._is_closed("INSERT") and self._is_closed("UPDATE"):
                return Found(Outcome.DENIED, "no policy lets the role write", across[0], telling, context)
            keyed = all(a.state == "23503" for a in self.trial.opened(across, context))
            if keyed and not any(a.state for a in self.trial.opened(within, context)):
                return Found(Outcome.ISOLATED, "the foreign key refuses it", across[0], telling, context)
            why = f"the self-check failed: a row that refers to A's own is refused too ({telling.said})"
            return Found(Outcome.INCONCLUSIVE, why, across[0], telling, context)
        odd = [a for a in answers if a.state not in ("", "23503") and not a.refused]
        if odd:
            return Found(Outcome.INCONCLUSIVE, f"stopped by {odd[0].said}", across[0], odd[0], context)
        held_by = "the foreign key" if telling.state == "23503" else "the policy"
        return Found(Outcome.ISOLATED, f"{held_by} refuses it", across[0], telling, context)


_SEVERAL = "21000"  # cardinality_violation: more than one row returned by a subquery
_NAMES_HIM = (
    "rows of another tenant are reached where they name the person who asks: whether there are any, no"
    " made-up row tells"
)
_FOUNDED = "a tenant that is founded is nobody else's"
_STAYS = "the server alone makes the key (GENERATED ALWAYS): no UPDATE changes it"
_OWN_KEY = "the key holds the tenant: whatever a row refers to is its own tenant's"
_ROLES = {"current_user", "session_user", "current_role"}
_INSERTS = "inserts a row of another tenant"
_MOVES = {"gives away": "gives its row to B", "takes": "makes a row of B its own"}


def unless_blocked(cell: Cell, own: Cell) -> Cell:
    """Return the cell, which proves nothing where a tenant's own rows cannot be used either: nobody knows
    then whether it is the tenant by which rows are told apart."""
    if own.outcome is not Outcome.BLOCKED or cell.outcome is not Outcome.ISOLATED or cell is own:
        return cell
    return replace(
        cell, outcome=Outcome.INCONCLUSIVE, why=f"its own rows are kept from tenant A as well: {own.why}"
    )
