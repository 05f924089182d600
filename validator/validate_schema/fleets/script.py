"""The script of a correction, for psql: a loop over the members, each in a transaction of its own."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from ..model.difference import Change, change_words
from ..model.version import __version__
from ..model.wording import some
from ..report.escape import visible
from ..sql.ident import quote_literal
from .filled import HOME, INSIDE, filled, pattern, quoted
from .mend import Mending

LOCK_TIMEOUT, STATEMENT_TIMEOUT = "5s", "15min"
_WIDTH = 110
_ARGUMENTS = f"member, {INSIDE}"


def script_of(mending: Mending, reference: str, when: str) -> str:
    """Return the script. Members that are schemas are looped over; databases are each connected to by hand.

    It stops at the first member that fails, with what came before done: written again it holds the rest.
    """
    lines = [*_heading(mending, reference, when), ""]
    if mending.done:
        lines += [r"\set ON_ERROR_STOP on", f"SET lock_timeout = {quote_literal(LOCK_TIMEOUT).strip()};"]
        lines += [f"SET statement_timeout = {quote_literal(STATEMENT_TIMEOUT).strip()};", ""]
        lines += _loop(mending) if mending.schemas else _plain(mending)
        lines += ["", "RESET lock_timeout;", "RESET statement_timeout;", ""]
    return "\n".join([*lines, *_open(mending), ""])


def _heading(mending: Mending, reference: str, when: str) -> Iterator[str]:
    shape = mending.shape
    yield _comment(
        f"Makes {some(len(mending.members), 'member')} of shape {shape.id} like {reference}: mends"
        f" {some(len(mending.mended), 'difference')}, leaves"
        f" {len(shape.changes) - len(mending.mended)}. Tried on a copy of {shape.sample}."
    )
    yield _comment(f"validate-schema {__version__}, written {when}.")
    if not mending.schemas:
        named = ", ".join(mending.members)
        yield _comment(f"Run it with psql in the database of each of them: {mending.database or named}.")
        return
    where = f" of {mending.database}" if mending.database else ""
    yield _comment(
        f"Run it with psql in the database{where}. Each member is one transaction, and an index is"
    )
    yield _comment(
        "built beside it, without blocking writes. It stops at the first member that fails: what came"
    )
    yield _comment("before is done, and a script that is written anew holds the rest.")


def _loop(mending: Mending) -> Iterator[str]:
    """Yield statements that make statements, one for each member, and have psql run them."""
    steps = [pattern(s) for a in mending.done for s in a.steps]
    yield "CREATE TEMPORARY TABLE fleet_member (place integer, member text);"
    rows = [f"({n}, {quote_literal(name).strip()})" for n, name in enumerate(mending.members, 1)]
    yield "INSERT INTO fleet_member VALUES\n  " + ",\n  ".join(rows) + ";"
    yield ""
    if steps:
        body = "BEGIN;\n" + ";\n".join(steps) + ";\nCOMMIT;"
        yield _for_each(body)
    yield from (_for_each(pattern(s)) for a in mending.done for s in a.alone)
    yield "DROP TABLE fleet_member;"


def _for_each(body: str) -> str:
    return f"SELECT format({quoted(body)}, {_ARGUMENTS}) FROM fleet_member ORDER BY place \\gexec"


def _plain(mending: Mending) -> Iterator[str]:
    steps = [s for a in mending.done for s in a.steps]
    if steps:
        yield "BEGIN;"
        yield from (f"{filled(s, '')};" for s in steps)
        yield "COMMIT;"
    yield from (f"{s};" for a in mending.done for s in a.alone)


def _open(mending: Mending) -> Iterator[str]:
    """Yield, as comments, what a person has to decide and what did not work."""
    if mending.open:
        yield _comment("To decide, since no rule says which is right:")
        for amendment in mending.open:
            yield from (_comment(f"- {said(c)}: {amendment.why}") for c in amendment.changes)
    for refused in mending.refused:
        yield _comment(f"Not mended: {said(refused.change)} ({refused.reason})")
    for change in mending.left:
        yield _comment(f"Still different afterwards: {said(change)}")


def said(change: Change) -> str:
    """Return a difference in words, from the member to the reference."""
    words = change_words(change, HOME)
    return f"{words.object}{' ' + words.what if words.what else ''}: {words.before} -> {words.after}".replace(
        HOME, "member"
    )


def _comment(text: str) -> str:
    """Return `text` as comments; nothing in it can end them."""
    lines: Sequence[str] = wrap(visible(text), _WIDTH, break_on_hyphens=False, subsequent_indent="  ") or [""]
    return "\n".join(f"-- {line}" for line in lines)
