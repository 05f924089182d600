"""EFF: what functions promise to the planner, and plans rely on: LEAKPROOF and IMMUTABLE."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import quote_qname

from ._access import users_of
from ._examples import INVOICE
from ._prose import bare_words, without_comments

_READS_OUTSIDE = re.compile(
    r"\bcurrent_setting\b|\bcurrent_user\b|\bsession_user\b|\bnow\s*\(", re.IGNORECASE
)


class CalledFunction(NamedTuple):
    """A function, and the policies that call it."""

    function: cat.Function
    policies: tuple[str, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


def leakproof_functions(facts: Facts) -> Iterator[CalledFunction]:
    """Functions that somebody declared LEAKPROOF, but for those of extensions."""
    return (CalledFunction(f) for f in facts.catalog.functions if f.leakproof and f.extension is None)


@check(
    "EFF006",
    "Function declared LEAKPROOF",
    subjects=leakproof_functions,
    severity=Severity.WARNING,
    explains=("surface",),
    why="PostgreSQL runs what is declared leakproof before the policies, on every tenant's rows, and trusts that it tells nothing of them.",
    bad="""
        create function seen(value text) returns boolean language plpgsql leakproof
            as $$ begin raise notice '%', value; return true; end $$;
    """,
    good="""
        create function same(a text, b text) returns boolean language plpgsql leakproof
            as $$ begin return a = b; end $$;
        revoke execute on function same(text, text) from public;
    """,
)
def leakproof(subject: CalledFunction, facts: Facts) -> Flaw | None:
    """A function that is declared LEAKPROOF may be called by an app role.

    Examined: the functions of the database, those of extensions left out. Undecided whenever an app role or
    PUBLIC may execute one: whether it tells anything of its arguments, by a result, an error or a notice, is
    not read.
    Source: PostgreSQL documentation, CREATE FUNCTION (LEAKPROOF), "Rules and Privileges".
    """
    function = subject.function
    users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
    if not users:
        return None
    name = f"{facts.show(function.qname)}({function.arguments})"
    signature = f"{quote_qname(function.qname)}({function.arguments})"
    return Flaw(
        message=f"{name} is declared LEAKPROOF: {', '.join(users)} may have it run on rows that the policies hide",
        expected="NOT LEAKPROOF, or no EXECUTE for an app role",
        observed=f"LEAKPROOF, {function.language}",
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER FUNCTION {signature} NOT LEAKPROOF;",
                    (Step(f"ALTER FUNCTION {signature} LEAKPROOF;"),),
                ),
            ),
            note="Queries that used an index through it may become slower.",
            lock="none on rows",
        ),
        undecided=True,
    )


def policy_functions(facts: Facts) -> Iterator[CalledFunction]:
    """Functions that policies call, and others that are declared IMMUTABLE and read the session."""
    facts.require_tenancy()
    called: dict[cat.Routine, tuple[cat.Function, list[str]]] = {}
    for table in facts.catalog.tables:
        for policy in table.policies:
            for function in facts.named_functions.within(f"{policy.using or ''} {policy.check or ''}"):
                found = called.setdefault(function.routine, (function, []))
                found[1].append(f"{policy.name} on {facts.show(table.qname)}")
    for function in facts.catalog.functions:
        immutable = function.volatility == "immutable" and function.extension is None
        if immutable and function.routine not in called and _reads_session(function, facts):
            called[function.routine] = (function, [])
    for function, policies in called.values():
        yield CalledFunction(function, tuple(dict.fromkeys(policies)))


def _reads_session(function: cat.Function, facts: Facts) -> bool:
    """Tell whether the function reads a setting, the user or the clock, itself or through what it calls."""
    seen, queue = {function.routine}, [function]
    while queue:
        body = without_comments(queue.pop().body or "")
        if _READS_OUTSIDE.search(bare_words(body)):
            return True
        for called in facts.named_functions.within(body):
            if called.routine not in seen:
                seen.add(called.routine)
                queue.append(called)
    return False


@check(
    "EFF007",
    "Helper of a policy is IMMUTABLE and is not",
    subjects=policy_functions,
    severity=Severity.ERROR,
    explains=("rows",),
    why="What is declared immutable is worked out once and kept in the plan: a prepared statement goes on with the tenant of whoever ran it first.",
    bad=f"""
        create function current_org() returns uuid language sql immutable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        {INVOICE}
        alter policy tenant_isolation on invoice using (org_id = current_org());
        grant select on invoice to app_user;
    """,
    good=f"""
        create function current_org() returns uuid language sql stable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        {INVOICE}
        alter policy tenant_isolation on invoice using (org_id = (select current_org()));
        grant select on invoice to app_user;
    """,
)
def immutable_helper(subject: CalledFunction, facts: Facts) -> Flaw | None:
    """A function is declared IMMUTABLE though it reads the session, or tables for a policy that calls it.

    Examined: the functions that a policy names, and every other that is declared IMMUTABLE and reads a
    setting, the current user or the clock, for a view or a function may bind the tenant by it. It passes
    for what is not declared IMMUTABLE. Fails when the body, or a function that it calls, reads the
    session, or the body a table. Undecided when it cannot be read or calls functions that are not
    immutable themselves. Source: PostgreSQL documentation, "Function Volatility Categories".
    """
    function = subject.function
    if function.volatility != "immutable":
        return None
    body = without_comments(function.body or "")
    reads = _reads_session(function, facts) or bool(function.touches)
    calls = [f.name for f in facts.named_functions.within(body) if f.volatility != "immutable"]
    unread = function.body is None or function.touches is None
    if not (reads or calls or unread):
        return None
    signature = f"{quote_qname(function.qname)}({function.arguments})"
    what = (
        "reads the session or tables" if reads else f"calls {', '.join(calls)}" if calls else "cannot be read"
    )
    return Flaw(
        message=f"{facts.show(function.qname)}({function.arguments}) is declared IMMUTABLE and {what}: plans keep its first answer",
        expected="STABLE",
        observed=f"IMMUTABLE, called by {', '.join(subject.policies) or 'no policy'}",
        severity=None if reads or calls else Severity.WARNING,
        undecided=not (reads or calls),
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER FUNCTION {signature} STABLE;", (Step(f"ALTER FUNCTION {signature} IMMUTABLE;"),)
                ),
            ),
            note="Plans that open sessions have prepared keep the old answer: let them reconnect. Indexes on the "
            "function, if any, were wrong already.",
            lock="none on rows",
        ),
    )
