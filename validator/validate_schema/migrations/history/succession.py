"""Which of a tool's migrations comes before which, and which were applied out of that order."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import groupby

from ...model.history import LedgerEntry
from .. import tools
from ..records import MigrationFile
from ..versions import Place


class Succession:
    """The order of a tool's versions: that of their numbers or names where those tell, else that of the
    files. `placed` says which; versions without a file have a place only in the former."""

    def __init__(self, tool: str, files: Sequence[MigrationFile]) -> None:
        self.files, self._versions = files, tools.find(tool).versions
        self._places: dict[str, Place | None] = {}
        self.placed = all(self._place(file.version) is not None for file in files)
        self._first: dict[str, int] = {}
        for index, file in enumerate(files):
            self._first.setdefault(self._versions.same(file.version), index)

    def _place(self, version: str) -> Place | None:
        """Return what `version` sorts by among those of its tool; None where only files tell the order."""
        if version not in self._places:
            self._places[version] = self._placed_by_itself(version)
        return self._places[version]

    def _placed_by_itself(self, version: str) -> Place | None:
        place = self._versions.place
        try:
            return None if place is None else place(version)
        except ValueError:
            return None

    def spot(self, version: str) -> Place | None:
        """Return what `version` sorts by among the others, None for one whose place is not known."""
        if self.placed:
            return self._place(version)
        index = self._first.get(self._versions.same(version))
        return None if index is None else (index,)

    def before(self, first: str, second: str) -> bool:
        """Return whether the version `first` is known to come before `second`."""
        one, other = self.spot(first), self.spot(second)
        return one is not None and other is not None and one < other

    def first_after(self, versions: Sequence[str]) -> Callable[[str], str]:
        """Return what tells the first of `versions`, as they stand, that comes after a given one; "" if none
        does. However many there are, a few are looked at."""
        position = self.first_index_after(versions)
        return lambda version: versions[at] if (at := position(version)) < len(versions) else ""

    def first_before(self, versions: Sequence[str]) -> Callable[[str], str]:
        """Return what tells the first of `versions`, as they stand, that comes before a given one."""
        position = self._first_beyond(versions, lambda spot, than: spot < than)
        return lambda version: versions[at] if (at := position(version)) < len(versions) else ""

    def first_index_after(self, versions: Sequence[str]) -> Callable[[str], int]:
        """Return what tells where the first of `versions` stands that comes after a given one; their number
        if none does."""
        return self._first_beyond(versions, lambda spot, than: spot > than)

    def _first_beyond(
        self, versions: Sequence[str], beyond: Callable[[Place, Place], bool]
    ) -> Callable[[str], int]:
        # The first beyond something is beyond all that stand in front of it.
        records: list[tuple[int, Place]] = []
        for index, version in enumerate(versions):
            spot = self.spot(version)
            if spot is not None and (not records or beyond(spot, records[-1][1])):
                records.append((index, spot))

        def position(version: str) -> int:
            spot = self.spot(version)
            if spot is None:
                return len(versions)
            at = bisect_left(records, True, key=lambda record: beyond(record[1], spot))
            return records[at][0] if at < len(records) else len(versions)

        return position

    def needed(self, applied: Sequence[LedgerEntry]) -> dict[str, str] | None:
        """Return the versions that applied ones come after, each with one of those; None for a tool whose
        files have an order of their own."""
        if not self._versions.graph:
            return None
        requires = {file.version: file.requires for file in self.files}
        found: dict[str, str] = {}
        waiting = [entry.version for entry in applied]
        while waiting:
            version = waiting.pop()
            for parent in requires.get(version, ()):
                if parent not in found:
                    found[parent] = version
                    waiting.append(parent)
        return found

    def late(self, entries: Sequence[LedgerEntry]) -> set[str]:
        """Return the identities of those applied after a version that comes after them."""
        ranked = [e for e in entries if e.rank is not None and e.state == "applied"]
        if self._versions.graph:
            return self._after_their_own(ranked)
        found: set[str] = set()
        highest: Place | None = None
        for _, moment in groupby(sorted(ranked, key=_rank), key=_rank):
            spots = [(s, e.version) for e in moment if (s := self.spot(e.version))]
            if highest is not None:
                found |= {self._versions.same(version) for s, version in spots if s < highest}
            highest = max([s for s, _ in spots] + ([highest] if highest else []), default=None)
        return found

    def _after_their_own(self, ranked: Sequence[LedgerEntry]) -> set[str]:
        """Return those that were applied after one that requires them."""
        ranks = {e.version: e.rank or 0 for e in ranked}
        requires = {file.version: file.requires for file in self.files}
        return {
            parent
            for version, rank in ranks.items()
            for parent in requires.get(version, ())
            if ranks.get(parent, 0) > rank
        }


def _rank(entry: LedgerEntry) -> int:
    return entry.rank or 0
