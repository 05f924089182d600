"""How a check is declared: a judge of one subject, with its texts and examples beside it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from ..facts.facts import Facts
from ..model.finding import Flaw, Severity, Unexamined

Verdict = Flaw | Unexamined | None
Judge = Callable[[Any, Facts], Verdict]
Selector = Callable[[Facts], Iterable[Any]]

MIGRATION_EVIDENCE = frozenset({"files", "ledger", "replay", "drift", "dry run", "fixtures"})


@dataclass(frozen=True)
class Check:
    """A declared check: a value, never registered by being imported.

    `judge` looks at one subject and returns a `Flaw`, `Unexamined`, or None when it passes.
    `bad` and `good` are SQL examples; `config` is the TOML that both need, `good_config` that of
    the good one where it differs (what is judged may be the config itself). `remediable` is False
    where only a person can decide. `needs` names evidence beyond the catalog: ``rows``, ``proof``, or one
    of `MIGRATION_EVIDENCE`. The examples of the latter are files, each after a line ``-- file NAME``, and
    what was done to the database, after a line ``-- database``.
    A `portable` check judges what every database has; the others are about PostgreSQL alone.
    """

    id: str
    name: str
    title: str
    severity: Severity
    subjects: Selector
    judge: Judge
    doc: str
    why: str
    bad: str
    good: str
    config: str = ""
    good_config: str = ""
    remediable: bool = True
    needs: str = ""
    portable: bool = False

    @property
    def family(self) -> str:
        return self.id[:3]

    @property
    def on_migrations(self) -> bool:
        """Whether it judges the migrations rather than the schema that they end in."""
        return self.needs in MIGRATION_EVIDENCE

    def __call__(self, subject: Any, facts: Facts) -> Verdict:
        return self.judge(subject, facts)


def check(
    id: str,
    title: str,
    *,
    subjects: Selector,
    severity: Severity,
    why: str,
    bad: str,
    good: str,
    config: str = "",
    good_config: str = "",
    remediable: bool = True,
    needs: str = "",
    portable: bool = False,
) -> Callable[[Judge], Check]:
    """Declare the decorated judge as check `id`.

    The function's name is the readable name, its docstring the manual page: what is examined, when
    it fails, what is not covered. `why` is the harm in one sentence. Raises TypeError without a
    docstring: a check that nobody can look up is not a check.
    """

    def declare(judge: Judge) -> Check:
        if not judge.__doc__:
            raise TypeError(f"check {id} has no docstring")
        return Check(
            id=id,
            name=judge.__name__.replace("_", "-"),
            title=title,
            severity=severity,
            subjects=subjects,
            judge=judge,
            doc=cleandoc(judge.__doc__),
            why=why,
            bad=cleandoc(bad),
            good=cleandoc(good),
            config=cleandoc(config),
            good_config=cleandoc(good_config),
            remediable=remediable,
            needs=needs,
            portable=portable,
        )

    return declare
