"""Large objects know no tenant: who points at them and who may use them is told."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

FILE = (
    "create table file (id uuid primary key, org_id uuid not null references organization (id), content {});"
)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (FILE.format("oid"), ["file.content holds an oid: where it numbers large objects, no policy guards what they hold"]),
        (
            "create domain lo as oid;" + FILE.format("lo"),
            ["file.content holds an oid: where it numbers large objects, no policy guards what they hold"],
        ),
        (
            "select lo_create(4711); grant select on large object 4711 to app_user;",
            ["app_user may use large objects of {owner}, whichever tenant's they are"],
        ),
        ("select lo_create(4711);", []),
        (FILE.format("bytea"), []),
        (FILE.format("regclass"), []),
    ],
    ids=["oid", "a domain", "one that the app may read", "one of the owner alone", "bytea", "regclass"],
)  # fmt: skip
def test_what_large_objects_hold_is_asked_for(bench: Bench, script: str, said: list[str]) -> None:
    toml = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'

    judged = look(bench, "BYP021", script, toml)

    owner = bench.idle.info.user
    assert [f.message for f in judged.findings] == [s.format(owner=owner) for s in said]
    assert judged.result.status == ("undecided" if said else "passed")
