"""What sessions may say so that a table opens, though it held for one that says no more than its tenant."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from ...model.principals import ROLE_CLAIM, Kind
from ...sql.mentions import mentions
from .attempt import Attempt, plain_ones
from .attempts import Target
from .context import ContextSetup
from .hints import literals, nearest
from .rows import MALFORMED, A, B
from .sessions import Said, Sessions, asks_for_tenant, other_settings, says

_NEAR, _MOST_HELD = 2, 3  # columns that are looked at for one setting, and values of each
_MOST_MIRRORS, _MOST_WORDS, _MOST_RANKS = 12, 12, 8
_MOST_VARIED, _FEWEST = 1_000, 8  # variations in all sessions; sessions that try them


class Dare(NamedTuple):
    """What a session says first, what it tries then, and both in words."""

    said: Said
    attempts: list[Attempt]
    who: str = "tenant A"
    when: str = " once its session sets another setting that a policy reads"


@dataclass(frozen=True)
class Dares:
    """The sessions of one table. `setup` is how a session says its tenant; None where it has no way."""

    target: Target
    setup: ContextSetup | None

    @cached_property
    def sessions(self) -> Sessions:
        """The settings besides those of the context that the policies deciding over the rows read."""
        return other_settings(self.target.seeder.facts, self.target.session, self._text, self._theirs)

    @property
    def _own(self) -> str:
        return self.target.seeder.texts.own(self.target.table)

    @property
    def _text(self) -> str:
        return self.target.seeder.texts.around(self.target.table)

    def switched(self, attempts: list[Attempt], varied: list[Attempt], context: Said) -> Iterator[Dare]:
        """Yield a session that sets the other settings to every value in sight, to what rows of B hold, and
        to what stands in the row that it inserts; variations are tried by the likeliest of these alone."""
        plain, more = plain_ones(attempts), plain_ones(varied)
        likely = max(_FEWEST, _MOST_VARIED // max(1, len(more)))
        for place, statements in enumerate(self._pretences):
            yield Dare((*context, *statements), [*plain, *more] if place < likely else plain)
        for attempt in (*plain, *more):
            statements = self.sessions.mirror(attempt.values)
            if statements:
                yield Dare((*context, *statements), [attempt])

    def as_its_rows(self, attempts: list[Attempt], context: Said) -> Iterator[tuple[Said, Attempt]]:
        """Yield what a session of A tries once its other settings hold what a row of its own does: a policy
        may ask for more than the tenant, such as a part of it that the session works in. What says the tenant
        itself is not among them: the context has said it."""
        held = set(self.target.seeder.facts.held_levels.get(self.target.table.qname, {}).values())
        rows = [row.values for row in self.target.rows.of(A)]
        for attempt in plain_ones(attempts):
            told = [attempt.values] if attempt.values else rows
            said = (
                self.sessions.mirror({c: v for c, v in values.items() if c not in held}) for values in told
            )
            yield from (((*context, *more), attempt) for more in dict.fromkeys(filter(None, said)))

    @cached_property
    def _pretences(self) -> list[Said]:
        rows = self.target.rows.of(B, *self.target.named)
        mirrored = (self.sessions.mirror(row.values) for row in rows)
        held = list(filter(None, dict.fromkeys(mirrored)))[:_MOST_MIRRORS]
        return list(dict.fromkeys([*self.sessions.switched(), *held]))

    def named(self, on_b: list[Attempt]) -> Iterator[Dare]:
        """Yield sessions of the tenants that policies name, on B's rows alone."""
        if self.setup is None:
            return
        for label in self.target.named:
            keys = {level: held.get(label, held[A]) for level, held in self.target.seeder.keys.items()}
            below = tuple(key for level, key in keys.items() if level)
            said = self.setup.of(next(iter(keys.values()), ""), "", below)
            yield Dare(
                (*self.sessions.spent, *said),
                plain_ones(on_b),
                "a tenant",
                " once its session works for one that a policy names",
            )

    def both(self, attempts: list[Attempt], joins: list[Attempt]) -> Iterator[Dare]:
        """Yield sessions of the person who belongs to both tenants. Where policies ask for the tenant of the
        session, it works for A, and the rows of B are out of its reach, his own there too; where the person
        alone says who asks, he may work with both. A third tenant he may not join by either."""
        if self.target.both and attempts and asks_for_tenant(self.target.seeder.facts, self._own):
            yield Dare(self.target.both, attempts, "tenant A", " when its session is of a person of both")
        if self.target.both and joins:
            yield Dare(self.target.both, joins, "a person of A and B", ", of a third one")

    def standings(self, attempts: list[Attempt]) -> Iterator[Dare]:
        """Yield sessions of the person with each rank among A's members that the table's policies name."""
        for said in self._ranks:
            ranked = [replace(a, before=(*a.before, said)) for a in plain_ones(attempts)]
            yield Dare(self.target.session, ranked, "tenant A", " when its session has another rank in A")

    @cached_property
    def _ranks(self) -> list[str]:
        people, seeded = self.target.seeder.people, self.target.seeder.seeded
        return people.standings(seeded, self._own)[:_MOST_RANKS]

    def claimed(self) -> list[Said]:
        """Return what a session says besides its tenant to be one that the table's policies ask for: each
        word that they compare a setting or a claim with, but for the database's own role; and the first of
        each at once."""
        told = self.target.seeder.facts.principals.of_kind(Kind.SWITCH)
        asked = [
            v
            for v in told
            if v.variable != ROLE_CLAIM
            and mentions(self._own, v.variable.path[-1] if v.variable.path else v.variable.setting)
        ]
        alone: list[Said] = [(says(v.variable, word),) for v in asked for word in v.words]
        return [
            *alone[:_MOST_WORDS],
            *([tuple(says(v.variable, v.words[0]) for v in asked)] if asked[1:] else []),
        ]

    def sentinels(self) -> Iterator[tuple[str, Said]]:
        """Yield each word of the policies as what a session says in place of its tenant's key."""
        if self.setup is None:
            return
        setting = self.target.seeder.facts.tenancy.setting
        taken = {key for held in self.target.seeder.keys.values() for key in held.values()}
        words = [w for w in literals(self._text) if w not in taken and w not in MALFORMED]
        for word in nearest(self._text, [setting] if setting else [], words)[:_MOST_WORDS]:
            yield repr(word), (*self.sessions.spent, *self.setup.of(word, word))

    def as_claimed(self, claimed: list[Said], attempts: list[Attempt], context: Said) -> Iterator[Dare]:
        """Yield sessions that say more of themselves, as their own rows ask."""
        for more in claimed:
            yield Dare((*context, *more), attempts, when=" when its session says more of itself")

    def _theirs(self, name: str) -> list[str]:
        """Return what a policy may compare a setting with: B's keys, what its rows hold in the columns that
        the text names nearest to the setting, and A's keys."""
        keys, rows = self.target.seeder.keys.values(), self.target.rows.of(B)
        named = [c for c in (rows[0].values if rows else ()) if mentions(self._text, c)]
        held: list[str] = []
        for column in nearest(self._text, [name], named)[:_NEAR]:
            values = [v for row in rows if (v := row.values.get(column))]
            held += [v for v, _ in Counter(values).most_common(_MOST_HELD)] + values[:1]
        return list(dict.fromkeys([*(k[B] for k in keys), *held, *(k[A] for k in keys)]))
