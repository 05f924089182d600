"""Claims: what the report says of a schema in plain words, each with what it does not say."""

from collections.abc import Iterator

import msgspec

from ..model.report import Report
from ..model.wording import first_of, form, listed, some
from .line import SIGNS, Line, Mark
from .promises import has_row_security, promises, without_schema

_NAMED = 5


class Claim(msgspec.Struct, frozen=True):
    """A sentence, whether it holds, and its limits: what was not looked at."""

    mark: Mark
    text: str
    limits: str

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]


def claims(report: Report) -> tuple[Claim, ...]:
    """Return the claims, the gravest first; none where there is no schema to claim anything of."""
    if without_schema(report) or not report.tenancy.identified:
        return ()
    return tuple(_claims(report))


def _claims(report: Report) -> Iterator[Claim]:
    yield _isolation(report)
    if has_row_security(report):
        yield from _read(report)
    counts = report.counts
    yield _share(
        counts.tenant_safe_foreign_keys, counts.tenant_foreign_keys,
        "foreign keys between tenants' tables cannot point at another tenant's row",
        "a reference without a foreign key is seen by nobody",
    )  # fmt: skip
    yield _share(
        counts.scoped_uniques, counts.tenant_table_uniques,
        "uniques hold within one tenant, so that no tenant's value blocks another's",
        "a unique on a generated key is not counted",
    )  # fmt: skip
    yield _rows(report)


def _isolation(report: Report) -> Claim:
    proof, found = report.isolation, report.isolation.coverage
    what = "No statement of one tenant reaches another's rows"
    if not proof.attempted:
        return Claim("none", f"{what}: not tried", proof.reason or "no rows were made or read in this run")
    roles = listed([r.name for r in proof.roles]) or "no role"
    if proof.live:
        mark: Mark = "bad" if found.leaks else "none"
        text = f"{some(found.leaks, 'probe')} found rows of other tenants among the live rows"
        return Claim(mark, text, f"counted as {roles}, read only: what leaks today, and no proof for a table")
    held = {*proof.proven, *proof.tested}
    open_ones = [label for label in proof.tables if label not in held]
    rest = f"; not shown for {first_of(open_ones, _NAMED)}" if open_ones else ""
    tested = (
        f"; {some(found.tested, 'table')} by {form(found.tested, 'its', 'their')} rows alone"
        if found.tested
        else ""
    )
    mark = "ok" if not open_ones and held else "bad" if found.leaks or found.blocked else "none"
    return Claim(
        mark,
        f"{what} in {len(held)} of {found.tables} tables{rest}",
        f"tried as {roles} with made-up rows of two tenants on a copy of the schema{tested}: the live rows,"
        " other roles and what the application does by itself were not tried",
    )


def _read(report: Report) -> Iterator[Claim]:
    """Yield the lines on the policies as they were read."""
    results = {r.id: r for r in report.checks}
    counts = report.counts
    yield _share(
        counts.protected_tables, counts.tenant_tables,
        "tenant tables have row-level security on, with a policy",
        "whether the policies bind the tenant is the next line",
    )  # fmt: skip
    for line in promises(report):
        if line.text.startswith("policies for") and line.check in results:
            yield Claim(
                line.mark, _sentence(line), "read, not run: what is undecided is neither safe nor open"
            )


def _sentence(line: Line) -> str:
    note = f" ({line.note})" if line.note else ""
    return f"{line.text[:1].upper()}{line.text[1:]}{note}"


def _share(part: int, whole: int, words: str, limits: str) -> Claim:
    mark: Mark = "none" if not whole else "ok" if part == whole else "bad"
    return Claim(mark, f"{part} of {whole} {words}", limits)


def _rows(report: Report) -> Claim:
    rows, counts = report.counts.null_tenant_rows, report.counts
    if rows is None:
        return Claim(
            "none", "Every row belongs to a tenant: rows were not counted", "the schema alone was read"
        )
    if counts.empty:
        return Claim(
            "none", "Every row belongs to a tenant: there were no rows to count", "an empty database"
        )
    text = f"{some(rows, 'row')} {form(rows, 'has', 'have')} no tenant"
    return Claim("bad" if rows else "ok", text, "counted up to the limit that the config sets for a table")
