"""What a report makes of the proof: who is proven, where reading and trying disagree, names of scripts."""

from msgspec.structs import replace

from tests import fix_report
from tests.fix_world import tenant_table, world
from validate_schema.model.catalog import QName
from validate_schema.model.isolation import AppRole, Cell, Isolation, Outcome, Probe
from validate_schema.model.reading import Analysis, Flow, Judgement, Reach
from validate_schema.report.isolation import isolation_facts
from validate_schema.report.proof_text import render_proof
from validate_schema.report.repro import file_stem, script

INVOICE = QName("public", "invoice")
ROLE = AppRole("app_user", "configured")


def tried(probe: Probe, outcome: Outcome, role: str = "app_user") -> Cell:
    return Cell(role=role, table=INVOICE, probe=probe, outcome=outcome, why="because")


def facts_of(*cells: Cell, roles: tuple[AppRole, ...] = (ROLE,), judgements: tuple[Judgement, ...] = ()):
    proof = Isolation(attempted=True, roles=roles, tables=(INVOICE,), cells=cells)
    return replace(world(tenant_table()), isolation=proof, analysis=Analysis(judgements))


def judged(command: str, half: str, reach: Reach, flow: Flow | None = None) -> Judgement:
    return Judgement(INVOICE, "app_user", command, half, reach, "so it reads", flow=flow)


def test_a_table_is_proven_when_every_probe_as_every_role_held() -> None:
    held = (tried(Probe.READ, Outcome.ISOLATED), tried(Probe.DELETE, Outcome.DENIED))
    other = AppRole("other", "configured")

    assert isolation_facts(facts_of(*held)).proven == ("invoice",)
    assert isolation_facts(facts_of(*held, roles=(ROLE, other))).proven == ()
    for outcome in (Outcome.LEAK, Outcome.INCONCLUSIVE):
        assert isolation_facts(facts_of(*held, tried(Probe.UPDATE, outcome))).proven == ()
    assert isolation_facts(facts_of()).proven == ()


def test_what_reads_as_safe_and_leaks_is_a_disagreement() -> None:
    safe = judged("SELECT", "using", Reach.SAFE)
    facts = facts_of(tried(Probe.READ, Outcome.LEAK), judgements=(safe,))

    (found,) = isolation_facts(facts).disagreements
    assert (found.table, found.probe, found.static, found.proven) == ("invoice", "read", "safe", "leak")


def test_what_reads_as_unsafe_and_holds_is_one_unless_the_reads_explain_it() -> None:
    opened = judged("UPDATE", "using", Reach.UNSAFE, Flow.WRITE)
    cell = tried(Probe.UPDATE, Outcome.ISOLATED)
    hidden = judged("SELECT", "using", Reach.SAFE)

    assert len(isolation_facts(facts_of(cell, judgements=(opened,))).disagreements) == 1
    assert isolation_facts(facts_of(cell, judgements=(opened, hidden))).disagreements == ()


def test_scripts_have_names_that_every_file_system_takes_and_headings_that_stay_comments() -> None:
    isolation = fix_report.hostile().isolation
    for cell in isolation.cells:
        stem = file_stem(cell)
        assert stem.replace("-", "").replace("_", "").isalnum()
        assert stem.isascii()
        assert len(stem) < 180
        heading = script(cell, isolation).split("\n\n", 1)[0]
        assert all(line.startswith("-- ") for line in heading.split("\n"))


def test_the_matrix_on_a_terminal_has_a_sign_for_each_outcome() -> None:
    lines = render_proof(fix_report.tried()).splitlines()

    assert (
        "table    read  insert  update  delete  re-home  no context  references  effects  own rows" in lines
    )
    assert "Comment  ◦     ?       ◦       ◦       ◦        ◦           –           –        ◦" in lines
    assert "Task     ✗     ✓       ✓       ✓       ✓        ✓           ✗ LEAK      –        ✓" in lines


def test_statements_that_make_rows_stand_once_and_scripts_are_whole() -> None:
    done = ("set local session authorization app_user", "select * from invoice", "rollback")
    rows = ("begin", "insert into invoice values (1)")
    leaks = [
        Cell(
            role="app_user", table=INVOICE, probe=probe, outcome=Outcome.LEAK, why="", statements=rows + done
        )
        for probe in (Probe.READ, Probe.DELETE)
    ]
    held = Cell(
        role="app_user",
        table=INVOICE,
        probe=Probe.INSERT,
        outcome=Outcome.ISOLATED,
        why="",
        statements=rows + done,
    )

    isolation = isolation_facts(facts_of(*leaks, held))

    assert isolation.setup == rows
    assert {c.probe: isolation.script(c) for c in isolation.cells} == {
        "read": rows + done,
        "insert": done,
        "delete": rows + done,
    }
