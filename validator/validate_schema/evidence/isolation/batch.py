"""Many attempts in one statement: a PL/pgSQL block that tries and undoes each, and stops where one may have
reached a row.

Each runs in a block of its own with an exception handler, a subtransaction: what it did is undone with
it. Attempts after the same session stand in a block around them, so that it is begun once; whom it became and
what it said is undone with that. Source: PostgreSQL documentation, PL/pgSQL, "Trapping Errors".
"""

from collections.abc import Callable, Sequence
from itertools import groupby

from .attempt import Attempt
from .rows import literal

_REPLICA = "set local session_replication_role = replica"
_ODD = (  # errors that hang on what a row holds; division_by_zero ends every attempt
    "if sqlstate operator(pg_catalog.~) '^(?!22001|22012)(21|22|XX|54)|^42883' then raise; end if;"
)
_ORIGIN = "set local session_replication_role = origin"
Try = tuple[Sequence[str], Attempt]


def together(
    tries: Sequence[Try],
    become: Callable[[Sequence[str]], Sequence[str]],
    back: str,
    *,
    quiet: bool,
    strict: bool,
) -> str:
    """Return the block. `become` makes the session the role's, then says what it is given; `back` ends that.
    It raises a unique violation where an attempt reached a row, or met one by itself. `quiet`: foreign keys
    and triggers off; `strict`: an error that hangs on what a row holds is raised as well."""
    ahead = (_REPLICA,) if quiet else ()
    wanted = {rows: f"w{n}" for n, rows in enumerate(dict.fromkeys(a.wanted for _, a in tries))}
    counts = {text: f"k{n}" for n, text in enumerate(dict.fromkeys(a.count for _, a in tries if a.count))}
    lists = "".join(
        f" {name} text[] := array[{', '.join(map(literal, sorted(rows)))}]::text[];"
        for rows, name in wanted.items()
    )
    numbers = "".join(f" {name} bigint;" for name in counts.values())
    counted = " ".join(_execute(text, f"into {name}") for text, name in counts.items())
    ends = _ends(strict=strict)
    blocks: list[str] = []
    for said, some in groupby(tries, key=lambda t: tuple(t[0])):
        session = " ".join(map(_execute, (*ahead, *become(said))))
        each = (_one(a, session, wanted[a.wanted], counts.get(a.count, ""), back) + ends for _, a in some)
        blocks.append(f"begin {session} {' '.join(each)} raise division_by_zero; {ends}")
    lines = "\n".join(blocks)
    return f"declare n bigint; k bigint;{lists}{numbers} begin {counted} {lines} end"


def _one(attempt: Attempt, session: str, wanted: str, before: str, back: str) -> str:
    """Return the block of an attempt but for its end. `before` is the variable that holds what it counts, as
    long as nothing makes room for it."""
    steps = []
    if attempt.before:
        steps = [f"{back};", *map(_execute, (_REPLICA, *attempt.before, _ORIGIN))]
        steps += [_execute(attempt.count, "into k")] if attempt.count else []
        steps += [session]
        before = "k"
    if attempt.present:
        there = f"select p.t from ({attempt.present}) as p(t)"
        gone = f"select count(*) from unnest($1) as w(t) where w.t not in ({there})"
        steps += [_execute(attempt.statement), f"{back};", _execute(gone, f"into n using {wanted}")]
    elif attempt.count:
        steps += [_execute(attempt.statement), f"{back};", _execute(attempt.count, "into n")]
        steps += [f"n := n operator(pg_catalog.-) {before};"]
    else:
        met = f"select count(*) from ({attempt.statement}) as r(t) where r.t::text = any ($1)"
        steps += [_execute(met, f"into n using {wanted}")]
    reached = "if n operator(pg_catalog.>) 0 then raise unique_violation; end if; raise division_by_zero;"
    return f"begin {' '.join(steps)} {reached} "


def _ends(*, strict: bool) -> str:
    return f"exception when unique_violation then raise; when others then {_ODD if strict else 'null;'} end;"


def _execute(statement: str, rest: str = "") -> str:
    return f"execute {literal(statement)} {rest};"
