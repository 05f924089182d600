"""SQL files of no tool, run by psql or a script of the project's own."""

from ..discovery.files import undone_beside
from ..discovery.plain import PLAIN, plain
from ..records import MigrationSet
from ..tool import Layout, Tool
from ..versions import NUMBERS
from ..writing import ONE_BY_ONE, Writing, one_file


def _whole(migrations: MigrationSet) -> str:
    """Say that the only file is all there is: beside one with a number it is no longer looked at."""
    if any(file.path.name.lstrip("Vv")[:1].isdigit() for file in migrations.files):
        return ""
    name = migrations.files[-1].path.name
    return f"{name} is the whole schema, to which no file adds: give --into DIR, the folder of the migrations"


TOOL = Tool(
    PLAIN,
    "plain files",
    rank=17,
    layouts=(Layout(plain, "<n>_<name>.sql", undone_beside),),
    shares=("applied-set",),
    versions=NUMBERS,
    writing=Writing(ONE_BY_ONE, one_file, refuses=_whole),
)
