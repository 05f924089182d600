"""umzug. Sources: sequelize/umzug, src/umzug.ts and src/storage/sequelize.ts.

Where it keeps its ledger is the project's choice; with Sequelize it is Sequelize's.
"""

from ...model.history import ToolWords
from ..discovery.scripts import scripted
from ..tool import Tool
from ..versions import NAMES

TOOL = Tool(
    "umzug",
    "umzug",
    proves="✓ | ✓ | as missing and pending | – | –",
    rank=37,
    layouts=(scripted(rb"\bumzug\b", "<n>-<name>.js"),),
    shares=("sequelize",),
    versions=NAMES,
    words=ToolWords(),
)
