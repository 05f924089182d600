"""SQL files of no tool, run by psql or a script of the project's own."""

from ..discovery.files import undone_beside
from ..discovery.plain import PLAIN, plain
from ..tool import Layout, Tool
from ..versions import NUMBERS
from ..writing import ONE_BY_ONE, Writing, one_file

TOOL = Tool(
    PLAIN,
    "plain files",
    rank=17,
    layouts=(Layout(plain, "<n>_<name>.sql", undone_beside),),
    shares=("applied-set",),
    versions=NUMBERS,
    writing=Writing(ONE_BY_ONE, one_file),
)
