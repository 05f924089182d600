"""Many attempts in one statement: a PL/pgSQL block that tries and undoes each, and stops where one may have
reached a row.

Each runs in a block of its own with an exception handler, which is a subtransaction: what it did, whom it
became and what its session said is undone with it. Source: PostgreSQL documentation, PL/pgSQL, "Trapping
Errors".
"""

from collections.abc import Callable, Sequence

from .attempt import Attempt
from .rows import literal

_REPLICA = "set local session_replication_role = replica"
_ODD = (  # errors that hang on what a row holds; division_by_zero ends every attempt
    "if sqlstate ~ '^(21|22|XX|54)' and sqlstate not in ('22001', '22012') or sqlstate = '42883'"
    " then raise; end if;"
)
_ORIGIN = "set local session_replication_role = origin"


def together(
    tries: Sequence[tuple[Sequence[str], Attempt]],
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
    lists = "".join(
        f" {name} text[] := array[{', '.join(map(literal, sorted(rows)))}]::text[];"
        for rows, name in wanted.items()
    )
    blocks = "\n".join(
        _one(attempt, (*ahead, *become(said)), wanted[attempt.wanted], back, strict)
        for said, attempt in tries
    )
    return f"declare n bigint; k bigint;{lists} begin {blocks} end"


def _one(attempt: Attempt, said: Sequence[str], wanted: str, back: str, strict: bool) -> str:
    steps = [_execute(s) for s in (_REPLICA, *attempt.before, _ORIGIN)] if attempt.before else []
    steps += [_execute(attempt.count, "into k")] if attempt.count else []
    steps += map(_execute, said)
    if attempt.present:
        there = f"select p.t from ({attempt.present}) as p(t)"
        gone = f"select count(*) from unnest($1) as w(t) where w.t not in ({there})"
        steps += [_execute(attempt.statement), f"{back};"]
        steps += [_execute(gone, f"into n using {wanted}")]
    elif attempt.count:
        steps += [_execute(attempt.statement), f"{back};"]
        steps += [_execute(attempt.count, "into n"), "n := n - k;"]
    else:
        met = f"select count(*) from ({attempt.statement}) as r(t) where r.t::text = any ($1)"
        steps += [_execute(met, f"into n using {wanted}")]
    reached = "if n > 0 then raise unique_violation; end if; raise division_by_zero;"
    caught = f"exception when unique_violation then raise; when others then {_ODD if strict else 'null;'}"
    return f"begin {' '.join(steps)} {reached} {caught} end;"


def _execute(statement: str, rest: str = "") -> str:
    return f"execute {literal(statement)} {rest};"
