"""The policies read again, given what the proof showed of functions that reading left open."""

from collections.abc import Iterable

from msgspec.structs import replace

from ..facts.facts import Facts
from ..model.catalog import Catalog, Function, QName
from ..model.isolation import Tested
from ..model.reading import Judgement, Reach
from ..policies import analyse
from ..sql.settings import read_as_text


def with_tested(facts: Facts) -> Facts:
    """Return the facts with each judgement that a function had left open and that is safe once it is known
    to say yes to the session's tenant alone: it is called tested."""
    tested = facts.isolation.tested
    if not tested or not any(j.reach is Reach.UNVERIFIED for j in facts.analysis.judgements):
        return facts
    read = analyse(_standing_in(facts.catalog, tested, facts.tenancy.setting or ""), facts.tenancy)
    known = {_half(j): j for j in read.judgements}
    names = ", ".join(sorted(facts.show(t.function) for t in tested))
    judgements = tuple(_settled(j, known.get(_half(j)), names) for j in facts.analysis.judgements)
    return replace(facts, analysis=replace(facts.analysis, judgements=judgements))


def _half(judgement: Judgement) -> tuple[QName, str, str, str]:
    return judgement.table, judgement.role, judgement.command, judgement.half


def _settled(judgement: Judgement, again: Judgement | None, names: str) -> Judgement:
    if judgement.reach is not Reach.UNVERIFIED or again is None:
        return judgement
    if again.reach not in (Reach.SAFE, Reach.CLOSED):
        return judgement
    reason = f"every branch binds the tenant; tested with the keys of a thousand tenants: {names}"
    return replace(judgement, reach=Reach.TESTED, reason=reason)


def _standing_in(catalog: Catalog, tested: Iterable[Tested], setting: str) -> Catalog:
    """Return the catalog with the text of what each tested function comes to."""
    found = {t.function: t for t in tested}
    functions = tuple(
        _stand_in(f, found[name], setting) if (name := _name(f)) in found else f for f in catalog.functions
    )
    return replace(catalog, functions=functions)


def _stand_in(function: Function, tested: Tested, setting: str) -> Function:
    read = f"{read_as_text(setting)}::{tested.type}"
    body = f"select ${tested.place} = {read}" if tested.place else f"select {read}"
    return replace(function, language="sql", body=body, touches=(), volatility="stable", strict=False)


def _name(function: Function) -> QName:
    return QName(function.schema, f"{function.name}({function.arguments})")
