"""Files that go up beside files that go down, and the marks in their names."""

import re

from .folder import Folder

UP = r"(\d+)_(.*)\.up\.sql"
# With what else may stand in such a name: a dialect, a word on transactions, another language.
MARKED_UP = r"(\d+)_([^.]+)((?:\.[a-z0-9]+)*?)\.up\.(sql|fizz)"
DIALECTS = {"pg", "postgres", "postgresql"}
FOREIGN = {"mysql", "mariadb", "sqlite", "sqlite3", "cockroach", "cockroachdb", "crdb", "mssql", "oracle"}


def of_dialects(folder: Folder) -> bool:
    """Tell whether names carry marks that not every tool of such pairs would understand."""
    found = [m for n in folder.files if (m := re.fullmatch(MARKED_UP, n))]
    marks = {mark for m in found for mark in m[3].split(".") if mark}
    return bool(marks & (DIALECTS | FOREIGN | {"autocommit"})) or any(m[4] == "fizz" for m in found)
