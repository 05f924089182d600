"""sqitch's plan: which scripts it deploys, in which order."""

import re

from ...model.errors import MigrationError
from .folder import Folder
from .layouts import Loaded, whole

_SQITCH_LINE = re.compile(r"(@?)([^\s\[@#%][^\s\[@]*)\s.*\d{4}-\d{2}-\d{2}T")


def sqitch(folder: Folder, chosen: bool) -> Loaded | None:
    """The plan's order; psql runs each deploy script, without a transaction of its own."""
    if "sqitch.plan" not in folder.files:
        return None
    top = folder.path
    if "sqitch.conf" in folder.files and (
        m := re.search(r"^\s*top_dir\s*=\s*(\S+)", folder.text("sqitch.conf"), re.MULTILINE)
    ):
        top = folder.path / m[1]
    entries = [m for line in folder.text("sqitch.plan").splitlines() if (m := _SQITCH_LINE.match(line))]
    files = []
    for index, m in enumerate(entries):
        if m[1]:
            continue
        deployed = _deploy_name(entries, index)
        path = top / "deploy" / f"{deployed}.sql"
        files.append(whole(folder, path, deployed, m[2], "statements"))
    if not files and chosen:
        raise MigrationError(f"{folder.path / 'sqitch.plan'}: plans no change")
    return Loaded(tuple(files), territory=top / "deploy")


def _deploy_name(entries: list[re.Match[str]], index: int) -> str:
    """Return the script of a planned change: a reworked one keeps its old form under the next tag."""
    name, tag = entries[index][2], ""
    for later in entries[index + 1 :]:
        if later[1] and not tag:
            tag = later[2]
        elif not later[1] and later[2] == name:
            return f"{name}@{tag}" if tag else name
    return name
