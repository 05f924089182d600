"""Which of a database's ledgers is that of a folder of migrations."""

from collections.abc import Sequence

import msgspec

from ...model.errors import MigrationError
from ...model.history import Ledger
from .. import tools
from ..records import MigrationSet

_SET = "applied-set"


def ledger_for(ledgers: Sequence[Ledger], migrations: MigrationSet, named: str | None) -> Ledger | None:
    """Return the ledger of `migrations`, or None if there is none.

    `named` is its table as `[migrations] ledger` names it. Raises `MigrationError` when that is not
    there or belongs to another tool, and when several fit.
    """
    own = [ledger for ledger in ledgers if is_own(ledger)]
    if named is None and own:
        return own[0]  # it took the tool's ledger over when it began
    fitting = [ledger for ledger in ledgers if fits(ledger, migrations.tool)]
    if named is not None:
        return _settled(_named(ledgers, fitting, migrations, named), migrations)
    if len(fitting) > 1:
        listed = ", ".join(ledger.table for ledger in fitting)
        raise MigrationError(
            f"{len(fitting)} ledgers fit the {migrations.tool} migrations: {listed};"
            " name one with `ledger` in [migrations]"
        )
    return _settled(fitting[0], migrations) if fitting else None


def deciding(ledgers: Sequence[Ledger], named: str | None) -> tuple[str, ...]:
    """Return the tools that may have written `ledgers`, or the one that is `named`: where files leave it open
    whose they are, these decide. The runner of this program leaves nothing open: it recorded the versions as
    the files alone give them."""
    if named is None and any(is_own(ledger) for ledger in ledgers):
        return ()
    return tuple(ledger.tool for ledger in ledgers if named is None or named in _names(ledger))


def fits(ledger: Ledger, tool: str) -> bool:
    """Return whether `tool` may have written `ledger`."""
    return is_own(ledger) or ledger.tool == tool or ledger.tool in tools.find(tool).shares


def is_own(ledger: Ledger) -> bool:
    """Return whether it is the ledger of this program's runner, which applies every tool's files."""
    return (ledger.schema, ledger.relation) == ("validate_schema", "applied_migrations")


def _named(
    ledgers: Sequence[Ledger], fitting: Sequence[Ledger], migrations: MigrationSet, named: str
) -> Ledger:
    found = [ledger for ledger in ledgers if named in _names(ledger)]
    if not found:
        listed = ", ".join(ledger.table for ledger in ledgers) or "none"
        raise MigrationError(f"no ledger {named} in this database; it has: {listed}")
    usable = [ledger for ledger in found if ledger in fitting]
    if not usable:
        raise MigrationError(
            f"{named} is a ledger of {found[0].tool}, but the migrations are of {migrations.tool};"
            " say which tool with `tool` in [migrations]"
        )
    if len(usable) > 1:
        listed = ", ".join(f"{ledger.schema}.{ledger.relation}" for ledger in usable)
        raise MigrationError(f"several ledgers are called {named}: {listed}; name it with its schema")
    return usable[0]


def _names(ledger: Ledger) -> set[str]:
    return {ledger.table, ledger.relation, f"{ledger.schema}.{ledger.relation}"}


def _settled(ledger: Ledger, migrations: MigrationSet) -> Ledger:
    """Where tables look alike, the ledger takes the tool of the files; plain files have an applied set."""
    tool = migrations.tool if ledger.tool != _SET else _SET
    return msgspec.structs.replace(ledger, tool=tool)
