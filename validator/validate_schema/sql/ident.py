"""Quote identifiers and literals for SQL; print names for people."""

import re

from ..model.catalog import QName

_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
# Noncharacters are no text anywhere. Source: the Unicode Standard; the HTML Standard, "Parse errors".
_NONE = "\ufdd0-\ufdef" + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
# Marks that stand above and below letters: no script heaps seven on one, but whoever covers other lines does.
_MARK = (
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    "\ufe20-\ufe2f]"
)
# What stands before "[" in commands to GitHub's, Azure's and TeamCity's runners: they look in every line.
_COMMAND = r"(?<=#)#(?=\w{0,30}\[)"
_INVISIBLE = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
UNSEEN = re.compile(f"[{_INVISIBLE}{_NONE}]|(?<={_MARK * 6}){_MARK}|{_COMMAND}")

_LONGEST = 63  # bytes: NAMEDATALEN - 1


def quote_ident(name: str) -> str:
    """Return `name` as a quoted SQL identifier, always quoted so that keywords and case are safe.

    Source: PostgreSQL documentation, "Lexical Structure", quoted identifiers.
    """
    return '"' + name.replace('"', '""') + '"'


def unquote_ident(text: str) -> str:
    """Return the name that an identifier stands for, quoted or as the server prints it without quotes."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def quote_idents(names: tuple[str, ...]) -> str:
    """Return `names` quoted and joined by commas."""
    return ", ".join(map(quote_ident, names))


def quote_qname(name: QName) -> str:
    """Return a schema-qualified, quoted SQL name."""
    return f"{quote_ident(name.schema)}.{quote_ident(name.name)}"


def quote_role(name: str) -> str:
    """Return a role name quoted for GRANT and policies; ``PUBLIC`` is the keyword."""
    return "PUBLIC" if name == "PUBLIC" else quote_ident(name)


def quote_literal(text: str) -> str:
    """Return `text` as a SQL string literal that means the same whatever
    ``standard_conforming_strings`` is."""
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def derived_name(*parts: str) -> str:
    """Join `parts` into an object name of at most 63 bytes.

    What is too long is cut from the first part; where that leaves nothing of it, from the end of all
    but the last, which tells names apart. Source: PostgreSQL documentation, "Identifiers and Key
    Words": longer names are silently truncated.
    """
    head, tail = parts[0], "_".join(parts[1:])
    room = _LONGEST - len(tail.encode()) - 1
    if room < 1:
        head, tail = "_".join(parts[:-1]), parts[-1]
        room = _LONGEST - len(tail.encode()) - 1
    return f"{head.encode()[:room].decode(errors='ignore')}_{tail}"


def display(name: QName, default_schema: str = "public") -> str:
    """Return the name as people write it: without the default schema."""
    return name.name if name.schema == default_schema else f"{name.schema}.{name.name}"


def visible(text: str) -> str:
    """Return `text` with control, direction and zero-width characters, noncharacters, floods of marks, and
    what would make it a command to a CI runner (``##[``, ``##vso[``), replaced by visible signs.

    C0 controls become their Unicode control pictures (a newline is ␊), the others ``⟨U+202E⟩``.
    """
    return UNSEEN.sub(lambda m: _PICTURES.get(ord(m[0]), f"⟨U+{ord(m[0]):04X}⟩"), text)


def toml_text(text: str) -> str:
    """Return `text` as a TOML basic string on one line, unseen characters as escapes."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + UNSEEN.sub(lambda m: f"\\U{ord(m[0]):08x}", plain) + '"'
