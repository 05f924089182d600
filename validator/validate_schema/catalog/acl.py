"""Access privileges as PostgreSQL prints them: ``{owner=arwd/owner,"\"odd=name\"=r*/owner",=r/owner}``.

Source: PostgreSQL documentation, "Privileges" (letters, built-in defaults) and the output format of
aclitem, in which a name with anything but letters, digits and underscores is double-quoted.
"""

import re
from collections.abc import Mapping
from functools import cache, partial
from sys import intern

from ..model.catalog import Grant

_WORDS = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "m": "MAINTAIN",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "c": "CONNECT",
    "T": "TEMPORARY",
    "s": "SET",
    "A": "ALTER SYSTEM",
}
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)')
_ITEM = re.compile(r'(?:"((?:[^"]|"")*)"|([^=]*))=([A-Za-z*]*)/', re.DOTALL)
_OWNER_HAS = {
    "table": "arwdDxt",
    "sequence": "rwU",
    "schema": "UC",
    "function": "X",
    "type": "U",
    "language": "U",
    "database": "CTc",
    "large object": "rw",
    "foreign": "U",
}
_EVERYBODY_HAS = {"function": "X", "type": "U", "language": "U", "database": "Tc"}


class Acls:
    """Parses privileges; the same text comes back as the same tuple, for most tables share one."""

    def __init__(self, version: int, others: Mapping[str, str | None] | None = None) -> None:
        """`others` are names under which some roles are shown; None: what they hold is left out."""
        self._maintain = "m" if version >= 170000 else ""
        self.parse = cache(partial(_parse, others or {}))
        self.default = cache(self._default)

    def grants(self, text: str | None, kind: str, owner: str) -> tuple[Grant, ...]:
        """Return the grants in `text`; None means the built-in default of `kind` for `owner`."""
        return self.default(kind, owner) if text is None else self.parse(text)

    def _default(self, kind: str, owner: str) -> tuple[Grant, ...]:
        letters = _OWNER_HAS[kind] + (self._maintain if kind == "table" else "")
        items = [(owner, letters)]
        if kind in _EVERYBODY_HAS:
            items.append(("PUBLIC", _EVERYBODY_HAS[kind]))
        return _grants(items)


def _parse(others: Mapping[str, str | None], text: str) -> tuple[Grant, ...]:
    items = []
    for quoted, plain in _ELEMENT.findall(text):
        item = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else plain
        match = _ITEM.match(item)
        if match is None:
            raise ValueError(f"not an access privilege: {item!r}")
        name = match[2] if match[1] is None else match[1].replace('""', '"')
        shown = others.get(name, name)
        if shown is not None:
            items.append((shown or "PUBLIC", match[3]))
    return _grants(items)


def _grants(items: list[tuple[str, str]]) -> tuple[Grant, ...]:
    """Return one grant per grantee, what several grantors gave taken together."""
    held: dict[str, tuple[set[str], set[str]]] = {}
    for grantee, letters in items:
        privileges, grantable = held.setdefault(intern(grantee), (set(), set()))
        for letter in re.findall(r"[A-Za-z]\*?", letters):
            word = _WORDS.get(letter[0], letter[0])
            privileges.add(word)
            if letter.endswith("*"):
                grantable.add(word)
    return tuple(
        Grant(name, tuple(sorted(privileges)), tuple(sorted(grantable)))
        for name, (privileges, grantable) in sorted(held.items())
        if privileges
    )
