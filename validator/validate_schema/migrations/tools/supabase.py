"""The Supabase CLI. Sources: supabase/cli, pkg/migration/history.go, pkg/parser/token.go."""

import hashlib
import json
import re
from collections.abc import Container, Sequence

from ...catalog.ledgers import Shape
from ...model.catalog import QName
from ...model.history import LedgerEntry, ToolWords
from ...sql import script
from ..discovery import order
from ..discovery.files import matching, whole
from ..discovery.folder import Folder
from ..records import MigrationFile, Mode
from ..rows import Row
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool, recorded_names
from ..writing import TRANSACTION, Writing, one_file

_NAME = r"(\d+)_(.*)\.sql"
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_WORD = re.compile(r"\w+")
_PLAIN = re.compile(r"[^;'\"\-/$()\\\w]+")
_PLATFORM_SINCE = "20211209000000"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``supabase/migrations/<digits>_<name>.sql``, bytewise, each as one pipeline."""
    home = folder.path.resolve()
    if not chosen and (home.name, home.parent.name) != ("migrations", "supabase"):
        return None
    found = matching(folder, _NAME)
    if found and re.fullmatch(r"\d{14}_init\.sql", found[0][0]) and found[0][1] < _PLATFORM_SINCE:
        del found[0]  # the tool skips the platform's own first file of its early projects
    if not found:
        return None
    return Loaded(tuple(whole(folder, m[0], m[1], m[2], _pipeline_mode(folder.text(m[0]))) for m in found))


def _pipeline_mode(text: str) -> Mode:
    """In a pipeline, CREATE INDEX CONCURRENTLY may come first and nowhere else."""
    if "concurrently" not in text.lower():
        return "transaction"
    first = script.pieces(text)[:1]
    return "statements" if first and script.outside_transaction(first[0]) else "transaction"


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """The statements are recorded in full; their digest stands for them."""
    return tuple(
        LedgerEntry(
            version=row["version"] or "",
            name=row.get("name") or "",
            checksum=statements_digest(json.loads(kept)) if (kept := row.get("statements")) else "",
        )
        for row in rows
    )


# Columns that releases of the tool added.
_ADDED = "name:text created_by:text idempotency_key:text rollback:texts"
# The platform's own migrations, which no project has files of, and tables by which the platform is known.
_OWN = {
    ("auth", "schema_migrations"),
    ("storage", "migrations"),
    ("realtime", "schema_migrations"),
    ("supabase_functions", "migrations"),
}
_MARKS = {("auth", "users"), ("storage", "buckets"), ("storage", "objects")}


def _is_platforms(table: QName, tables: Container[QName]) -> bool:
    marks = (*_MARKS, ("supabase_migrations", "schema_migrations"))
    return table in _OWN and any(QName(*mark) in tables for mark in marks)


def statements_digest(statements: Sequence[str]) -> str:
    """Return one text for the array of statements that a ledger keeps in full."""
    return hashlib.sha256(json.dumps(list(statements), ensure_ascii=False).encode()).hexdigest()


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    return (statements_digest(statements(file.sql)),)


def statements(text: str) -> tuple[str, ...]:
    """Return the pieces between semicolons, trimmed, without those that are empty.

    A semicolon in quotes, comments, dollar quotes, parentheses or BEGIN ATOMIC … END does not cut; a
    backslash takes the next character along.
    """
    found, start, at, depth, atomic = [], 0, 0, 0, 0
    previous = ""
    while at < len(text):
        char = text[at]
        if word := _WORD.match(text, at):
            atomic += _nesting(previous, word[0].lower(), atomic)
            previous, at = word[0].lower(), word.end()
            continue
        if char == ";" and depth == 0 and atomic == 0:
            found.append(text[start:at])
            start = at + 1
        depth = max(0, depth + (char == "(") - (char == ")"))
        at = _past(text, at)
    found.append(text[start:])
    return tuple(piece for part in found if (piece := part.strip()))


def _nesting(previous: str, word: str, atomic: int) -> int:
    """Return how `word` changes the depth of BEGIN ATOMIC blocks; CASE inside one has its own END."""
    if (previous, word) == ("begin", "atomic"):
        return 1
    if atomic and word == "case":
        return 1
    return -1 if atomic and word == "end" else 0


def _past(text: str, at: int) -> int:
    """Return where whatever begins at `at`, and is no word, ends."""
    two = text[at : at + 2]
    if text[at] in "'\"":
        return _after(text, text[at], at + 1)
    if two == "--":
        return _after(text, "\n", at)
    if two == "/*":
        return _comment(text, at)
    if tag := _DOLLAR.match(text, at):
        return _after(text, tag[0], tag.end())
    if text[at] == "\\":
        return at + 2
    plain = _PLAIN.match(text, at)
    return plain.end() if plain else at + 1


def _after(text: str, mark: str, start: int) -> int:
    end = text.find(mark, start)
    return len(text) if end < 0 else end + len(mark)


def _comment(text: str, at: int) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", text[at:]):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return at + mark.end()
    return len(text)


TOOL = Tool(
    "supabase",
    "Supabase",
    proves="✓ | ✓ | ✓ | ✓ its statements | –",
    rank=4,
    layouts=(Layout(_load, "<digits>_<name>.sql", places=("supabase/migrations",)),),
    ledgers=(
        LedgerTable(
            Shape("statements:texts version:text!", optional=_ADDED, key="version"), _read, ("version",)
        ),
        LedgerTable(
            Shape(
                "version:text!",
                optional=f"statements:texts {_ADDED}",
                key="version",
                names="^schema_migrations$",
                schemas="supabase_migrations",
            ),
            _read,
            ("version",),
        ),
    ),
    companions=(
        Shape("hash:text! path:text!", key="path", names="^seed_files$", schemas="supabase_migrations"),
    ),
    platforms=_is_platforms,
    names=recorded_names,
    checksum=Checksum(_checksums, line_ends="does not look"),
    writing=Writing(TRANSACTION, one_file, sorts=order.bytewise),
    words=ToolWords(
        apply="supabase db push",
        late="supabase stops at it: give it a later version, or push once with --include-all",
    ),
    platform=True,
)
