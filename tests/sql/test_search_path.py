"""The schemas of a search path, as the server keeps it."""

import pytest

from tests.fix_bench import Bench, execute
from validate_schema.sql.settings import own_path, schemas_of

pytestmark = pytest.mark.every_server

NAMES = ("public", "pg_temp", "a, b", 'say "x"', "Upper", "$user")


def test_names_of_any_kind_come_back_as_they_are(bench: Bench) -> None:
    quoted = ", ".join('"{}"'.format(name.replace('"', '""')) for name in NAMES)
    with bench.open() as conn:
        execute(
            conn, f"create function f() returns int language sql set search_path = {quoted} as 'select 1'"
        )
        (settings,) = conn.execute("select proconfig from pg_proc where proname = 'f'").fetchone() or ((),)
    assert schemas_of(own_path(settings) or "") == NAMES


@pytest.mark.parametrize(("path", "names"), [('""', ()), ("", ()), ("Public, b", ("public", "b"))])
def test_what_is_not_quoted_has_no_case_and_an_empty_path_no_schema(
    path: str, names: tuple[str, ...]
) -> None:
    assert schemas_of(path) == names
