"""What nobody declared, where a closed contract lists what there shall be: a check for each kind."""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import cleandoc
from typing import Any

from validate_schema.pack import Check, Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog, contract

from ._declared import declared_tables

_CLOSED = """
    [tenancy]
    root = "organization"
    column = "org_id"

    [contract]
    closed = true
"""
# What is there of an undeclared object: its words, or those with a severity of its own; None: it is declared.
Seen = str | tuple[str, Severity] | None


def undeclared(
    id: str,
    kind: str,
    *,
    subjects: Callable[[Facts], Iterable[Any]],
    severity: Severity,
    why: str,
    bad: str,
    good: str,
    contract: str,
    drop: str = "it",
    named: str = "",
    portable: bool = True,
) -> Callable[[Callable[[Any, Facts], Seen]], Check]:
    """Declare the check of one `kind` of object; the decorated function says what there is of an object that
    the contract does not declare. `contract` is the example's, without its head; `drop` says what to drop,
    and when; `named` stands before the name of an object that says too little by itself."""

    def declare(seen: Callable[[Any, Facts], Seen]) -> Check:
        @wraps(seen)
        def judge(subject: Any, facts: Facts) -> Flaw | None:
            found = seen(subject, facts)
            if found is None:
                return None
            words, own = found if isinstance(found, tuple) else (found, None)
            return Flaw(
                message=f"{named}{subject.ref.label(facts.default_schema)} is not in the contract",
                expected=f"only {kind}{'e' * kind.endswith('x')}s that the contract declares",
                observed=f"an undeclared {words}",
                remedy=Remedy(note=f"Declare it in the contract, or drop {drop}."),
                severity=own,
            )

        return check(
            id,
            f"{'An' if kind[0] in 'aei' else 'A'} {kind} is not in the closed contract",
            subjects=subjects,
            severity=severity,
            why=why,
            bad=bad,
            good=good,
            config=f"{cleandoc(_CLOSED)}\n{cleandoc(contract)}",
            remediable=False,
            needs="contract",
            portable=portable,
        )(judge)

    return declare


def under_closed_contract(
    facts: Facts, listed: str
) -> Iterator[tuple[catalog.Table, contract.ExpectedTable]]:
    """Yield the tables of which a closed contract lists these, and what it says of them."""
    for expected, _, table in declared_tables(facts) if facts.contract.closed else ():
        if table is not None and (getattr(expected, listed) or expected.complete):
            yield table, expected
