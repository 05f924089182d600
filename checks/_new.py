"""`make new-check ID=UNQ006 NAME=short-name`: add a stub to the family's main module, that of its first check.

The stub's texts are TODOs that the contract test refuses, so that none is forgotten.
"""

import re
import sys
from pathlib import Path

_STUB = '''

@check(
    "{id}",
    "TODO title",
    subjects=user_tables,
    severity=Severity.WARNING,
    why="TODO the harm in one sentence.",
    bad="TODO SQL that fails",
    good="TODO SQL that passes",
)
def {function}(table: catalog.Table, facts: Facts) -> Flaw | None:
    """TODO: what is wrong, in one sentence.

    TODO: what is examined, when it fails, what is not covered.
    """
    return None
'''


def main(arguments: list[str]) -> str:
    """Append the stub and return what to do next; a message when the arguments are wrong."""
    if len(arguments) != 2 or not (arguments[0][:3].isalpha() and arguments[0][3:].isdigit()):
        return "usage: make new-check ID=UNQ006 NAME=short-name"
    id, name = arguments[0].upper(), arguments[1]
    here = Path(__file__).parent
    modules = {p: p.read_text(encoding="utf-8") for p in sorted(here.glob("[!_]*.py"))}
    if any(f'"{id}"' in text for text in modules.values()):
        return f"{id} exists"
    numbered = [(first[0], p) for p, text in modules.items() if (first := re.search(rf'"{id[:3]}\d+"', text))]
    if not numbered:
        return f"no module holds family {id[:3]}: add checks/<family>.py with its first check"
    _, home = min(numbered)
    with home.open("a", encoding="utf-8") as module:
        module.write(_STUB.format(id=id, function=name.replace("-", "_")))
    return f"added {id} to checks/{home.name}: now its texts, examples and judge"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
