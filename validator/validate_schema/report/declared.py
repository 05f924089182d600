"""What the checks of a report were declared with: ours in this version, those of packs in the report."""

from collections.abc import Iterable, Mapping
from functools import cache, cached_property

from msgspec import UNSET

from ..checking.declare import Check
from ..checking.packs import builtin_checks
from ..model.declared import DeclaredCheck, DeclaredPack, Explained, Family
from ..model.report import Report


class Declared:
    """Look-ups over declared checks. Nothing here depends on which of them ran."""

    def __init__(self, checks: Iterable[DeclaredCheck]) -> None:
        self.checks = {check.id: check for check in checks}

    @cached_property
    def families(self) -> Mapping[str, Family]:
        """The families by id, in the order of the report's findings."""
        found = {check.family.id: check.family for check in self.checks.values()}
        return dict(sorted(found.items(), key=lambda item: (item[1].cards, item[0])))

    @cached_property
    def promised(self) -> tuple[DeclaredCheck, ...]:
        """The checks that stand for a line of the validation output, in the order of the lines."""
        found = [c for c in self.checks.values() if c.promise.words or c.promise.figure]
        return tuple(sorted(found, key=lambda c: (c.promise.place, c.id)))

    @cached_property
    def figures(self) -> Mapping[str, str]:
        """The check that each of the report's own figures leads to."""
        return {c.promise.figure: c.id for c in self.promised if c.promise.figure}

    def explaining(self, what: Explained) -> frozenset[str]:
        """Return the checks whose findings account for that."""
        return frozenset(c.id for c in self.checks.values() if what in c.explains)

    def family(self, check: str) -> Family:
        """Return a check's family; one that nobody declared has the letters of its id."""
        known = self.checks.get(check)
        letters = check.rstrip("0123456789")
        return known.family if known else self.families.get(letters, Family(letters, letters))


def declared(report: Report) -> Declared:
    """Return what the report's checks were declared with."""
    if report.packs is UNSET:
        return _builtin()
    others = (check for pack in report.packs for check in pack.checks)
    return Declared((*_builtin().checks.values(), *others))


@cache
def _builtin() -> Declared:
    return Declared(check.declared for check in builtin_checks())


def used_packs(checks: Iterable[Check]) -> tuple[DeclaredPack, ...]:
    """Return the packs besides ours that the checks of a run are of, with what a report has to know."""
    found: dict[str, list[DeclaredCheck]] = {}
    for check in sorted(checks, key=lambda c: (c.pack, c.id)):
        if check.pack:
            found.setdefault(check.pack, []).append(check.declared)
    return tuple(DeclaredPack(name, tuple(members)) for name, members in found.items())
