"""A line of the validation output: a promise, and whether it holds."""

from typing import Literal

import msgspec

Mark = Literal["ok", "bad", "none"]
SIGNS: dict[Mark, str] = {"ok": "✓", "bad": "✗", "none": "–"}
WORDS: dict[Mark, str] = {"ok": "holds", "bad": "does not hold", "none": "not examined"}


class Line(msgspec.Struct, frozen=True):
    """One promise: `note` says what qualifies it, or why it was not examined. `check` may be empty."""

    mark: Mark
    text: str
    note: str = ""
    check: str = ""

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]

    @property
    def word(self) -> str:
        return WORDS[self.mark]
