"""One sentence that says why a branch is open."""

from ..model.reading import Flow
from ..sql.tree import Node, walk
from .evaluate import World
from .values import SOME, Number, Token, _Mark

_OPENINGS = {
    Flow.READ: "rows of other tenants pass",
    Flow.WRITE: "rows can be written for other tenants",
    Flow.FAIL_OPEN: "rows pass while the tenant context is unset or empty",
    Flow.NULL_TENANT: "rows that belong to no tenant pass for every tenant",
    Flow.ANYWHERE: "a member of any tenant passes for the rows of every tenant",
    Flow.JOIN: "whoever asks can write the row that makes him a member of any tenant",
}


def explain(branch: tuple[Node, ...], world: World, flow: Flow, session: str = "") -> str:
    """Return the reason: what passes, and what makes the branch true. `session` says what of it whoever asks
    can set."""
    opening = _OPENINGS[flow]
    nodes = [n for part in branch for n in walk(part)]
    columns = sorted({str(n.value[1]) for n in nodes if n.op == "column"})
    settings = sorted({str(n.value[0]) for n in nodes if n.op == "setting"})
    if flow is Flow.ANYWHERE:
        return f"{opening}: that he belongs to the tenant of the row is not asked"
    if flow in (Flow.FAIL_OPEN, Flow.NULL_TENANT, Flow.JOIN):
        return opening
    others = [name for name in world.values if name.startswith("setting ")]
    free = [name.removeprefix("setting ") for name in others if name.removeprefix("setting ") in settings]
    if session or free:
        return f"{opening}: {session or 'any session may set ' + ', '.join(free)}"
    if not columns and not settings:
        return f"{opening}: the branch does not look at the row" + (
            "" if all(n.op == "const" for n in nodes) else " and the tenant context"
        )
    example = _told(world, columns)
    if example:
        return f"{opening}: the branch does not bind the tenant, it holds where {example}"
    return f"{opening}: the branch does not bind the tenant"


def example(world: World) -> tuple[tuple[str, str | None], ...]:
    """Return what the columns of the row may hold, as far as the world settles it."""
    held = []
    for name, values in sorted(world.values.items()):
        known = sorted((v for v in values if _concrete(v)), key=lambda v: (v is None, str(v)))
        if name.startswith("row.") and known:
            held.append((name.removeprefix("row."), None if known[0] is None else _text(known[0])))
    return tuple(held)


def _concrete(value: object) -> bool:
    return not isinstance(value, (Token, _Mark)) and value is not SOME


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.number) if isinstance(value, Number) else str(value)


def _told(world: World, columns: list[str]) -> str:
    told = []
    for name in columns:
        values = world.values.get(f"row.{name}", frozenset())
        if len(values) == 1:
            value = next(iter(values))
            if _concrete(value):
                told.append(f"{name} is {_printed(value)}")
    return " and ".join(told)


def _printed(value: object) -> str:
    if value is None:
        return "NULL"
    return _text(value) if isinstance(value, (bool, Number)) else f"'{value}'"
