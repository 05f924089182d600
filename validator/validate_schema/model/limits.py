"""How much of each kind of input is taken. Frozen; what is in force is told by `limits()`."""

import stat
from contextvars import ContextVar
from typing import Annotated

import msgspec
from msgspec import Meta

from .errors import UsageError

CONFIG_BYTES = 1 << 20
"""The size of a config: built in, as a config that is too large is not read for its own limits."""
_Count = Annotated[int, Meta(ge=1)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[limits]`: how much is taken of each kind of input, in bytes, statements and seconds."""

    migration_bytes: Annotated[_Count, Meta(description="One migration file.")] = 64 << 20
    migrations_bytes: Annotated[_Count, Meta(description="All files of a migrations folder.")] = 512 << 20
    statements: Annotated[_Count, Meta(description="The statements of one migration file.")] = 200_000
    contract_bytes: Annotated[_Count, Meta(description="One file of a contract source.")] = 64 << 20
    snapshot_bytes: Annotated[_Count, Meta(description="A snapshot.")] = 1 << 30
    report_bytes: Annotated[_Count, Meta(description="A saved report or a baseline.")] = 1 << 30
    migration_seconds: Annotated[
        _Count, Meta(description="One migration file, or the command that runs them all.")
    ] = 600
    counting_seconds: Annotated[
        _Count,
        Meta(description="All row counts together; one count: statement_timeout_ms of [data]."),
    ] = 600
    proof_seconds: Annotated[
        _Count,
        Meta(description="The proof: what was not tried by then is inconclusive. Half of --timeout at most."),
    ] = 900
    seconds: Annotated[_Count, Meta(description="The whole run, --timeout likewise.")] = 7_200


_IN_FORCE: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def limits() -> Limits:
    """Return what is in force: the built-in limits until a config was read."""
    return _IN_FORCE.get()


def use(given: Limits) -> None:
    """Put these limits in force, for the rest of the run."""
    _IN_FORCE.set(given)


def require_size(shown: object, size: int, key: str, error: type[UsageError]) -> None:
    """Raise `error`, naming the file, the limit and its key, where `size` is more than `limits` allow."""
    most: int = getattr(limits(), key)
    if size > most:
        raise error(f"{shown}: holds {size} bytes; {most} are read ([limits] {key})")


def require_plain(shown: object, mode: int, error: type[UsageError]) -> None:
    """Raise `error` for what `mode`, as stat(2) gives it, says is no file: a device has no end, and it may be
    that nobody ever writes to a pipe. One that the caller's shell made, below /dev, is his."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (stat.S_ISFIFO(mode) and str(shown).startswith("/dev/")):
        return
    raise error(f"{shown}: is no file but a device, a pipe or a socket")
