"""Try each verb against each table as each role, and read the outcome exactly.

A statement that does nothing proves nothing by itself. So what was blocked is tried again with the
table's row security switched off: only if the same statement then reaches the other tenant's rows
was it the policy that held. Where something else stands in the way (a key, a trigger), both are
repeated with keys and triggers off: it tells whether the policy would have held, never that it leaks.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from ...model.catalog import Constraint
from ...model.isolation import Cell, Outcome, Probe
from ...model.tenancy import TableClass
from .attempts import Target
from .context import ContextSetup
from .pretences import mirror, pretences, spent
from .rows import A, B
from .script import Script
from .stage import Answer, Attempt, Stage, by_another_way, how_it_held, in_the_way, most_telling, plain_ones

Context = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What one group of attempts came to."""

    outcome: Outcome
    why: str
    attempt: Attempt | None = None
    answer: Answer = Answer()
    context: Context = ()


@dataclass
class Prober:
    """Probes one table as one role. `contexts`: of tenant A, and what stands for none."""

    stage: Stage
    role: str
    target: Target
    script: Script
    setup: ContextSetup | None

    def context(self, tenant: str, user: str = "", below: tuple[str, ...] = ()) -> Context:
        return self.setup.of(tenant, user, below) if self.setup else ()

    def spent(self) -> Context:
        """Return what the other settings hold from the first pretence on."""
        return spent(self.target, self.setup.statements if self.setup else ())

    # Reading outcomes

    def settle(self, attempts: list[Attempt], context: Context) -> Found:
        """Try all; the first that reaches a row decides. See the module's text for the rest."""
        if not attempts:
            return Found(Outcome.INCONCLUSIVE, "no statement could be made for it")
        first: list[Answer] = []
        for quiet in (False, True):
            attempts, answers = self._all(attempts, context, quiet)
            hit = next((i for i, a in enumerate(answers) if a.hits), None)
            if hit is not None and not quiet:
                return Found(Outcome.LEAK, "", attempts[hit], answers[hit], context)
            if hit is not None:
                return Found(
                    Outcome.INCONCLUSIVE, in_the_way(first), attempts[hit], most_telling(first), context
                )
            if all(a.denied(self.target.table.qname) for a in answers):
                why = f"the role lacks the privilege: {answers[0].message}"
                return Found(Outcome.DENIED, why, attempts[0], answers[0], context)
            first = first or answers
            shown, denied = self._without(attempts, context, quiet)
            if denied:
                return Found(Outcome.DENIED, "the role lacks the privilege", attempts[0], answers[0], context)
            if shown is not None:
                return Found(Outcome.ISOLATED, how_it_held(answers), attempts[shown], answers[shown], context)
        said = most_telling(first).said
        why = f"the self-check failed: without row security the statements reach no row either ({said})"
        return Found(Outcome.INCONCLUSIVE, why, attempts[0], most_telling(first), context)

    def _all(
        self, attempts: list[Attempt], context: Context, quiet: bool
    ) -> tuple[list[Attempt], list[Answer]]:
        tried: list[Attempt] = []
        answers: list[Answer] = []
        for attempt in attempts:
            used, answer = self._try(attempt, context, quiet)
            tried.append(used)
            answers.append(answer)
            if answer.hits:
                break
        return tried, answers

    def _without(self, attempts: list[Attempt], context: Context, quiet: bool) -> tuple[int | None, bool]:
        """Try again with the table's row security off: which attempt reaches rows then, if any; and
        whether privileges forbid them all, which a policy's own error may have hidden."""
        answers = []
        for i, attempt in enumerate(attempts):
            answers.append(self._try(attempt, context, quiet, opened=True)[1])
            if answers[-1].hits:
                return i, False
        return None, all(a.denied(self.target.table.qname) for a in answers)

    def _try(
        self, attempt: Attempt, context: Context, quiet: bool, *, opened: bool = False
    ) -> tuple[Attempt, Answer]:
        """Run an attempt, and where a unique constraint was in the way the one that makes room first."""
        name = self.target.table.qname if opened else None
        answer = self.stage.run(attempt, self.role, context, quiet=quiet, opened=name)
        if answer.state == "23505" and attempt.again is not None:
            attempt = attempt.again
            answer = self.stage.run(attempt, self.role, context, quiet=quiet, opened=name)
        return attempt, answer

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

    # Probes

    def without_context(self, context: Context) -> list[tuple[str, Found]]:
        """Try the four verbs on everybody's rows; what raises an error closed it, if it was the policy."""
        settled = {"INSERT": self._inserted}
        verbs = self._verbs().items()
        return [(verb, settled.get(verb, self.settle)(attempts, context)) for verb, attempts in verbs]

    def pretending(self, context: Context, known: Container[str] = ()) -> list[tuple[str, Found]]:
        """Try the same with the other settings that the policies read; return the leaks alone. The verbs
        in `known` are passed over."""
        found = []
        own = self.setup.statements if self.setup else ()
        for verb, attempts in self._verbs().items():
            dares = list(self._daring(attempts, context, own)) if verb not in known else []
            if verb == "INSERT" and self._refused(dares):
                continue
            for said, tries in dares:
                tried, answers = self._all(tries, said, False)
                if answers and answers[-1].hits:
                    found.append((verb, Found(Outcome.LEAK, "", tried[-1], answers[-1], said)))
                    break
        return found

    def _inserted(self, attempts: list[Attempt], context: Context) -> Found:
        """Settle INSERTs; where the server refuses all of them, the first stands for the others."""
        plain = [a for a in attempts if not by_another_way(a)]
        if len(plain) > 1 and self._refused([(context, plain)]):
            found = self.settle(plain[:1], context)
            if found.outcome in (Outcome.ISOLATED, Outcome.DENIED):
                return found
        return self.settle(attempts, context)

    def _refused(self, dares: Sequence[tuple[Context, list[Attempt]]]) -> bool:
        """Tell at once, where it can be, that none of the statements gets anywhere."""
        return self.stage.refused([(said, a) for said, tries in dares for a in tries], self.role)

    def _daring(
        self, attempts: list[Attempt], context: Context, own: Context = ()
    ) -> Iterator[tuple[Context, list[Attempt]]]:
        """Yield what a session may say in other settings than its `own`, and what it tries then."""
        plain = plain_ones(attempts)
        for statements in pretences(self.target, own):
            yield (*context, *statements), plain
        for attempt in attempts:
            statements = () if by_another_way(attempt) else mirror(self.target, attempt.values, own)
            if statements:
                yield (*context, *statements), [attempt]

    def _verbs(self) -> dict[str, list[Attempt]]:
        target, rows = self.target, self.target.everyone()
        inserts = target.insert_root() if target.is_root else [*target.insert(A)[:1], *target.insert(B)]
        inserts += target.insert_named()
        return {
            "SELECT": target.read(rows),
            "INSERT": inserts,
            "UPDATE": target.update(rows),
            "DELETE": target.delete(rows),
        }

    def with_context(self, context: Context) -> list[Cell]:
        """Try everything as tenant A."""
        target, foreign = self.target, self.target.rows.foreign(self.target.shared)
        of_b = target.insert_root() if target.is_root else target.insert(B)
        inserts = of_b + target.insert_named()
        reads, deletes, rows_of_b = target.read(foreign), target.delete(foreign), target.rows.of(B)
        said = "inserts a row of another tenant"
        cells = [
            self._guarded(Probe.READ, self.settle(reads, context), reads, target.read(rows_of_b)),
            self._guarded(Probe.INSERT, self._inserted(inserts, context), inserts, of_b, said),
            self._guarded(
                Probe.UPDATE, self._update(context), target.update(foreign), target.update(rows_of_b)
            ),
            self._guarded(Probe.DELETE, self.settle(deletes, context), deletes, target.delete(rows_of_b)),
        ]
        moves = target.rehome()
        if moves:
            found = self.settle(moves, context)
            what = found.attempt.label if found.attempt else ""
            said = (
                "tenant A gives its row to B" if what == "gives away" else "tenant A makes a row of B its own"
            )
            cells.append(self.cell(Probe.REHOME, found, said))
        cells.append(self._own(context))
        cells += [c for key in target.table.foreign_keys if (c := self._reference(key, context)) is not None]
        return cells

    def within(self, label: str, tenant: str, context: Context) -> list[Cell]:
        """Try the four verbs on the rows of another sub-tenant of A, whose they are says `label`;
        `tenant` is what both belong to."""
        target, rows = self.target, self.target.rows.of(label)
        if not rows:
            return []
        verbs = {
            Probe.READ: target.read(rows),
            Probe.INSERT: target.insert(label),
            Probe.UPDATE: target.update(rows),
            Probe.DELETE: target.delete(rows),
        }
        cells = []
        for probe, attempts in verbs.items():
            if attempts:
                found = self.settle(attempts, context)
                done = found.attempt.label if found.attempt else ""
                said = f"a session {done} rows of another sub-tenant of its {tenant}"
                cells.append(self.cell(probe, found, said, f"within one {tenant}"))
        return cells

    def _guarded(
        self, probe: Probe, found: Found, attempts: list[Attempt], on_b: list[Attempt], said: str = ""
    ) -> Cell:
        """Return the cell; what held is tried again with the other settings that the policies read, and
        on B's rows alone by sessions of the tenants that they name."""
        if found.outcome is Outcome.ISOLATED:
            dares = list(self._pretences(found.context, attempts, on_b))
            if probe is Probe.INSERT and self._refused([(said, tries) for said, tries, *_ in dares]):
                dares = []
            for context, tries, who, when in dares:
                tried, answers = self._all(tries, context, False)
                hit = next((i for i, a in enumerate(answers) if a.hits), None)
                if hit is not None:
                    leak = Found(Outcome.LEAK, "", tried[hit], answers[hit], context)
                    done = said or f"{tried[hit].label} rows of another tenant"
                    return self.cell(probe, leak, f"{who} {done} once its session {when}")
        return self.cell(probe, found, said and f"tenant A {said}")

    def _pretences(
        self, context: Context, attempts: list[Attempt], on_b: list[Attempt]
    ) -> Iterator[tuple[Context, list[Attempt], str, str]]:
        """Yield what a session may say of itself, what it tries then, and both in words."""
        target, seeder = self.target, self.target.seeder
        for said, tries in self._daring(attempts, context):
            yield said, tries, "tenant A", "sets another setting that a policy reads"
        for label in target.named if self.setup is not None else ():
            keys = {level: held.get(label, held[A]) for level, held in seeder.keys.items()}
            first = next(iter(keys.values()), "")
            below = tuple(key for level, key in keys.items() if level)
            yield (
                (*self.spent(), *self.context(first, "", below)),
                plain_ones(on_b),
                "a tenant",
                "works for one that a policy names",
            )

    def _update(self, context: Context) -> Found:
        foreign = self.target.rows.foreign(self.target.shared)
        found = self.settle(self.target.update(foreign), context)
        if found.outcome is Outcome.ISOLATED and self.target.rights.select and found.answer.state:
            single = self.settle(self.target.update(foreign, each=True), context)
            return single if single.outcome is Outcome.LEAK else found
        return found

    def _own(self, context: Context) -> Cell:
        """Tenant A's own rows must work, as far as privileges go."""
        target, own = self.target, self.target.rows.of(A)
        verbs = {
            "SELECT": target.read(own),
            "INSERT": [] if target.is_root else target.insert(A, 20),
            "UPDATE": target.update(own)[:2],
            "DELETE": target.delete(own),
        }
        blocked: list[tuple[str, Found]] = []
        worked, denied = [], []
        for verb, attempts in verbs.items():
            if not attempts:
                continue
            found = self._works(attempts, context)
            if found.outcome is Outcome.ISOLATED:
                worked.append(verb)
            elif found.outcome is Outcome.DENIED:
                denied.append(verb)
            else:
                blocked.append((verb, found))
        lost = next((b for b in blocked if b[1].outcome is Outcome.LEAK), None) or next(iter(blocked), None)
        if lost is not None:
            verb, found = lost
            why = f"{verb} on its own rows: {found.why}"
            return self.cell(Probe.OWN, Found(found.outcome, why, found.attempt, found.answer, context), why)
        if not worked:
            return self.cell(Probe.OWN, Found(Outcome.DENIED, "the role has no privilege on the table"))
        rest = f"; not granted: {', '.join(denied)}" if denied else ""
        return self.cell(Probe.OWN, Found(Outcome.ISOLATED, f"{', '.join(worked)} work{rest}"))

    def _works(self, attempts: list[Attempt], context: Context) -> Found:
        """Return ISOLATED when it works, LEAK when the policy is what forbids it, else what is in the way."""
        first: list[Answer] = []
        for quiet in (False, True):
            attempts, answers = self._all(attempts, context, quiet)
            if any(a.hits for a in answers):
                return Found(Outcome.ISOLATED, "")
            if all(a.denied(self.target.table.qname) for a in answers):
                return Found(Outcome.DENIED, answers[0].message)
            first = first or answers
            if self._without(attempts, context, quiet)[0] is not None:
                said = most_telling(answers).said
                return Found(
                    Outcome.LEAK,
                    f"the policy does not let them through ({said})",
                    attempts[0],
                    most_telling(answers),
                )
        return Found(
            Outcome.INCONCLUSIVE, f"stopped by {most_telling(first).said}", attempts[0], most_telling(first)
        )

    def _reference(self, key: Constraint, context: Context) -> Cell | None:
        """May A's row refer to B's? Only keys between tenants' tables, besides those that say whose it is."""
        facts, table = self.target.seeder.facts, self.target.table
        if key.references is None or self.target.is_root or key.inherited:
            return None
        if facts.class_of(key.references) not in (TableClass.TENANT, TableClass.INHERITED):
            return None
        standing = facts.standings[table.qname]
        owner = standing.table_class is TableClass.INHERITED and standing.path[:1] == (key.references,)
        held = set(facts.held_levels.get(table.qname, {}).values())
        if owner or set(key.columns) <= held:
            return None
        across, within = self.target.refer(key)
        across, answers = self._all(across, context, False)
        hit = next((i for i, a in enumerate(answers) if a.hits), None)
        if hit is not None:
            found = Found(Outcome.LEAK, "", across[hit], answers[hit], context)
            said = f"a row of tenant A refers to a row of B by {key.name}"
            return self.cell(Probe.REFERENCE, found, said, key.name)
        name = table.qname
        if all(a.denied(name) for a in answers):
            found = Found(
                Outcome.DENIED,
                f"the role lacks the privilege: {answers[0].message}",
                across[0],
                answers[0],
                context,
            )
        elif any(a.hits for a in self._all(within, context, False)[1]):
            telling = most_telling(answers)
            held_by = "the foreign key" if telling.state == "23503" else "the policy"
            clean = telling.state == "23503" or telling.by_policy or not telling.state
            why = f"{held_by} refuses it" if clean else f"stopped by {telling.said}"
            found = Found(
                Outcome.ISOLATED if clean else Outcome.INCONCLUSIVE, why, across[0], telling, context
            )
        else:
            said = most_telling(answers).said
            why = f"the self-check failed: a row that refers to A's own is refused too ({said})"
            found = Found(Outcome.INCONCLUSIVE, why, across[0], most_telling(answers), context)
        return self.cell(Probe.REFERENCE, found, "", key.name)
