"""A change in words: the same wherever it is shown."""

from typing import NamedTuple

from ..model.difference import Change


class Words(NamedTuple):
    """`object` with its kind, `what` of it differs (empty: the object as a whole is there or not), and
    what is there on either side."""

    object: str
    what: str
    before: str
    after: str

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides, each to be read on its own."""
        prefix = f"{self.what}: " if self.what else ""
        return prefix + self.before, prefix + self.after


def change_words(change: Change, default_schema: str = "public") -> Words:
    """Return a change in words; objects of `default_schema` are named without it."""
    ref = change.object
    named = f"{ref.kind} {ref.label(default_schema)}"
    if change.kind in ("changed", "renamed"):
        return Words(named, change.what, change.before or "none", change.after or "none")
    nothing = "nothing", change.after or "there"
    return (
        Words(named, "", *nothing)
        if change.kind == "added"
        else Words(named, "", change.before or "there", "nothing")
    )
