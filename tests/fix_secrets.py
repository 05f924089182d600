"""Passwords that are hard to hide, and the ways in which people write them down."""

from collections.abc import Callable
from urllib.parse import quote

from hypothesis import strategies as st

HEAD, TAIL = "C4NARYpw", "w0rdEND"
"""How every password begins and ends: neither may be seen anywhere."""

_ODD = " '\"\\@:/?#%&=,;[](){}<>|`$!*~^+-_.é\t"


def passwords() -> st.SearchStrategy[str]:
    middle = st.text(st.sampled_from(_ODD + "aZ09"), max_size=6)
    return middle.map(lambda text: f"{HEAD}{text}{TAIL}")


def _quoted(password: str) -> str:
    return "'" + password.replace("\\", "\\\\").replace("'", "\\'") + "'"


SPELLINGS: dict[str, Callable[[str], str]] = {
    "url, encoded": lambda p: f"postgresql://me:{quote(p, safe='')}@127.0.0.1:1/shop",
    "url, a driver's": lambda p: f"postgresql+psycopg://me:{quote(p, safe='')}@127.0.0.1:1/shop?schema=app",
    "url, several hosts": lambda p: f"postgres://me:{quote(p, safe='')}@127.0.0.1:1,127.0.0.1:2/shop",
    "url, in the query": lambda p: f"postgresql://127.0.0.1:1/shop?user=me&password={quote(p, safe='')}",
    "url, of the key": lambda p: f"postgresql://me@127.0.0.1:1/shop?sslpassword={quote(p, safe='')}",
    "url, of another program": lambda p: f"mysql://me:{quote(p, safe='')}@127.0.0.1/shop",
    "raw url": lambda p: f"postgresql://me:{p}@127.0.0.1:1/shop",
    "raw url, no user": lambda p: f"postgresql://:{p}@127.0.0.1:1/shop",
    # with an @ it is another URL, and what follows is the host
    "raw url, no host": lambda p: f"postgresql://me:{p.replace('@', '')}",
    "raw url, no scheme": lambda p: f"me:{p}@127.0.0.1:1/shop",
    "raw url, one slash": lambda p: f"postgresql:/me:{p}@127.0.0.1:1/shop",
    "raw url, bad encoding": lambda p: f"postgresql://me:{p}%zz@127.0.0.1:1/shop",
    "raw url, an open bracket": lambda p: f"postgresql://me:{p}@[::1/shop",
    "settings, quoted": lambda p: f"host=127.0.0.1 port=1 user=me password={_quoted(p)} dbname=shop",
    "settings, quoted, of the key": lambda p: f"host=127.0.0.1 port=1 sslpassword = {_quoted(p)}",
    "settings, raw": lambda p: f"host=127.0.0.1 port=1 password={p} dbname=shop",
    "settings, open": lambda p: f"host=127.0.0.1 port=1 password='{p}",
    "settings, a slip": lambda p: f"host=127.0.0.1 port=1 pasword={_quoted(p)}",
    "settings, first": lambda p: f"password={_quoted(p)} host=127.0.0.1 port=1",
}
