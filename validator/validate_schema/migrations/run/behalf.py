"""Statements that take a superuser, done on behalf of the role that runs migrations.

On a scratch server whose owner is an ordinary role (`scratch.owner`) a few statements are replaced by calls
of functions that every database there has: what managed services do as well.
"""

import re
from collections.abc import Iterator
from typing import Any

from ...sql import script
from ...sql.ident import quote_ident, quote_literal
from ...sql.parser import Unreadable, deparse, parse_messages
from ...sql.script import Piece

_SUSPECT = re.compile(
    r"\b(?:create\s+(?:extension|event\s+trigger|publication)|alter\s[^;]*\s(?:owner\s+to|(?:en|dis)able\s+trigger\s+all))\b",
    re.IGNORECASE,
)
_LEAKPROOF = re.compile(
    r"(?:create|create\s+or\s+replace|alter)\s+(?:function|routine)\b.*\bleakproof\b",
    re.IGNORECASE | re.DOTALL,
)
_ALL_TRIGGERS = {"AT_EnableTrigAll": True, "AT_DisableTrigAll": False}
_OWNER = "postgres"
NO_SUPERUSER = "migrations are run by a role that is no superuser; [migrations] superuser = true makes it one"


def on_behalf(sql: str) -> tuple[str, dict[str, str]]:
    """Return the text with what is done on behalf in place of such statements, on the same lines; and the
    statement that each replaces."""
    replaced: dict[str, str] = {}
    if not _SUSPECT.search(sql) and "leakproof" not in sql.lower():
        return sql, replaced
    found, last = [], 0
    for piece in script.pieces(sql):
        if piece.kind != "sql" or not (_SUSPECT.match(piece.text) or _LEAKPROOF.match(piece.text)):
            continue
        instead = _instead(piece)
        if not instead:
            continue
        replaced |= {text: piece.text for text in instead if text != piece.text}
        done = "; ".join(instead)
        lines = "\n" * max(0, sql.count("\n", piece.start, piece.end) - done.count("\n"))
        found += [sql[last : piece.start], done, _ending(sql, piece), lines]
        last = piece.end
    return "".join([*found, sql[last:]]), replaced


def _ending(sql: str, piece: Piece) -> str:
    return ";" if sql[piece.start : piece.end].rstrip().endswith(";") else ""


def _instead(piece: Piece) -> list[str]:
    """Return the statements in place of one; none where it can stay."""
    try:
        (parsed,) = parse_messages(piece.text)
    except (Unreadable, ValueError):
        return []
    kind = parsed.stmt.WhichOneof("node")
    made = _MADE.get(kind or "")
    return made(getattr(parsed.stmt, kind), piece.text) if made and kind else []


def _extension(said: Any, _: str) -> list[str]:
    options = {o.def_elem.defname: o.def_elem.arg for o in said.options}
    placed = _literal(options["schema"].string.sval) if "schema" in options else "pg_catalog.current_schema()"
    version = _literal(options["new_version"].string.sval) if "new_version" in options else "null"
    words = (
        _literal(said.extname),
        placed,
        version,
        _truth("cascade" in options),
        _truth(said.if_not_exists),
    )
    return [f"select pg_catalog.validate_schema_extension({', '.join(words)})"]


def _event_trigger(said: Any, _: str) -> list[str]:
    tags = [i.string.sval for o in said.whenclause for i in o.def_elem.arg.list.items]
    if any(o.def_elem.defname != "tag" for o in said.whenclause):
        return []
    called = ".".join(quote_ident(part.string.sval) for part in said.funcname) + "()"
    listed = f"array[{', '.join(map(_literal, tags))}]::text[]"
    words = (_literal(said.trigname), _literal(said.eventname), listed, _literal(called))
    return [f"select pg_catalog.validate_schema_event_trigger({', '.join(words)})"]


def _publication(said: Any, text: str) -> list[str]:
    if not said.for_all_tables:
        return []
    (parsed,) = parse_messages(text)
    parsed.stmt.create_publication_stmt.for_all_tables = False
    publish = f"select pg_catalog.validate_schema_publish_all({_literal(said.pubname)})"
    return [deparse(parsed.stmt), publish]


def _owner(said: Any, text: str) -> list[str]:
    if said.HasField("relation"):
        return _given(text, said.newowner, said.relation.schemaname, said.relation)
    parts = [i.string.sval for i in _names(said.object)]
    return _given(text, said.newowner, parts[0] if len(parts) > 1 else "", None)


def _names(item: Any) -> Any:
    """Return the parts of an object's name: a function's, a type's, or a plain list."""
    kind = item.WhichOneof("node")
    if kind == "object_with_args":
        return item.object_with_args.objname
    if kind == "type_name":
        return item.type_name.names
    return item.list.items if kind == "list" else ()


def _table(said: Any, text: str) -> list[str]:
    owners = [c.alter_table_cmd.newowner for c in said.cmds if c.alter_table_cmd.HasField("newowner")]
    if owners:
        return _given(text, owners[0], said.relation.schemaname, said.relation)
    switched = [_ALL_TRIGGERS.get(_kind_of(c.alter_table_cmd)) for c in said.cmds]
    if None in switched:
        return []
    named = ".".join(quote_ident(n) for n in (said.relation.schemaname, said.relation.relname) if n)
    table = f"pg_catalog.to_regclass({_literal(named)})"
    if not said.missing_ok:
        table = f"{_literal(named)}::pg_catalog.regclass"
    return [f"select pg_catalog.validate_schema_triggers({table}, {_truth(bool(on))})" for on in switched]


def _kind_of(command: Any) -> str:
    kinds = command.DESCRIPTOR.fields_by_name["subtype"].enum_type.values_by_number
    return str(kinds[command.subtype].name)


def _given(text: str, owner: Any, schema: str, relation: Any) -> list[str]:
    if not owner.rolename or owner.rolename == _OWNER:
        return []
    placed = _literal(schema) if schema else "null"
    named = _literal(quote_ident(relation.relname)) if relation is not None else "null"
    call = f"select pg_catalog.validate_schema_gives({_literal(owner.rolename)}, {placed}, {named}, "
    return [f"{call}true)", text, f"{call}false)"]


def _function(said: Any, text: str) -> list[str]:
    (shown,) = parse_messages("drop function f()")
    named = shown.stmt.drop_stmt.objects[0].object_with_args
    named.ClearField("objname")
    named.objname.extend(said.funcname)
    modes = said.DESCRIPTOR.file.enum_types_by_name["FunctionParameterMode"].values_by_name
    given = [modes[f"FUNC_PARAM_{m}"].number for m in ("DEFAULT", "IN", "INOUT", "VARIADIC")]
    for item in said.parameters:
        if item.function_parameter.mode in given:
            named.objargs.add().type_name.CopyFrom(item.function_parameter.arg_type)
    called = deparse(shown.stmt).removeprefix("DROP FUNCTION ")
    return _leakproof(said.options, text, f"{_literal(called)}::pg_catalog.regprocedure")


def _altered_function(said: Any, text: str) -> list[str]:
    (shown,) = parse_messages("drop function f()")
    shown.stmt.drop_stmt.objects[0].object_with_args.CopyFrom(said.func)
    called = deparse(shown.stmt).removeprefix("DROP FUNCTION ")
    kind = "regproc" if said.func.args_unspecified else "regprocedure"
    done = _leakproof(said.actions, text, f"{_literal(called)}::pg_catalog.{kind}")
    return done[1:] if len(said.actions) == 1 else done


def _leakproof(options: Any, text: str, called: str) -> list[str]:
    """Return the statement without its LEAKPROOF, and what says so instead."""
    found = [
        o.def_elem for o in options if o.def_elem.defname == "leakproof" and o.def_elem.arg.boolean.boolval
    ]
    if len(found) != 1:
        return []
    raw, at = text.encode(), found[0].location
    without = (raw[:at] + b" " * len("leakproof") + raw[at + len("leakproof") :]).decode()
    return [without, f"select pg_catalog.validate_schema_leakproof({called})"]


def _literal(text: str) -> str:
    return quote_literal(text)


def _truth(value: bool) -> str:
    return "true" if value else "false"


_MADE = {
    "create_extension_stmt": _extension,
    "create_event_trig_stmt": _event_trigger,
    "create_publication_stmt": _publication,
    "alter_owner_stmt": _owner,
    "alter_table_stmt": _table,
    "create_function_stmt": _function,
    "alter_function_stmt": _altered_function,
}


def asked_version(extension: str, sql: str) -> str | None:
    """Return the version that CREATE EXTENSION asks for, if it does."""
    for piece in _extensions(sql):
        if extension in piece and (m := re.search(r"\bversion\s+['\"]?([\w.-]+)", piece, re.IGNORECASE)):
            return m[1]
    return None


def is_placed(extension: str, sql: str) -> bool:
    """Tell whether CREATE EXTENSION says in which schema."""
    created = (piece for piece in _extensions(sql) if extension in piece)
    return any(re.search(r"\bschema\b", piece, re.IGNORECASE) for piece in created)


def _extensions(sql: str) -> Iterator[str]:
    return (p.text for p in script.pieces(sql) if re.match(r"create\s+extension\b", p.text, re.IGNORECASE))
