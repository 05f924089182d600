"""Lesser rules: what was left unfinished, and what its name promises."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look

TASK = """
create table project (id uuid primary key, org_id uuid not null references organization (id), unique (org_id, id));
create table task (id uuid primary key, org_id uuid not null references organization (id), {});
"""


@pytest.mark.parametrize(
    ("column", "found"),
    [
        pytest.param("project_id uuid", 1, id="named after it"),
        pytest.param('"projectId" uuid', 1, id="camel case"),
        pytest.param("project_id text", 0, id="of another type"),
        pytest.param("project_id uuid, project_type text", 0, id="of whatever the type says"),
        pytest.param("project_name uuid", 0, id="no key"),
        pytest.param("project_id uuid references project (id)", 0, id="a key"),
        pytest.param("task_id uuid", 0, id="its own name"),
    ],
)
def test_a_column_named_after_a_table_is_a_key_of_it(bench: Bench, column: str, found: int) -> None:
    assert len(look(bench, "FKY010", TASK.format(column)).findings) == found


@pytest.mark.parametrize(
    ("key", "found"),
    [
        pytest.param("foreign key (id) references task (id)", 0, id="itself"),
        pytest.param("foreign key (other) references task (id)", 1, id="another row"),
    ],
)
def test_a_row_that_refers_to_itself_stays_in_its_tenant(bench: Bench, key: str, found: int) -> None:
    assert len(look(bench, "FKY001", TASK.format(f"other uuid, {key}")).findings) == found


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param("grant select on tables to web_anon", ["info"], id="web_anon"),
        pytest.param("grant select on tables to public, web_anon", ["warning"], id="PUBLIC says it all"),
        pytest.param("grant select on tables to canon_writer", [], id="another word"),
        pytest.param("grant execute on functions to web_anon", [], id="no tables"),
    ],
)
def test_future_tables_are_for_those_who_log_in(bench: Bench, made: str, said: list[str]) -> None:
    roles = "create role web_anon; create role canon_writer;"
    found = look(bench, "BYP011", f"{roles} alter default privileges in schema public {made};")

    assert [f.severity.value for f in found.findings] == said


@pytest.mark.parametrize(
    ("state", "found"),
    [
        pytest.param("not valid", 1, id="not valid"),
        pytest.param("not valid; alter table task validate constraint positive", 0, id="validated"),
        pytest.param("", 0, id="from the start"),
    ],
)
def test_a_check_holds_for_old_rows_too(bench: Bench, state: str, found: int) -> None:
    script = TASK.format("n int") + f"alter table task add constraint positive check (n > 0) {state};"

    assert len(look(bench, "TBL009", script).findings) == found
