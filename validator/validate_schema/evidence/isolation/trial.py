"""Attempts of one kind at one table as one role, and what they come to, read exactly.

A statement that does nothing proves nothing by itself. So what was blocked is tried again with the
table's row security switched off: only if the same statement then reaches the other tenant's rows
was it the policy that held. Where something else stands in the way (a key, a trigger), both are
repeated with keys and triggers off: it tells whether the policy would have held, never that it leaks.
An error that hangs on what a row holds (a cast, a division) says nothing of the rows beside it: each is
tried for itself then, and where it is still an error nobody knows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...model.isolation import Outcome
from .attempt import Answer, Attempt, how_it_held, in_the_way, most_telling
from .attempts import Target
from .dares import Dare
from .sessions import Said
from .stage import Stage


@dataclass(frozen=True)
class Found:
    """What one group of attempts came to."""

    outcome: Outcome
    why: str
    attempt: Attempt | None = None
    answer: Answer = Answer()
    context: Said = ()


@dataclass
class Trial:
    """Tries statements against one table as one role. `usual` is what a session of tenant A says."""

    stage: Stage
    role: str
    target: Target
    usual: Said
    _reaching: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def settle(self, attempts: list[Attempt], context: Said) -> Found:
        """Try all; the first that reaches a row decides. See the module's text for the rest."""
        if not attempts:
            return Found(Outcome.INCONCLUSIVE, "no statement could be made for it")
        first: list[Answer] = []
        for quiet in (False, True):
            attempts, answers = self.all(attempts, context, quiet)
            hit = next((i for i, a in enumerate(answers) if a.hits), None)
            if hit is not None and not quiet:
                return Found(Outcome.LEAK, "", attempts[hit], answers[hit], context)
            if hit is not None:
                telling = most_telling(first)
                return Found(Outcome.INCONCLUSIVE, in_the_way(first), attempts[hit], telling, context)
            if all(a.denied(self.target.table.qname) for a in answers):
                why = f"the role lacks the privilege: {answers[0].message}"
                return Found(Outcome.DENIED, why, attempts[0], answers[0], context)
            first = first or answers
            shown, denied = self.without(attempts, context, quiet)
            if denied:
                return Found(Outcome.DENIED, "the role lacks the privilege", attempts[0], answers[0], context)
            if shown is not None:
                held = Found(Outcome.ISOLATED, how_it_held(answers), attempts[shown], answers[shown], context)
                return self._in_doubt(attempts, answers, context) or held
        said = most_telling(first).said
        why = f"the self-check failed: without row security the statements reach no row either ({said})"
        return Found(Outcome.INCONCLUSIVE, why, attempts[0], most_telling(first), context)

    def all(self, attempts: list[Attempt], context: Said, quiet: bool) -> tuple[list[Attempt], list[Answer]]:
        """Run the attempts up to the first that reaches a row; return what was run, with the answers."""
        tried: list[Attempt] = []
        answers: list[Answer] = []
        for attempt in attempts:
            used, answer = self._try(attempt, context, quiet)
            tried.append(used)
            answers.append(answer)
            if answer.hits:
                break
        return tried, answers

    def reached(self, attempts: list[Attempt], context: Said) -> Found | None:
        """Return the first of the attempts that reaches a row."""
        tried, answers = self.all(attempts, context, False)
        if answers and answers[-1].hits:
            return Found(Outcome.LEAK, "", tried[-1], answers[-1], context)
        return None

    def further(self, attempts: list[Attempt], context: Said) -> Found | None:
        """Return what variations of attempts that held come to, where they do not hold as well."""
        tries, strict = [(context, a) for a in attempts], context == self.usual
        if not tries or all(
            self.stage.nothing_reached(tries, self.role, quiet=quiet, strict=strict)
            for quiet in (False, True)
        ):
            return None
        found = self.settle(attempts, context)
        return found if found.outcome in (Outcome.LEAK, Outcome.INCONCLUSIVE) else None

    def dared(self, dares: Iterable[Dare]) -> tuple[Dare, Found] | None:
        """Return the first attempt that reaches a row, each group after what a session says first."""
        groups = list(dares)
        plain = [(d.said, a) for d in groups for a in d.attempts if a.copied is None]
        if self.stage.nothing_reached(plain, self.role):
            groups = [d._replace(attempts=[a for a in d.attempts if a.copied is not None]) for d in groups]
        found = ((dare, self.reached(dare.attempts, dare.said)) for dare in groups)
        return next(((dare, leak) for dare, leak in found if leak is not None), None)

    def works(self, attempts: list[Attempt], context: Said) -> Found:
        """Return ISOLATED when it reaches a row, be it with keys and triggers off; BLOCKED when the policy is
        what forbids it, else what is in the way."""
        rounds: list[tuple[list[Attempt], list[Answer]]] = []
        for quiet in (False, True):
            attempts, answers = self.all(attempts, context, quiet)
            if any(a.hits for a in answers):
                return Found(Outcome.ISOLATED, "")
            if all(a.denied(self.target.table.qname) for a in answers):
                return Found(Outcome.DENIED, answers[0].message)
            rounds.append((attempts, answers))
        for quiet, (tried, answers) in zip((False, True), rounds, strict=True):
            if self.without(tried, context, quiet)[0] is not None:
                telling = most_telling(answers)
                why = f"the policy does not let them through ({telling.said})"
                return Found(Outcome.BLOCKED, why, tried[0], telling)
        telling = most_telling(rounds[0][1])
        return Found(Outcome.INCONCLUSIVE, f"stopped by {telling.said}", attempts[0], telling)

    def opened(self, attempts: list[Attempt], context: Said) -> list[Answer]:
        """Return the answers with the table's row security off."""
        return [self._try(attempt, context, False, opened=True)[1] for attempt in attempts]

    def without(self, attempts: list[Attempt], context: Said, quiet: bool) -> tuple[int | None, bool]:
        """Try again with the table's row security off: which attempt reaches rows then, if any; and
        whether privileges forbid them all, which a policy's own error may have hidden."""
        for i, attempt in enumerate(attempts):
            if self._reaching.get((attempt.statement, quiet)):
                return i, False
        answers = []
        for i, attempt in enumerate(attempts):
            answers.append(self._try(attempt, context, quiet, opened=True)[1])
            if answers[-1].hits:
                self._reaching[attempt.statement, quiet] = True
                return i, False
        return None, all(a.denied(self.target.table.qname) for a in answers)

    def _try(
        self, attempt: Attempt, context: Said, quiet: bool, *, opened: bool = False
    ) -> tuple[Attempt, Answer]:
        """Run an attempt, and where a unique constraint was in the way the one that makes room first."""
        name = self.target.table.qname if opened else None
        answer = self.stage.run(attempt, self.role, context, quiet=quiet, opened=name)
        if answer.state == "23505" and attempt.again is not None:
            attempt = attempt.again
            answer = self.stage.run(attempt, self.role, context, quiet=quiet, opened=name)
        return attempt, answer

    # Errors

    def _in_doubt(self, attempts: list[Attempt], answers: Sequence[Answer], context: Said) -> Found | None:
        """Return what an error that is not the policy's own leaves open, where something is."""
        for attempt, answer in zip(attempts, answers, strict=True):
            if attempt.by_another_way or not answer.state or answer.refused or answer.impossible:
                continue
            bare = self._try(attempt, context, True)[1]
            if bare.hits:
                return Found(Outcome.INCONCLUSIVE, in_the_way([answer]), attempt, answer, context)
            if not bare.state or bare.refused or bare.impossible or bare.state == "P0001":
                continue  # what a policy or its function raises on purpose is its own
            open_still = self._each(attempt, bare, context)
            if open_still is not None:
                return open_still
        return None

    def _each(self, attempt: Attempt, answer: Answer, context: Said) -> Found | None:
        """Settle an error by trying each row for itself: which it may be that raises it, nobody says."""
        singles = self.target.singles(attempt)
        tries, closed = [(context, a) for a in singles], self._is_of_the_context(attempt, answer, context)
        if (singles or closed) and self.stage.nothing_reached(tries, self.role, strict=not closed):
            return None
        leak = self.reached(singles, context)
        if leak is not None:
            return leak
        why = f"an error that is not the policy's own says nothing: {answer.said}"
        return Found(Outcome.INCONCLUSIVE, why, attempt, answer, context)

    def _is_of_the_context(self, attempt: Attempt, answer: Answer, context: Said) -> bool:
        """Tell whether it is what the session says that raises the error: one with its tenant gets none."""
        return context != self.usual and self._try(attempt, self.usual, True)[1].state != answer.state
