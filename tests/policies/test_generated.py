"""Random policies: what the analysis says, what a real role can do, and what the proof finds agree."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.fix_field import Field, Held, open_field
from tests.fix_grammar import Batch, batches
from tests.fix_profiles import in_batches
from tests.fix_server import Opener
from validate_schema.evidence.isolation import prove
from validate_schema.facts.facts import Facts
from validate_schema.model.isolation import Isolation, Outcome, Probe
from validate_schema.model.reading import Judgement, Reach

TABLES = 8
BATCHES = (1, 200)  # by default, at night
TIGHT = (Reach.SAFE, Reach.CLOSED)
PROBES = {
    "SELECT": (Probe.READ,),
    "INSERT": (Probe.INSERT,),
    "DELETE": (Probe.DELETE,),
    "UPDATE": (Probe.UPDATE, Probe.REHOME),
}
LEAST_PROVEN = 0.97
ENOUGH = 200  # unsafe verdicts, for a share of them to mean something
NOT_MET = {  # words of a policy whose open branch the made-up rows need not meet, and why
    "opaque_tenant": "a function that cannot be read may compare with anything",
}
Outcomes = dict[str, dict[Probe, set[Outcome]]]


@pytest.fixture(scope="module", params=["text", "uuid", "bigint"])
def field(request: pytest.FixtureRequest, server_of: Opener) -> Iterator[Field]:
    """Nullable keys of each type."""
    with open_field(server_of, request.param) as field:
        yield field


def judged(batch: Batch, facts: Facts) -> dict[tuple[str, str], list[Judgement]]:
    """Return the verdicts on the tables of the batch, by table and command."""
    found = defaultdict(list)
    for said in facts.analysis.judgements:
        if said.table.name not in ("organization", "parent"):
            found[said.table.name, said.command].append(said)
    return found


def of_proof(proof: Isolation) -> Outcomes:
    """Return the outcomes of each table's probes, as whatever role."""
    found: Outcomes = defaultdict(lambda: defaultdict(set))
    for cell in proof.cells:
        found[cell.table.name][cell.probe].add(cell.outcome)
    return found


def told(batch: Batch, said: Judgement) -> str:
    """Return what is needed to see a disagreement."""
    sown = batch.tables[int(said.table.name.rpartition("_")[2])]
    policies = [p.create(f"p{n}", said.table.name) for n, p in enumerate(sown.policies)]
    policies += [p.create(f"r{n}", "organization") for n, p in enumerate(batch.root)]
    policies += [p.create(f"r{n}", "parent") for n, p in enumerate(batch.parent)]
    return "\n".join(
        [f"{said.command} {said.half} is {said.reach}: {said.reason} [{said.branch}]", *policies]
    )


def disagreements(
    batch: Batch, facts: Facts, held: set[Held], proof: Isolation, seen: Counter[str]
) -> list[str]:
    """Return each verdict that the server or the proof contradicts."""
    outcomes = of_proof(proof)
    reached = {(h.table, h.command) for h in held if h.owner != "failed"}
    failed = {(h.table, h.command) for h in held if h.owner == "failed"}
    found = []
    for (table, command), verdicts in judged(batch, facts).items():
        tight = all(v.reach in TIGHT for v in verdicts)
        probed = {o for probe in PROBES[command] for o in outcomes[table][probe]}
        if tight and ((table, command) in reached or Outcome.LEAK in probed):
            found.append(told(batch, verdicts[0]))
        if command == "UPDATE":
            continue
        opaque = "opaque" in batch.tables[int(table.rpartition("_")[2])].text
        seen["opaque" if opaque else verdicts[0].reach.value] += 1
        if verdicts[0].reach is Reach.UNSAFE:
            shown = _shown(outcomes[table], command)
            excused = any(excuse in told(batch, verdicts[0]) for excuse in NOT_MET)
            seen["proven" if shown else "missed by the proof"] += 1
            if not (shown or excused):
                found.append("not proven: " + told(batch, verdicts[0]))
            if (table, command) not in reached | failed:
                found.append(told(batch, verdicts[0]))
    every = [v for verdicts in judged(batch, facts).values() for v in verdicts]
    for table, probes in outcomes.items():
        of_table = [v for v in every if v.table.name == table]
        if of_table and all(v.reach in TIGHT for v in of_table) and Outcome.LEAK in probes[Probe.NO_CONTEXT]:
            found.append("without a context: " + told(batch, of_table[0]))
    return found


def _shown(probes: dict[Probe, set[Outcome]], command: str) -> bool:
    """Tell whether the proof found the leak, or says that it could not look."""
    asked = (*PROBES[command], Probe.NO_CONTEXT, Probe.REHOME)
    return bool({Outcome.LEAK, Outcome.INCONCLUSIVE} & {o for probe in asked for o in probes[probe]})


@pytest.mark.no_cover
@pytest.mark.slow
def test_analysis_server_and_proof_agree_on_random_policies(field: Field) -> None:
    seen: Counter[str] = Counter()
    texts: set[str] = set()

    @in_batches(*BATCHES)
    @given(batches(field.kind, TABLES))
    def agree(batch: Batch) -> None:
        written = [p.create("p", sown.shape) for sown in batch.tables for p in sown.policies]
        texts.update(written)
        seen["policies"] += len(written)
        with field.sown(batch) as facts:
            proof = prove(field.empty, facts)
            found = disagreements(batch, facts, field.look(batch), proof, seen)
            assert not found, "\n\n".join(found)

    agree()
    readable = sum(seen[reach.value] for reach in Reach)
    share = seen["unverified"] / readable
    proven = seen["proven"] / max(1, seen["proven"] + seen["missed by the proof"])
    sys.stdout.write(
        f"\n{field.kind}: {seen['policies']} policies ({len(texts)} different), {readable} verdicts without opaque functions: "
        + ", ".join(f"{seen[reach.value]} {reach.value}" for reach in Reach)
        + f" ({share:.1%} unverified); the proof shows {proven:.1%} of the unsafe\n"
    )
    assert share < 0.1
    # Each miss that is not excused failed above; the excused ones of a single table are a large share of few.
    assert proven >= LEAST_PROVEN or seen["proven"] < ENOUGH
