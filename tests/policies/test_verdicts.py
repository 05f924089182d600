"""Policies that people write, good and bad: what is said of them is what a real role can do."""

import pytest

from tests.fix_examples import facts_of
from tests.fix_oracle import Oracle
from validate_schema import policies as rls
from validate_schema.model.reading import Flow, Judgement, Reach

CONTEXT = "current_setting('app.tenant_id', true)"
BOUND = f"org_id = {CONTEXT}"
TO_ALL = "create policy p on item using ({})"


def select_of(oracle: Oracle, *statements: str, command: str = "SELECT", half: str = "using") -> Judgement:
    """Return the judgement, after the server confirmed that it is true."""
    with oracle.policies(*statements):
        facts = facts_of(oracle.admin)
        found = rls.analyse(facts.catalog, facts.tenancy).judgements
        seen = oracle.look(roles=("app_user", "auditor"))
    said = next(j for j in found if (j.table.name, j.command, j.half) == ("item", command, half))
    leaks = seen.reads_leak if command == "SELECT" else seen.writes_leak
    if said.reach is not Reach.UNVERIFIED:
        assert leaks == (said.reach is Reach.UNSAFE), said
    return said


@pytest.mark.parametrize(
    "using",
    [
        BOUND,
        f"(select {CONTEXT}) = org_id",
        f"org_id = nullif({CONTEXT}, '')",
        f"org_id::varchar = {CONTEXT}",
        f"org_id in ({CONTEXT})",
        f"org_id = any (array[{CONTEXT}])",
        f"org_id is not distinct from nullif({CONTEXT}, '')",
        f"not (org_id <> {CONTEXT})",
        f"(org_id, is_public) = ({CONTEXT}, true)",
        f"{BOUND} and (owner_id = current_setting('app.user_id', true) or is_public)",
        f"case when is_public then {BOUND} else false end",
        f"coalesce({BOUND}, false)",
        f"org_id in (select o.id from organization o where o.id = {CONTEXT})",
        f"exists (select from organization o where o.id = item.org_id and o.id = {CONTEXT})",
        f"org_id in (select p.org_id from parent p where p.org_id = {CONTEXT})",
        f"org_id = (select o.id from organization o where o.id = {CONTEXT})",
        f"{BOUND} and level between 1 and 3",
        f"{BOUND} or (is_public and not is_public)",
        "false",
    ],
)
def test_a_policy_that_binds_the_tenant_is_safe(oracle: Oracle, using: str) -> None:
    assert select_of(oracle, TO_ALL.format(using)).reach is Reach.SAFE


@pytest.mark.parametrize(
    ("using", "branch", "flow"),
    [
        ("true", "true", Flow.READ),
        (f"{BOUND} or true", "true", Flow.READ),
        (f"{BOUND} or 1 = 1", "1 = 1", Flow.READ),
        (f"{BOUND} or is_public", "is_public", Flow.READ),
        (f"{BOUND} or org_id is not null", "org_id IS NOT NULL", Flow.READ),
        (f"status = 'open' and ({BOUND} or level > 3)", "status = 'open'::text AND level > 3", Flow.READ),
        ("org_id = org_id", "org_id = org_id", Flow.READ),
        ("org_id = 'special'", "org_id = 'special'::text", Flow.READ),
        (f"{BOUND} or current_setting('app.is_admin', true) = 'on'", "current_setting('app.is_admin'::text, true) = 'on'::text", Flow.READ),
        ("org_id = current_setting('app.org', true)", "org_id = current_setting('app.org'::text, true)", Flow.READ),
        (f"org_id <> {CONTEXT}", f"org_id <> {CONTEXT.replace(chr(39) + ',', chr(39) + '::text,')}", Flow.READ),
        (f"other_id = {CONTEXT}", f"other_id = {CONTEXT.replace(chr(39) + ',', chr(39) + '::text,')}", Flow.READ),
        (f"{BOUND} or {CONTEXT} is null", f"{CONTEXT.replace(chr(39) + ',', chr(39) + '::text,')} IS NULL", Flow.FAIL_OPEN),
        (f"{BOUND} or {CONTEXT} = ''", f"{CONTEXT.replace(chr(39) + ',', chr(39) + '::text,')} = ''::text", Flow.FAIL_OPEN),
    ],
)  # fmt: skip
def test_an_open_branch_is_unsafe_and_named(oracle: Oracle, using: str, branch: str, flow: Flow) -> None:
    said = select_of(oracle, TO_ALL.format(using))
    assert (said.reach, said.policy, said.branch, said.flow) == (Reach.UNSAFE, "p", branch, flow)


@pytest.mark.parametrize(
    ("using", "flow"),
    [
        (f"coalesce({CONTEXT}, org_id) = org_id", Flow.FAIL_OPEN),
        (f"org_id = coalesce({CONTEXT}, 'special')", Flow.FAIL_OPEN),
        (f"case when is_public then true else {BOUND} end", Flow.READ),
        (f"org_id like {CONTEXT} || '%'", Flow.READ),
        (f"left(org_id, 4) = left({CONTEXT}, 4)", Flow.READ),
        (f"exists (select from organization o where o.id = {CONTEXT})", Flow.READ),
        (f"exists (select from parent p where p.org_id = {CONTEXT} and p.id = p.id)", Flow.READ),
        (f"not ({BOUND})", Flow.READ),
        (
            "org_id in (select o.id from organization o where o.id = current_setting('app.org', true))",
            Flow.READ,
        ),
        (f"org_id is distinct from {CONTEXT}", Flow.READ),
    ],
)
def test_a_way_around_the_tenant_is_unsafe(oracle: Oracle, using: str, flow: Flow) -> None:
    said = select_of(oracle, TO_ALL.format(using))
    assert (said.reach, said.policy, said.flow) == (Reach.UNSAFE, "p", flow)


def test_a_second_permissive_policy_opens_what_the_first_closes(oracle: Oracle) -> None:
    said = select_of(oracle, TO_ALL.format(BOUND), "create policy q on item for select using (is_public)")
    assert (said.reach, said.policy, said.branch) == (Reach.UNSAFE, "q", "is_public")


def test_a_restrictive_floor_makes_an_open_policy_safe(oracle: Oracle) -> None:
    floor = f"create policy floor on item as restrictive using ({BOUND})"
    assert select_of(oracle, TO_ALL.format("true"), floor).reach is Reach.SAFE


@pytest.mark.parametrize(
    "floor",
    [
        "set_config('app.tenant_id', org_id::text, true) is not null",
        "shout(org_id::text)",
    ],
)
def test_a_floor_that_does_more_than_answer_spoils_what_stands_on_it(oracle: Oracle, floor: str) -> None:
    shout = "create or replace function shout(t text) returns boolean language sql as $$ select pg_notify('all', t) is not null $$"
    restrictive = f"create policy floor on item as restrictive using ({floor})"

    said = select_of(oracle, shout, TO_ALL.format(BOUND), restrictive)

    assert (said.reach, said.policy) == (Reach.UNVERIFIED, "floor")


def test_a_policy_for_a_role_that_the_app_can_become_counts(oracle: Oracle) -> None:
    said = select_of(oracle, TO_ALL.format(BOUND), "create policy q on item to auditor using (true)")
    assert (said.reach, said.policy) == (Reach.UNSAFE, "q")
    assert said.reason.startswith("after SET ROLE auditor")


def test_a_policy_for_a_role_out_of_reach_lets_nobody_in(oracle: Oracle) -> None:
    said = select_of(oracle, "create policy q on item to clerk using (true)")
    assert said.reach is Reach.CLOSED


@pytest.mark.parametrize(
    ("statement", "reach"),
    [
        (f"create policy p on item using ({BOUND})", Reach.SAFE),
        (f"create policy p on item using ({BOUND}) with check (true)", Reach.UNSAFE),
        ("create policy p on item for insert with check (true)", Reach.UNSAFE),
        (f"create policy p on item using ({BOUND}) with check (status = 'open')", Reach.UNSAFE),
        (f"create policy p on item for select using ({BOUND})", Reach.CLOSED),
    ],
)
def test_writes_are_judged_by_the_check_or_else_by_using(
    oracle: Oracle, statement: str, reach: Reach
) -> None:
    assert select_of(oracle, statement, command="INSERT", half="check").reach is reach


@pytest.mark.parametrize(
    ("body", "reach"),
    [
        (f"language sql stable as $$ select {CONTEXT} $$", Reach.SAFE),
        (f"language sql stable return {CONTEXT}", Reach.SAFE),
        (f"language plpgsql stable as $$ begin return {CONTEXT}; end $$", Reach.SAFE),
        (f"language sql stable as $$ select coalesce({CONTEXT}, 'special') $$", Reach.UNSAFE),
        (
            f"language plpgsql stable as $$ declare x text; begin x := {CONTEXT}; return x; end $$",
            Reach.SAFE,
        ),
    ],
)
def test_a_helper_is_read_or_named(oracle: Oracle, body: str, reach: Reach) -> None:
    oracle.admin.execute(f"create function my_tenant() returns text {body}")
    try:
        said = select_of(oracle, TO_ALL.format("org_id = my_tenant()"))
    finally:
        oracle.admin.execute("drop function my_tenant()")
    assert said.reach is reach
    assert (reach is Reach.UNVERIFIED) == ("my_tenant()" in said.reason)


OF_OWN = f"select o.id from organization o where o.id = {CONTEXT}"
GIVES = (
    "create function gives() returns trigger language plpgsql as $$ {} $$",
    "create trigger gives before insert on item for each row {} execute function gives()",
)


@pytest.mark.parametrize(
    ("body", "when", "reach"),
    [
        (f"begin new.org_id := ({OF_OWN}); return new; end", "", Reach.UNVERIFIED),
        (f"begin new.level := 1; new.org_id := ({OF_OWN}); return new; end", "", Reach.UNVERIFIED),
        (f"begin new.org_id := coalesce(new.org_id, ({OF_OWN})); return new; end", "", Reach.UNSAFE),
        (f"begin if new.org_id is null then new.org_id := ({OF_OWN}); end if; return new; end", "", Reach.UNSAFE),
        (f"begin new.org_id := ({OF_OWN}); return new; end", "when (new.level > 1)", Reach.UNSAFE),
        (f"begin if new.level > 1 then return new; end if; new.org_id := ({OF_OWN}); return new; end", "", Reach.UNSAFE),
        (f"begin new.org_id := ({OF_OWN}); raise 'x'; exception when others then return new; end", "", Reach.UNSAFE),
        (f"begin new.other_id := ({OF_OWN}); return new; end", "", Reach.UNSAFE),
    ],
)  # fmt: skip
def test_an_open_check_is_undecided_where_a_trigger_gives_every_row_its_tenant(
    oracle: Oracle, body: str, when: str, reach: Reach
) -> None:
    for_insert = "create policy w on item for insert with check (org_id is not null)"
    try:
        said = select_of(
            oracle, for_insert, *(text.format(part) for text, part in zip(GIVES, (body, when), strict=True)),
            command="INSERT", half="check",
        )  # fmt: skip
    finally:
        oracle.admin.execute("drop function gives cascade")
    assert said.reach is reach
    assert ("trigger gives" in said.reason) == (reach is Reach.UNVERIFIED)


def test_an_open_check_of_updates_is_not_excused_by_a_trigger_on_inserts(oracle: Oracle) -> None:
    body = f"begin new.org_id := ({OF_OWN}); return new; end"
    trigger = [text.format(part) for text, part in zip(GIVES, (body, ""), strict=True)]
    open_ = f"create policy w on item using ({BOUND}) with check (true)"
    try:
        with oracle.policies(*trigger, open_), oracle.admin.transaction(force_rollback=True):
            facts = facts_of(oracle.admin)
            found = rls.analyse(facts.catalog, facts.tenancy).judgements
            own, other, _ = oracle.keys
            oracle.admin.execute("set local role app_user")
            oracle.admin.execute(f"set local app.tenant_id = '{own}'")
            given_away = oracle.admin.execute("update item set org_id = %s", (other,)).rowcount
    finally:
        oracle.admin.execute("drop function gives cascade")
    checks = {j.command: j.reach for j in found if j.table.name == "item" and j.half == "check"}
    assert checks == {"INSERT": Reach.UNVERIFIED, "UPDATE": Reach.UNSAFE}
    assert given_away > 0


def test_tables_that_are_alike_but_for_a_trigger_are_judged_apart(oracle: Oracle) -> None:
    body = f"begin new.org_id := ({OF_OWN}); return new; end"
    create, fire = (text.format(part) for text, part in zip(GIVES, (body, ""), strict=True))
    twin = (
        "create table item_too (like item); grant insert on item_too to app_user; "
        "alter table item_too add foreign key (org_id) references organization; "
        "alter table item_too enable row level security; create policy w on item_too for insert with check (true)"
    )
    try:
        with oracle.policies("create policy w on item for insert with check (true)", twin, create, fire):
            facts = facts_of(oracle.admin)
            found = rls.analyse(facts.catalog, facts.tenancy).judgements
    finally:
        oracle.admin.execute("drop function gives cascade; drop table item_too")
    inserts = {
        j.table.name: j.reach for j in found if j.command == "INSERT" and j.table.name.startswith("item")
    }
    assert inserts == {"item": Reach.UNVERIFIED, "item_too": Reach.UNSAFE}


SET = f"nullif({CONTEXT}, '')"
IN_CONTEXT = f"org_id = {SET}"


@pytest.mark.parametrize(
    ("using", "reach"),
    [
        (IN_CONTEXT, Reach.SAFE),
        (f"{IN_CONTEXT} or org_id is null", Reach.SAFE),
        (f"{IN_CONTEXT} or (is_public and {SET} is null)", Reach.UNSAFE),
        (f"coalesce({IN_CONTEXT}, is_public)", Reach.UNSAFE),
    ],
)
def test_an_update_that_finds_no_row_without_a_context_writes_none(
    oracle: Oracle, using: str, reach: Reach
) -> None:
    """WITH CHECK holds without a context: that matters where USING lets a row through then."""
    sees = "create policy r on item for select using (true)"
    update = f"create policy w on item for update using ({using}) with check (coalesce({IN_CONTEXT}, true))"
    with oracle.policies(sees, update), oracle.admin.transaction(force_rollback=True):
        facts = facts_of(oracle.admin)
        found = rls.analyse(facts.catalog, facts.tenancy).judgements
        oracle.admin.execute("set local role app_user")
        changed = oracle.admin.execute("update item set org_id = %s", (oracle.keys[1],)).rowcount
    said = next(j for j in found if (j.table.name, j.command, j.half) == ("item", "UPDATE", "check"))
    assert said.reach is reach
    assert (changed > 0) == (reach is Reach.UNSAFE)
