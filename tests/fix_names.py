"""Names that PostgreSQL allows and nobody expects, as hypothesis draws them, and how to write them."""

from hypothesis import strategies as st
from psycopg import sql

from tests.fix_report import HOSTILE

SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "oid"}
SPELLINGS = (
    *(text for text in HOSTILE if text and len(text.encode()) <= 63),
    '"><img src=x onerror=document.title=\'pwned\'>',
    "</script><script>alert(1)</script>", "</style>", "-->", "<!--", "<details>", "javascript:alert(1)",
    "select", "user", "table", "null", "public", "PUBLIC", "current_user", "order", "orgId", "tenant_id",
    "a.b", 'a"."b', '"', '""', "'", "''", "\\", "\\'", "E'x'", 'U&"x"', "$$", "$tag$", "%s", "%(x)s", ":x",
    "{{ x }}", "{% raw %}", "*", "a*", "`", "```", "|", "||", "a | b", "[x](y)", "[[tenancy]]", "#", "# h",
    "- a", "1. b", "> q", "~~~", "---", "&lt;", "&#124;", "-- x", "/* x", "*/", ";", "; drop table x;",
    " ", "  ", "\t", "\n", "\r\n", "\n\n", "\x01", "\x1b]0;x\x07", "\u2028", "\ufeff", "\u200b", "\u202ea",
    "\x7f", "\x85", "A", "a", "a_b", "é" * 31, "🐘" * 15, "x" * 63, '"' * 63, "\n" * 63, "\\" * 63, "|" * 63,
    "e\u0301", "İ", "ß", "０", "end", "class", "style", "click", "x_fkey", "temp", "app_user",
)  # fmt: skip
NAMES = st.sampled_from(SPELLINGS) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20
)


def ident(*names: str) -> str:
    return sql.Identifier(*names).as_string(None)


def literal(text: str) -> str:
    return sql.Literal(text).as_string(None)


def clipped(text: str, size: int = 63) -> str:
    return text.encode()[:size].decode(errors="ignore")


def free(wanted: str, taken: set[str], noted: set[str] | None = None) -> str:
    """Return `wanted`, numbered where it is taken, and note it as taken."""
    found, n = wanted, 1
    while found in taken:
        n += 1
        found = clipped(wanted, 60) + str(n)
    (taken if noted is None else noted).add(found)
    return found
