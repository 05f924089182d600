"""How migrations that are programs are run: the command that their project has for it, by the files that it
shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..tool import Tool

_HIGHEST = 5  # folders above the migrations


class Proposal(NamedTuple):
    """A command for ``[migrations] command``, and the folder in which it is run; None where no file told
    which."""

    command: str
    home: Path | None


def proposal(folder: Path, tool: Tool) -> Proposal | None:
    """Return how the programs of `tool` in `folder` are run, as far as its project or the tool itself
    says."""
    for home in _upwards(folder):
        for pattern, command in tool.runs:
            if next(home.glob(pattern), None) is not None:
                return Proposal(command, home)
    return Proposal(tool.words.apply, None) if tool.words.apply else None


def _upwards(folder: Path) -> Iterator[Path]:
    """Yield the folder and those above it, to the root of a repository at most."""
    here = folder.resolve()
    for place in (here, *here.parents)[:_HIGHEST]:
        yield place
        if (place / ".git").exists():
            return


def what_runs(tool: Tool | None, folder: Path) -> str:
    """Say of programs in `folder`, of `tool` or of one that is not known, what can be done with them."""
    found = proposal(folder, tool) if tool and any(layout.programs for layout in tool.layouts) else None
    title = tool.title if tool else "a JavaScript tool"
    dump = "pg_dump --schema-only of a migrated database"
    sql = tool.sources.command if tool and tool.sources else dump
    command = f'command = "{found.command}"' if found else ""
    if found:
        run = f"say how they are run, {command} in [migrations], or "
    else:
        run = "" if tool else "name it in [migrations] (tool = …) and say how they are run (command = …), or "
    return (
        f"these are migrations of {title}, which are programs; {run}give their SQL as a file ({sql}) or the"
        " URL of a migrated database"
    )
