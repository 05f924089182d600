"""The table of `make bench`, in Markdown: it reads well in a terminal, and can be pasted into the docs."""

from typing import NamedTuple

from benchmarks.cost import Cost

_WIDTHS = (8, 24, 9, 9, 8, 10, 12)


class Row(NamedTuple):
    """One process measured. `value` is what its budget is about: the ratio of validate-schema to it,
    or, with a `unit`, an amount of its own. `budget` None: shown, not judged. A cost of no memory is one
    that was measured inside this process."""

    what: str
    cost: Cost
    tables: int | None = None
    value: float | None = None
    budget: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        return _line(
            f"{self.tables:,}" if self.tables else "",
            self.what,
            f"{self.cost.seconds:.2f} s",
            f"{self.cost.processor:.2f} s" if self.cost.processor else "",
            f"{self.cost.mebibytes:.0f} MiB" if self.cost.mebibytes else "",
            self._value(),
            self._judged(),
        )

    def _value(self) -> str:
        if self.value is None:
            return ""
        digits = 0 if self.unit == "MiB" else 2
        return f"{self.value:.{digits}f} {self.unit}".rstrip()

    def _judged(self) -> str:
        if self.value is None or self.budget is None:
            return ""
        return f"{'✓' if self.value <= self.budget else '✗'} ≤ {self.budget:g} {self.unit}".rstrip()


def header() -> str:
    """Return the heading of the table."""
    names = _line("tables", "process", "best", "busy", "peak", "measured", "budget")
    return names + "\n" + _line(*("-" * width for width in _WIDTHS))


def _line(*cells: str) -> str:
    return "| " + " | ".join(f"{c:<{w}}" for c, w in zip(cells, _WIDTHS, strict=True)) + " |"
