"""What the text of policies, and of the functions that they call, hints at."""

import re

from ..ident import quote_literal

_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_READ = re.compile(r"current_setting\(\s*'[^']*'(?:::text)?", re.IGNORECASE)
_SETTING = re.compile(r"current_setting\(\s*'([^']*)'", re.IGNORECASE)
_MOST = 6
_USUAL = ("on", "true", "1")


def literals(text: str) -> list[str]:
    """Return the texts in quotes, without empty ones and the names of settings."""
    return [s.replace("''", "'") for s in _LITERAL.findall(_READ.sub("", text)) if s]


def forged(text: str, setting: str | None) -> list[str]:
    """Return statements that set what policies read besides the tenant's `setting` to what they compare
    it with: any session may do so."""
    names = sorted({name for name in _SETTING.findall(text) if name != setting})
    values = dict.fromkeys([*literals(text)[:_MOST], *_USUAL])
    return [
        f"select pg_catalog.set_config({quote_literal(n).strip()}, {quote_literal(v).strip()}, false)"
        for n in names
        for v in values
    ]
