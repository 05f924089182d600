"""Texts that may hold a password: URLs, connection strings, names of sources. Shown, they are masked."""

import re
from collections.abc import Iterator
from typing import Never
from urllib.parse import quote, unquote

HIDDEN = "***"
UNREADABLE = "…"
_SHORTEST = 3  # a shorter password would black out half of every message

# What is shown of a connection string is what is known to be no secret; every other value is masked.
# Source: PostgreSQL documentation, "Parameter Key Words"; Prisma's and JDBC's names of theirs.
_PLAIN = frozenset({
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "connection_limit",
    "currentschema", "dbname", "gssencmode", "host", "hostaddr", "keepalives", "load_balance_hosts",
    "pgbouncer", "pool_timeout", "port", "requiressl", "schema", "service", "socket_timeout", "ssl",
    "sslaccept", "sslcert", "sslkey", "sslmode", "sslrootcert", "target_session_attrs", "user",
})  # fmt: skip
_WORDS = r"pass(?:word|wd|phrase|code)?|pwd|secret|token|credentials?|api_?key|private_?key|scram_\w+_key"
_SECRET_KEY = re.compile(_WORDS, re.IGNORECASE)

_NAME = r"[^@/?#\s:]*"
_HOST = r"(?:[\w.~%-]*|\[[\w:.%]+\])(?::\d*)?"
_URL = re.compile(
    rf"(?P<scheme>(?:jdbc:)?[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>{_NAME})(?P<secret>:[^@/?#\s]*)?@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^@?#\s:]*)?)(?:\?(?P<query>[^@#\s]*))?"
)
_SETTING = re.compile(r"\s*(?P<key>[A-Za-z_]+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)")
_SETTINGS = re.compile(r"\s*[A-Za-z_]+\s*=")
_ODD_URL = re.compile(
    r"\s*(?P<scheme>(?:jdbc:)?(?:postgres(?:ql)?|prisma|mysql|sqlite)[a-z0-9+]*)\s*:/?", re.IGNORECASE
)

# The same in running text, where nothing says where a value ends but its quotes or a blank.
_IN_TEXT = (
    (re.compile(r"(\w://[^\s:/@]*):\S{0,2000}@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(
            rf"""((?:{_WORDS})["']?\s*(?:=>|[=:])\s*)('(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|[^\s&,;]+)""",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            rf"((?<![\w-])--[\w-]{{0,40}}(?:{_WORDS})[\w-]{{0,40}}[ =]+)(?!{re.escape(HIDDEN)})\S+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


class Secret:
    """A text that may hold a password. Printed, formatted or in an error it is masked; `reveal` gives the
    text to who connects with it. It is neither pickled nor encoded."""

    __slots__ = ("_text",)

    def __init__(self, text: "str | Secret") -> None:
        self._text = reveal(text)

    def reveal(self) -> str:
        """Return the text as it was given."""
        return self._text

    def hide_in(self, text: str) -> str:
        """Return a text, an error's for example, without the passwords that this one holds. A password that
        is the name of the user or the database as well is no secret: it is shown."""
        shown = str(self)
        values = {v for v in _values(self._text) if len(v) >= _SHORTEST and v not in shown}
        hidden = sorted((m.start(), m.end()) for v in values for m in re.finditer(re.escape(v), text))
        kept, end = "", 0
        for start, stop in hidden:  # they overlap: what may be a password is written in several ways
            if start >= end:
                kept += text[end:start] + HIDDEN
            end = max(end, stop)
        return kept + text[end:]

    def __str__(self) -> str:
        return _shown(self._text)

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, _memo: object) -> "Secret":
        return self

    def __reduce__(self) -> Never:
        raise TypeError("a secret is not pickled")


def password(text: str) -> Secret:
    """Return a password by itself, such as PGPASSWORD's, as the setting that it stands for."""
    return Secret("password='" + re.sub(r"([\\'])", r"\\\1", text) + "'")


def reveal(text: str | Secret) -> str:
    """Return the text of what is a secret or not."""
    return text.reveal() if isinstance(text, Secret) else text


def mask(text: str) -> str:
    """Return running text with the passwords of URLs, settings and options replaced by ``***``."""
    for pattern, masked in _IN_TEXT:
        text = pattern.sub(masked, text)
    return text


def _shown(text: str) -> str:
    """Return what may be seen of a source. A text of no strict form shows its scheme at most."""
    if url := _URL.fullmatch(text.strip()):
        return _shown_url(url)
    if "://" in text or _ODD_URL.match(text):
        odd = re.match(r"\s*((?:jdbc:)?[A-Za-z][A-Za-z0-9+.-]{1,30}):", text)
        return f"{odd[1]}://{UNREADABLE}" if odd else UNREADABLE
    if _SETTINGS.match(text):
        return _shown_settings(text)
    return UNREADABLE if mask(text) != text or re.search(r":.*@", text, re.DOTALL) else text


def _shown_url(url: re.Match[str]) -> str:
    ports = re.findall(r":(\d+)(?=,|/|$)", url["place"])
    if any(int(port) > 65_535 for port in ports):
        return f"{url['scheme']}://{UNREADABLE}"
    login = f"{url['user']}{f':{HIDDEN}' if url['secret'] else ''}@" if url["user"] is not None else ""
    pairs = (_shown_pair(*part.partition("=")) for part in (url["query"] or "").split("&") if part)
    query = "&".join(pairs)
    return f"{url['scheme']}://{login}{url['place']}" + (f"?{query}" if query else "")


def _shown_pair(key: str, sign: str, value: str) -> str:
    if key.lower() in _PLAIN:
        return f"{key}{sign}{value}"
    return f"{key}={HIDDEN}" if sign and _SECRET_KEY.fullmatch(key.lower().removeprefix("ssl")) else HIDDEN


def _shown_settings(text: str) -> str:
    shown, end = [], 0
    while setting := _SETTING.match(text, end):
        shown.append(_shown_pair(setting["key"], "=", setting["value"]))
        end = setting.end()
    return " ".join(shown) if not text[end:].strip() else UNREADABLE


def _values(text: str) -> Iterator[str]:
    """Yield whatever in a source may be a password, as it is written and as it is meant."""
    for found in _candidates(text):
        plain = found[1:-1] if found[:1] == found[-1:] == "'" else found
        for meant in (found, plain, unquote(plain), re.sub(r"\\(.)", r"\1", plain)):
            yield from (meant, quote(meant, safe=""), repr(meant)[1:-1])
        yield from (part for part in re.split(r"[\s'\"]+", plain) if len(part) > _SHORTEST)


def _candidates(text: str) -> Iterator[str]:
    _, mark, rest = text.partition("://")
    if not mark:
        odd = _ODD_URL.match(text)
        rest = text[odd.end() :] if odd else text
    login = rest.lstrip("/")
    if mark or "@" in login:
        yield from _of_login(login)
    for part in re.split("[?&]", rest):
        key, sign, value = part.partition("=")
        if sign and key.lower() not in _PLAIN:
            yield value
    yield from (s["value"] for s in _SETTING.finditer(text) if s["key"].lower() not in _PLAIN)
    ends = r"('(?:[^'\\]|\\.)*'|(?:[^\s\\]|\\.)*)"
    for setting in re.finditer(rf"\w*(?:{_WORDS})\w*\s*=\s*{ends}(.*)", text, re.IGNORECASE | re.DOTALL):
        yield setting[1]
        if not mark and _shown(text) == UNREADABLE:  # nobody knows where the value ends
            yield setting[1] + setting[2]


def _of_login(login: str) -> Iterator[str]:
    """Yield what follows the user's name: up to each @, all of it where there is none, but no port."""
    after = "" if login.startswith("[") else login.partition(":")[2]
    ends = [m.start() for m in re.finditer("@", after)]
    yield from (after[:end] for end in ends)
    if not ends and not re.fullmatch(r"\d*(?:[,/?].*)?", after, re.DOTALL):
        yield after
        yield re.split("[/?#]", after)[0]
