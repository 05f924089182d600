"""Which setting of the session an expression reads."""

from typing import NamedTuple

from .syntax import Call, Const, Node, uncast


class Setting(NamedTuple):
    """A setting by its name as written, though names of settings have no case; without `missing_ok` it is
    an error where the session never set it."""

    name: str
    missing_ok: bool


def setting_of(node: Node) -> Setting | None:
    """Return the setting that a call of current_setting() reads; None where it is no such call, or the
    name is worked out. Source: PostgreSQL documentation, "Configuration Settings Functions"."""
    if not isinstance(node, Call) or node.name != "current_setting" or not node.args:
        return None
    if node.schema not in ("", "pg_catalog"):
        return None
    name, *more = map(uncast, node.args)
    if not isinstance(name, Const) or not isinstance(name.value, str):
        return None
    given = more[0].value if more and isinstance(more[0], Const) else False
    missing_ok = given is True or (isinstance(given, str) and given.lower().startswith("t"))
    return Setting(name.value, missing_ok)
