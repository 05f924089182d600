"""Which variable of the session an expression is: a setting, or a claim of a setting that holds JSON."""

from typing import NamedTuple

from ..model.principals import Variable
from ..sql.parse import parse
from ..sql.settings import PLATFORM_HELPERS, claim_setting
from ..sql.tree import ROW, Node, every, walk

_PLAIN = frozenset(
    [
        "and",
        "or",
        "not",
        "compare",
        "distinct",
        "null",
        "is",
        "any",
        "all",
        "array",
        "cast",
        "const",
        "column",
        "clock",
    ]
)
_END, _STEP = ("operator ->>", "operator #>>"), ("operator ->", "operator #>")
_EXTRACT = ("jsonb_extract_path_text", "json_extract_path_text")
_SAME = frozenset({"lower", "upper", "btrim", "ltrim", "rtrim"})  # who it is stays told
_BETWEEN = "\x1f"
# What a user of Supabase writes himself: `supabase.auth.updateUser({data: …})`. Source: Supabase's
# documentation, "Row Level Security", on `auth.jwt()`.
OWN_CLAIMS = ("user_metadata", "raw_user_meta_data")


def platform_body(schema: str | None, name: str) -> Node | None:
    """Return what a platform's own function without arguments returns; None for any other."""
    text = PLATFORM_HELPERS.get((schema or "", name))
    return parse(text) if text is not None else None


def variable_name(variable: Variable) -> str:
    """Return the name under which the analysis knows a variable of the session."""
    if not variable.path:
        return f"setting {variable.setting}"
    return f"claim {variable.setting} {_BETWEEN.join(variable.path)}"


def variable_of(name: str, context: Variable | None = None) -> Variable | None:
    """Return the variable of that name; None for a column. `context` is the tenant's."""
    kind, _, rest = name.partition(" ")
    if name == "context":
        return context
    if kind == "setting":
        return Variable(rest)
    setting, _, path = rest.partition(" ")
    if kind != "claim":
        return None
    if setting == "context" and context is not None:
        setting = context.setting
    return Variable(setting, tuple(path.split(_BETWEEN)))


def canonical(setting: str) -> Variable:
    """Return the variable that a setting is, whichever of its names is used."""
    return Variable(*claim_setting(setting))


class Taken(NamedTuple):
    """What is taken from JSON: the variable that holds it, the path, and whether the variable is read as it
    is, empty or not."""

    held: Node
    path: tuple[str, ...]
    bare: bool


def claim_of(call: Node) -> Taken | None:
    """Return the claim that a call takes as text from a variable that holds JSON; None where it takes
    something else. What it is called with is inlined."""
    wanted = (*_END, *_EXTRACT)
    return _taken(call) if call.value[1] in wanted else None


def holds_claims(call: Node) -> bool:
    """Tell whether a call takes from a setting that holds JSON a part that holds claims itself."""
    return call.value[1] in _STEP and _taken(call) is not None


def _taken(call: Node) -> Taken | None:
    if not call.args:
        return None
    held, path = call.args[0], [_key(arg) for arg in call.args[1:]]
    while held.op == "call" and held.value[1] in _STEP and len(held.args) == 2:
        held, path = held.args[0], [_key(held.args[1]), *path]
    found = _held(held.args[0]) if held.op == "cast" and held.value == "json" else None
    if found is None or None in path:
        return None
    whole = tuple(key for keys in path if keys is not None for key in keys)
    return Taken(found, whole, bare=held.args[0].op == "variable")


def _key(node: Node) -> tuple[str, ...] | None:
    """Return the keys that a constant names: one, or those of an array."""
    while node.op == "cast":
        node = node.args[0]
    if node.op == "array":
        keys = [_key(arg) for arg in node.args]
        return None if None in keys else tuple(k for key in keys if key is not None for k in key)
    if node.op != "const" or not isinstance(node.value, str):
        return None
    if node.value.startswith("{") and node.value.endswith("}"):
        return tuple(node.value[1:-1].split(","))
    return (node.value,)


def _held(node: Node) -> Node | None:
    """Return the variable that an expression is, if it is no other where it is set."""
    while node.op in ("nullif", "cast"):
        node = node.args[0]
    if node.op == "coalesce":
        found = [_held(arg) for arg in node.args]
        same = found[0] is not None and all(f is not None and f.value[0] == found[0].value[0] for f in found)
        return found[0] if same else None
    return node if node.op == "variable" else None


def exactly(node: Node) -> Node:
    """Return the variable or column that an expression is, if two that differ cannot look the same: casts to
    types that keep all of it and '' for nothing aside, and the letters of an e-mail address."""
    while True:
        kept = node.op == "cast" and node.value in ("text", "uuid", "int")
        if kept or node.op == "nullif" or (_folds(node) and _is_address(identity(node))):
            node = node.args[0]
        elif node.op == "coalesce" and _alike(found := [exactly(arg) for arg in node.args]):
            node = found[0]
        else:
            return node


def _folds(node: Node) -> bool:
    return node.op == "call" and node.value[1] in ("lower", "upper") and len(node.args) == 1


def _is_address(node: Node) -> bool:
    """Tell whether it is an e-mail address: no two people have addresses that differ by case alone."""
    name = str(node.value[1]) if node.op == "column" else str(node.value[0]) if node.op == "variable" else ""
    return name.endswith("email")


def identity(node: Node) -> Node:
    """Return the variable, column or constant that an expression says the same as: casts, letters in one
    case, blanks around it and '' for nothing aside."""
    while True:
        folded = node.op == "call" and node.value[1] in _SAME and len(node.args) == 1
        if folded or node.op == "nullif" or (node.op == "cast" and node.value != "bool"):
            node = node.args[0]
        elif node.op == "coalesce" and _alike(found := [identity(arg) for arg in node.args]):
            node = found[0]
        else:
            return node


def _alike(nodes: list[Node]) -> bool:
    return all((node.op, node.value) == (nodes[0].op, nodes[0].value) for node in nodes)


def of_the_row_alone(parts: tuple[Node, ...], alias: str) -> Node:
    """Return what conditions ask of a relation's own row and of nothing else, as a condition on the row:
    ``status = 'accepted'``."""
    return every(tuple(_as_row(part, alias) for part in parts if _is_alone(part, alias)))


def _is_alone(part: Node, alias: str) -> bool:
    nodes = list(walk(part))
    columns = [node for node in nodes if node.op == "column"]
    plain = all(node.op in _PLAIN for node in nodes)
    return bool(columns) and plain and all(column.value[0] == alias for column in columns)


def _as_row(node: Node, alias: str) -> Node:
    value = (ROW, node.value[1]) if node.op == "column" and node.value[0] == alias else node.value
    return Node(node.op, tuple(_as_row(arg, alias) for arg in node.args), value)
