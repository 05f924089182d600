"""How a check is declared: a judge of one subject, with its texts and examples beside it."""

import re
from collections.abc import Callable, Iterable
from inspect import cleandoc
from typing import Any, Literal, get_args

import msgspec

from ..facts.facts import Facts
from ..model.declared import NO_PROMISE, Concern, DeclaredCheck, Explained, Family, Promise
from ..model.finding import Flaw, Severity, Undecided, Unexamined

Verdict = Flaw | Undecided | Unexamined | None
Judge = Callable[[Any, Facts], Verdict]
Selector = Callable[[Facts], Iterable[Any]]

PROOF, SUPPRESSIONS = "proof", "suppressions"
FLEET, FLEET_PROOF = "fleet", "fleet proof"
MIGRATION_EVIDENCE = frozenset({"files", "ledger", "replay", "drift", "dry run", "fixtures"})


class Check(msgspec.Struct, frozen=True):
    """A declared check: a value, never registered by being imported.

    `judge` looks at one subject and returns a `Flaw`, `Undecided`, `Unexamined`, or None when it passes.
    `bad` and `good` are SQL examples; `config` is the TOML that both need, `good_config` that of
    the good one where it differs (what is judged may be the config itself). `remediable` is False
    where only a person can decide. `needs` names evidence beyond the catalog: ``contract``, ``rows``,
    ``proof``, ``suppressions`` (those of the config, once all other checks were judged), ``fleet`` (the
    members beside the one that is judged), or one of
    `MIGRATION_EVIDENCE`. The examples of the latter are files, each after a line ``-- file NAME``, and
    what was done to the database, after a line ``-- database``. Those of ``fleet`` are of one whose members
    are the schemas ``tenant_…``, or the databases that lines ``-- database app_…`` begin.
    A `portable` check judges what every database has; the others are about PostgreSQL alone.

    `promise` is its line of the validation output. `explains` says what its findings account for
    elsewhere: of the proof's leaks, those of a ``role`` that policies do not bind, of a table's ``rows``, by
    a ``reference``, and through a ``surface`` (view, function); of the matrix, the cells ``reads`` and
    ``writes`` (it must have run for a ✓), ``unverified`` and ``type``; what leads around
    the policies ``beside`` the statements that a proof can try; a ``tenant`` of its own kind, of whom the
    made-up ones of a proof tell nothing. `concern` is its own where its errors mean something else for a
    tenant than those of its family. `sql` is the query whose rows it
    judges, "" where it judges records. `pack` is the pack that it is of, "" for ours.
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
    family: Family
    config: str = ""
    good_config: str = ""
    remediable: bool = True
    needs: str = ""
    portable: bool = False
    promise: Promise = NO_PROMISE
    explains: tuple[Explained, ...] = ()
    concern: Concern | Literal[""] = ""
    sql: str = ""
    pack: str = ""

    @property
    def on_migrations(self) -> bool:
        """Whether it judges the migrations rather than the schema that they end in."""
        return self.needs in MIGRATION_EVIDENCE

    @property
    def on_fleet(self) -> bool:
        """Whether it judges what stands between the members of a fleet."""
        return self.needs in (FLEET, FLEET_PROOF)

    @property
    def on_catalog(self) -> bool:
        """Whether there must be a schema for it to judge."""
        return not self.on_migrations and self.needs != SUPPRESSIONS

    @property
    def declared(self) -> DeclaredCheck:
        """What a report keeps of it."""
        return DeclaredCheck(self.id, self.family, self.promise, self.explains, self.concern)

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
    family: Family | None = None,
    promise: Promise | str = NO_PROMISE,
    explains: tuple[Explained, ...] = (),
    concern: Concern | Literal[""] = "",
) -> Callable[[Judge], Check]:
    """Declare the decorated judge as check `id`.

    The function's name is the readable name, its docstring the manual page: what is examined, when
    it fails, what is not covered. `why` is the harm in one sentence. Without a `family` it is that of
    the pack whose id `id` begins with. Raises TypeError without a docstring: a check that nobody can look up
    is not a check; ValueError for an id, a promise or an explanation that cannot be used.
    """
    kind = family_id(id)
    line = Promise(promise) if isinstance(promise, str) else promise
    line.line("", "", "", "")
    if unknown := set(explains) - set(get_args(Explained)):
        raise ValueError(f"check {id} explains {', '.join(sorted(unknown))}: known are {get_args(Explained)}")

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
            family=family or Family(kind, kind),
            config=cleandoc(config),
            good_config=cleandoc(good_config),
            remediable=remediable,
            needs=needs,
            portable=portable,
            promise=line,
            explains=explains,
            concern=concern,
        )

    return declare


def family_id(id: str) -> str:
    """Return the letters of a check's id. Raises ValueError for what is no id."""
    found = re.fullmatch(r"([A-Z]{2,12})\d{3}", id)
    if found is None:
        raise ValueError(f"{id!r} is no check id: write capital letters and three digits, like ACM001")
    return found[1]
