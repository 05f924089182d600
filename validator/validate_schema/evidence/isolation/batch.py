"""Many attempts in one statement: a PL/pgSQL function that tries and undoes each, and stops where one may
have reached a row.

Each runs in a block of its own with an exception handler, a subtransaction: what it did is undone with
it. Attempts after the same session stand in a block around them, so that it is begun once; whom it became and
what it said is undone with that. What several sessions try is planned once. The function is the session's
own (pg_temp), which reads it once. Source: PostgreSQL documentation, PL/pgSQL, "Trapping Errors" and
"Executing Dynamic Commands"; PREPARE.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, groupby

from .attempt import Attempt
from .rows import literal

_REPLICA = "set local session_replication_role = replica"
_ORIGIN = "set local session_replication_role = origin"
_MET = (
    "unique_violation or"  # a row was reached, or a key is in the way
    " invalid_sql_statement_name or duplicate_prepared_statement"  # somebody meddles with what is prepared
)
_SWALLOWS = f"""
    exception when {_MET} then raise;
    when others then  -- errors that hang on what a row holds; division_by_zero ends every attempt
        if strict and sqlstate operator(pg_catalog.~) '^(?!22001|22012)(21|22|XX|54)|^42883' then
            raise;
        end if;
"""
FUNCTION = f"""
create function pg_temp.validate_schema_together(
    preparing text[], calling text[], is_ready boolean[], counting text[], statements int[], checks int[],
    counts int[], firsts int[], lasts int[], rooms text[], sessions text[], begins int[], ends int[],
    back text, strict boolean
) returns void language plpgsql as $$
declare
    n bigint;
    s int;
    counted bigint[];
    before bigint[];
begin
    for c in 1 .. pg_catalog.cardinality(counting) loop
        execute counting[c] into n;
        counted[c] := n;
    end loop;
    for g in 1 .. pg_catalog.cardinality(firsts) loop
        begin
            before := counted;
            if rooms[g] operator(pg_catalog.<>) '' then
                execute rooms[g];
                for t in firsts[g] .. lasts[g] loop
                    if counts[t] is not null then
                        execute counting[counts[t]] into n;
                        before[counts[t]] := n;
                    end if;
                end loop;
            end if;
            for b in begins[g] .. ends[g] loop
                execute sessions[b];
            end loop;
            for t in firsts[g] .. lasts[g] loop
                begin
                    s := statements[t];
                    if not is_ready[s] then
                        execute preparing[s];
                        is_ready[s] := true;
                    end if;
                    if checks[t] is null then
                        execute calling[s] into n;
                    else
                        execute calling[s];
                        execute back;
                        s := checks[t];
                        if not is_ready[s] then
                            execute preparing[s];
                            is_ready[s] := true;
                        end if;
                        execute calling[s] into n;
                    end if;
                    if n operator(pg_catalog.>) coalesce(before[counts[t]], 0) then
                        raise unique_violation;
                    end if;
                    raise division_by_zero;
                {_SWALLOWS}
                end;
            end loop;
            raise division_by_zero;
        {_SWALLOWS}
        end;
    end loop;
end $$;
"""
Try = tuple[Sequence[str], Attempt]


def together(
    tries: Sequence[Try],
    become: Callable[[Sequence[str]], Sequence[str]],
    back: str,
    *,
    quiet: bool,
    strict: bool,
    lasting: bool,
) -> str:
    """Return the statement. `become` makes the session the role's, then says what it is given; `back` ends
    that. It raises a unique violation where an attempt reached a row, or met one by itself. `quiet`: the
    session has foreign keys and triggers off; `strict`: an error that hangs on what a row holds is raised as
    well; `lasting`: a plan is as good in another session. What was prepared for it stays."""
    steps = [_steps(attempt) for _, attempt in tries]
    uses = Counter(text for step in steps for text in step if text)  # each stands once
    kept = [f"validate_schema_{n}" if lasting and many > 1 else "" for n, many in enumerate(uses.values())]
    place = {text: n for n, text in enumerate(uses, 1)}
    counting = dict.fromkeys(a.count for _, a in tries if a.count and not a.present)
    counts = {text: n for n, text in enumerate(counting, 1)}
    keys = ((tuple(said), attempt.before) for said, attempt in tries)
    groups = [(become(said), before, len(list(some))) for (said, before), some in groupby(keys)]
    given = (
        _texts(f"prepare {name} as {text}" if name else "" for name, text in zip(kept, uses, strict=True)),
        _texts(f"execute {name}" if name else text for name, text in zip(kept, uses, strict=True)),
        _numbers((int(not name) for name in kept), "boolean"),
        _texts(counting),
        _numbers(place[said] for said, _ in steps),
        _numbers(place.get(check) for _, check in steps),
        _numbers(None if a.present else counts.get(a.count) for _, a in tries),
        *_ranges([many for _, _, many in groups]),
        _texts(";\n".join(_room(before, quiet=quiet)) for _, before, _ in groups),
        _texts(statement for session, _, _ in groups for statement in session),
        *_ranges([len(session) for session, _, _ in groups]),
        literal(back),
        str(strict),
    )
    return f"select pg_temp.validate_schema_together({', '.join(given)})"


def _steps(attempt: Attempt) -> tuple[str, str]:
    """Return what the role runs, and what tells afterwards how many rows that reached: "" where it says so
    itself."""
    wanted = _texts(sorted(attempt.wanted))
    if attempt.present:
        there = f"select p.t from ({attempt.present}) as p(t)"
        return attempt.statement, f"select count(*) from unnest({wanted}) as w(t) where w.t not in ({there})"
    if attempt.count:
        return attempt.statement, attempt.count
    return f"select count(*) from ({attempt.statement}) as r(t) where r.t::text = any ({wanted})", ""


def _room(before: Sequence[str], *, quiet: bool) -> tuple[str, ...]:
    """Return what makes room for attempts."""
    return (*before,) if quiet or not before else (_REPLICA, *before, _ORIGIN)


def _texts(texts: Iterable[str]) -> str:
    return f"array[{', '.join(map(literal, texts))}]::text[]"


def _ranges(lengths: Sequence[int]) -> tuple[str, str]:
    """Return where each of several parts of one list begins and ends, counted from 1."""
    ends = list(accumulate(lengths))
    return _numbers(end - many + 1 for many, end in zip(lengths, ends, strict=True)), _numbers(ends)


def _numbers(numbers: Iterable[int | None], type_: str = "int") -> str:
    said = ("null" if number is None else str(number) for number in numbers)
    return f"'{{{', '.join(said)}}}'::{type_}[]"
