"""What a check declares beside its judge, and what a report keeps of it: families, promises, packs."""

from typing import Literal

import msgspec

Explained = Literal[
    "role", "rows", "reference", "surface", "reads", "writes", "unverified", "type", "beside", "tenant"
]  # fmt: skip
Concern = Literal["out", "may", "integrity", "hygiene"]
_LAST = 1000


class Family(msgspec.Struct, frozen=True, omit_defaults=True):
    """Checks of one kind: their ids begin with `id`, and `title` heads them.

    `words` name the kind within a line; without them the title does, its first letter small. `manual`,
    `cards` and `fix` are its places in the manual, among the report's findings of one severity (what is
    nearer to a leak comes first), and in the order in which `fix` mends (what others build on comes first);
    those that name none are last, by id. `section` is the part of the report that lists its checks as well:
    ``indexes``, ``keys`` or ``rows``. `security`: what it finds is one of security, for SARIF's readers.
    `concern` is what an error of it means for a tenant: it lets rows ``out``, or ``may``; the ``integrity``
    of what is stored; or ``hygiene``.
    """

    id: str
    title: str
    words: str = ""
    manual: int = _LAST
    cards: int = _LAST
    fix: int = _LAST
    section: str = ""
    security: bool = False
    concern: Concern = "integrity"

    @property
    def noun(self) -> str:
        small = self.title[1:2].islower()  # the title is no abbreviation
        return self.words or (self.title[:1].lower() + self.title[1:] if small else self.title)


class Promise(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line of the validation output that a check stands for.

    `words` say what is promised, with ``{n}`` for "4 of 5" or ``{parts}`` for "41 bind, 2 open, 4 undecided",
    and where wanted ``{column}``, ``{root}`` and ``{key}`` of the tenancy. Lines come by `place`, then by id.
    `if_any`: no line where there is nothing to examine. With a `figure` the line is one that the report
    itself counts, and leads to the check.
    """

    words: str = ""
    place: int = _LAST
    if_any: bool = False
    figure: str = ""

    def line(self, n: str, column: str, root: str, key: str, parts: str = "") -> str:
        """Return the words with the figures in them. Raises ValueError where they cannot be filled in."""
        try:
            return self.words.format(n=n, parts=parts, column=column, root=root, key=key)
        except (LookupError, AttributeError) as error:
            raise ValueError(
                f"{self.words!r} may hold {{n}}, {{parts}}, {{column}}, {{root}} and {{key}}"
            ) from error

    @property
    def parted(self) -> bool:
        """Whether the line tells what is undecided apart, rather than in a note."""
        return "{parts}" in self.words


NO_PROMISE = Promise()


class DeclaredCheck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a report has to know of a check to show it, besides its result. `concern` is empty where it is the
    family's."""

    id: str
    family: Family
    promise: Promise = NO_PROMISE
    explains: tuple[Explained, ...] = ()
    concern: Concern | Literal[""] = ""


class DeclaredPack(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pack of checks that a run used besides ours, as it was named, or its distribution and version."""

    name: str
    checks: tuple[DeclaredCheck, ...] = ()
