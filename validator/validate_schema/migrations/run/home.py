"""A replay made as if its database's schema were another one than public."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...model.catalog import Extension
from ...sql.ident import quote_ident
from ..records import MigrationSet

if TYPE_CHECKING:
    import psycopg

_REPLAYED_INTO = "public"
_NAMES_IT = re.compile(r'\bpublic"?\s*\.|\bsearch_path\b[^;]*\bpublic\b', re.IGNORECASE)
_HELD = """
select exists (select from pg_catalog.pg_namespace where nspname = %(home)s),
    exists (select from pg_catalog.pg_depend where deptype = 'n'
        and refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
        and refobjid = (select oid from pg_catalog.pg_namespace where nspname = %(replayed)s))
"""


def move_home(
    connection: "psycopg.Connection[Any]", home: str, migrations: MigrationSet, there: Iterable[Extension]
) -> str:
    """Rename the schema that a replay ran in to `home`, on the throwaway database of `connection`.

    A schema keeps what is in it when it is renamed, and what refers to it goes along: names are stored by
    identity (https://www.postgresql.org/docs/current/sql-alterschema.html), but for the text of function
    bodies. Returns "" when the replay now lies where files that name no schema would have put it, otherwise
    why it does not, as a sentence: a file names public itself, makes `home` beside it, or an extension is
    in another schema on the other side (`there`).
    """
    if home == _REPLAYED_INTO:
        return ""
    row = connection.execute(_HELD, {"home": home, "replayed": _REPLAYED_INTO}).fetchone()
    made, filled = row or (False, False)
    if made and not filled:
        return ""
    ran = f"the migrations ran in {_REPLAYED_INTO}, the database's schema is {home}, and"
    if made:
        return f"{ran} they make both"
    for file in migrations.files:
        if _NAMES_IT.search(file.sql):
            return f"{ran} {migrations.label(file.path)} names {_REPLAYED_INTO}"
    elsewhere = {e.name: e.schema for e in there if e.schema != home}
    found = connection.execute(
        "select extname from pg_catalog.pg_extension"
        " where extnamespace = (select oid from pg_catalog.pg_namespace where nspname = %s) order by extname",
        [_REPLAYED_INTO],
    )
    for (name,) in found:
        if name in elsewhere:
            return f"{ran} the extension {name} is in {elsewhere[name]}"
    connection.execute(f"alter schema {_REPLAYED_INTO} rename to {quote_ident(home)}".encode())
    return ""
