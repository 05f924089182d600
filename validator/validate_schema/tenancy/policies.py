"""What policies compare with a setting, read from their text as the server prints it.

This only supports the identification of the tenancy; whether a policy is right is judged elsewhere.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model.catalog import Catalog, QName, Table

_IDENT = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_CONTEXT = re.compile(rf"current_setting\('((?:[^']|'')+)'|(?<![\w.\"])(?:({_IDENT})\.)?({_IDENT})\(\)")
_BEFORE = re.compile(rf"({_IDENT})\)*(?:::[\w \".]+(?:\([\d,]+\))?)?\)*\s*(?:=|IN|= ANY)\s*[^=<>]*$")
_AFTER = re.compile(rf"^[^=<>]*?=\s*\(*(?:{_IDENT}\.)?({_IDENT})")
_SETTING = re.compile(r"current_setting\s*\(\s*'((?:[^']|'')+)'", re.IGNORECASE)
# Supabase's own function, which a replay leaves out of the catalog. Source: its migrations of `auth`.
_PLATFORM = {QName("auth", "uid"): "request.jwt.claim.sub"}
_CALL = re.compile(rf"(?:({_IDENT})\.)?({_IDENT})\s*\(\s*\)")


class Comparison(NamedTuple):
    """A column that a policy compares with the tenant context: a setting, through `helper` or not."""

    column: str
    setting: str
    helper: QName | None


class PolicyReader:
    """Reads comparisons from policy texts; each distinct text once."""

    def __init__(self, catalog: Catalog) -> None:
        self.helpers = _helpers(catalog)
        self._known: dict[str, frozenset[Comparison]] = {}

    def by_table(self, tables: Iterable[Table]) -> dict[QName, frozenset[Comparison]]:
        """Return what the policies of each table that has any compare with a setting."""
        return {table.qname: self._of(table) for table in tables if table.policies}

    def _of(self, table: Table) -> frozenset[Comparison]:
        texts = [text for policy in table.policies for text in (policy.using, policy.check) if text]
        return self._read(texts[0]) if len(texts) == 1 else frozenset().union(*map(self._read, texts))

    def _read(self, text: str) -> frozenset[Comparison]:
        if text not in self._known:
            self._known[text] = frozenset(self._parse(text))
        return self._known[text]

    def _parse(self, text: str) -> Iterator[Comparison]:
        for context in _CONTEXT.finditer(text):
            setting, schema, name = context.groups()
            helper = None
            if setting is None:
                helper = QName(_plain(schema or ""), _plain(name))
                if helper not in self.helpers:
                    continue
                setting = self.helpers[helper]
            column = _BEFORE.search(text[max(0, context.start() - 160) : context.start()]) or _AFTER.match(
                text[context.end() : context.end() + 160]
            )
            if column is not None:
                yield Comparison(_plain(column[1]), setting.replace("''", "'"), helper)


def _helpers(catalog: Catalog) -> dict[QName, str]:
    """Functions without arguments that read a setting, themselves or through one another."""
    bodies = {f.qname: f.body for f in catalog.functions if f.body and not f.arguments}
    found = dict(_PLATFORM)
    for name, body in bodies.items():
        if (setting := _SETTING.search(body)) is not None:
            found[name] = setting[1]
    by_name = {name.name: setting for name, setting in found.items()}
    for name, body in bodies.items():
        if name in found:
            continue
        called = [_plain(call[2]) for call in _CALL.finditer(body)]
        setting_read = next((by_name[call] for call in called if call in by_name), None)
        if setting_read is not None:
            found[name] = setting_read
    return found


def _plain(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier
