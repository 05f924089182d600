"""One member read in full."""

from collections.abc import Iterable, Mapping, Sequence

from ..catalog.connect import Connection
from ..catalog.reader import read_catalog
from ..facts.platforms import set_apart
from ..model.errors import ReadError
from ..model.fleet import Reading, Sample
from ..model.secret import Secret
from .marks import marks, moment_alone
from .session import connected, execute, schemas, snapshot
from .standing import ALL, ATTEMPTS, fingerprints, marks_now, stirred

_LED_TO = """
    select distinct n.nspname::text from pg_constraint k
    join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype = 'f' and k.connamespace = (select oid from pg_namespace where nspname = %s)
    union select n.nspname::text from pg_inherits i
    join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
    join pg_namespace n on n.oid = p.relnamespace
    where c.relnamespace = (select oid from pg_namespace where nspname = %s)
"""


class ChangedError(ReadError):
    """A member is not what it was when its fingerprint was taken: `now` is its fingerprint, "" where it is
    gone."""

    def __init__(self, name: str, now: str) -> None:
        done = "changed" if now else "dropped"
        super().__init__(f"{name} was {done} while the fleet was read")
        self.now = now


def sample(
    url: Secret | None, reading: Reading, members: Sequence[str], *, timeout_ms: int = 30_000
) -> Sample:
    """Read one member in full, with all that stands in its database beside the other members: other members
    come with it where its keys lead to them.

    Raises `ChangedError` where it is not what it was when its fingerprint was taken, and the errors of
    connecting and reading.
    """
    name, schema = reading.member.name, reading.member.schema
    with connected(url, timeout_ms) as connection:
        for attempt in range(ATTEMPTS):
            with snapshot(connection, timeout_ms):
                known = schemas(connection)
                scope = _scope(connection, known.values(), schema, members) if schema else None
                homes = _oids(known, scope) if scope is not None else None
                before = marks(connection, homes) if attempt else moment_alone(connection)
            oids = {oid: n for oid, n in known.items() if n == schema} if schema else {ALL: ""}
            if not oids:
                raise ChangedError(name, "")
            prints, _ = fingerprints(connection, oids, timeout_ms)
            now, catalog = next(iter(prints.values()), ""), None
            if now == reading.fingerprint:
                catalog = read_catalog(
                    connection, default_schema=schema or None, statement_timeout_ms=timeout_ms, only=scope
                )
            after = marks_now(connection, timeout_ms, homes, before)
            if not now or stirred(before, after, oids, ()):
                continue
            if catalog is None:
                raise ChangedError(name, now)
            return Sample(reading.member, now, set_apart(catalog))
    raise ReadError(f"{name} was changed or locked each time that it was read")


def _oids(known: Mapping[int, str], names: Iterable[str]) -> set[int]:
    wanted = frozenset(names)
    return {oid for oid, name in known.items() if name in wanted}


def _scope(connection: Connection, known: Iterable[str], schema: str, members: Sequence[str]) -> list[str]:
    """Return the schemas that are read with a member: all that are no members, and those that its keys lead
    to."""
    led_to = {row[0] for row in execute(connection, _LED_TO, (schema, schema))}
    others = frozenset(members) - {schema} - led_to
    return [name for name in known if name not in others]
