"""The quickstarts: each page's commands are run on a copy of its example, and what it shows is compared."""

import shutil
from pathlib import Path

import pytest

from tests.fix_pages import BLOCK, DOCS, file_of, fits, run
from validate_schema.migrations.run.surroundings import environment
from validate_schema.scratch import Database

STACKS = Path(__file__).parents[2] / "examples/stacks"
MOST = 8  # commands from nothing to the proof
# By stack: what its migrations need to run at all, and the SQL files that a database has before the page begins.
NEEDS = {"alembic": "alembic", "django": "django", "prisma": "", "rails": "", "supabase": ""}
DEPLOYED = {"prisma": "prisma/migrations/*/migration.sql", "rails": "db/structure.sql"}


def deploy(database: Database, folder: Path, stack: str) -> None:
    if stack not in DEPLOYED:
        return
    with database.connect(autocommit=True) as connection:
        connection.execute("create role desk_app")
        for file in sorted(folder.glob(DEPLOYED[stack])):
            connection.execute(file.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("stack", NEEDS)
def test_the_page_leads_from_nothing_to_the_proof(stack: str, database: Database, tmp_path: Path) -> None:
    if NEEDS[stack]:
        pytest.importorskip(NEEDS[stack])
    if stack in DEPLOYED and shutil.which("psql") is None:
        pytest.skip("psql is not here, by which the page does what the tool would")
    folder = shutil.copytree(STACKS / stack, tmp_path / stack)
    deploy(database, folder, stack)
    (tmp_path / "settings").mkdir()
    url = environment(database.parameters, folder, tmp_path / "settings")["DATABASE_URL"]
    steps = BLOCK.findall((DOCS / f"quickstart-{stack}.md").read_text(encoding="utf-8"))
    last, compared = "", 0
    for language, _, body in steps:
        if language == "sh":
            last = run(body, folder, DEVELOPMENT_URL=url)
        elif language == "text":
            assert fits(body, last), f"the page shows\n{body}\nand this came:\n{last}"
            compared += 1
        else:
            path, text = file_of(body)
            with (folder / path).open("a", encoding="utf-8") as file:
                file.write(text)
    commands = [line for language, _, body in steps if language == "sh" for line in body.splitlines()]
    assert 6 <= len(commands) <= MOST, commands
    assert compared >= 5
