"""What a session may say of itself besides the tenant: every setting that a text reads, with every value in
sight. Any session may set a setting of two names, so a policy that believes one lets anybody in."""

import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from ...facts.facts import Facts
from ...model.principals import Kind, Variable
from ...sql.ident import quote_literal
from ...sql.mentions import mentions
from ...sql.settings import word_for
from .hints import SETTING, literals, nearest, numbers

_USUAL = ("on", "true")
_SIGNED = ("request.jwt", "hasura.user")  # a gateway vouches for it
_MOST_WORDS, _MOST_NUMBERS = 12, 6  # of one setting
_MOST_TOGETHER = 24  # ways to set several at once

Said = tuple[str, ...]  # the statements of a session


@dataclass(frozen=True)
class Sessions:
    """The settings that `text` reads besides its `own`, which say who is asking. `theirs` gives, for a
    setting, what the other tenant's rows hold that it may be compared with. `accepted` are
    values of settings, whose names are in lower case, that the config accepts as a way past the tenant: no
    session sets them."""

    text: str
    own: Container[str]
    theirs: Callable[[str], Sequence[str]] = lambda _: ()
    accepted: Container[tuple[str, str]] = ()

    @cached_property
    def others(self) -> list[str]:
        """The settings besides its own."""
        return sorted({name for name in SETTING.findall(self.text) if name.lower() not in self.own})

    @cached_property
    def spent(self) -> Said:
        """What the others hold in a session that has once set them: they are '' from then on, never unset."""
        return tuple(setting(name, "") for name in self.others)

    def switched(self) -> list[Said]:
        """Return what sets the others: each alone to every value in sight, and all at once."""
        words, figures = literals(self.text), numbers(self.text)
        theirs = {name: list(self.theirs(name)) for name in self.others}
        values = {name: self._values(name, words, figures, theirs[name]) for name in self.others}
        values = {name: each for name, each in values.items() if each}
        longest = max(map(len, values.values()), default=0)
        alone: list[Said] = [  # the likeliest value of each first
            (setting(name, each[i]),)
            for i in range(longest)
            for name, each in values.items()
            if i < len(each)
        ]
        if len(values) < 2:
            return alone
        first = product(*([v[0], *theirs[name][:1], _USUAL[0]] for name, v in values.items()))
        level = (tuple(v[i % len(v)] for v in values.values()) for i in range(longest))
        chosen = dict.fromkeys((*islice(dict.fromkeys(first), _MOST_TOGETHER), *level))
        together = [tuple(map(setting, values, each)) for each in chosen]
        return list(dict.fromkeys([*together, *alone]))

    def _values(self, name: str, words: list[str], figures: list[str], theirs: list[str]) -> list[str]:
        near = nearest(self.text, [name], words)[:_MOST_WORDS]
        limits = nearest(self.text, [name], figures)[:_MOST_NUMBERS]
        values = dict.fromkeys([*near[:2], *theirs, *_USUAL, *near[2:], *limits])
        return [value for value in values if (name.lower(), value) not in self.accepted]

    def mirror(self, values: Mapping[str, str | None]) -> Said:
        """Return what sets each of the others to what a row holds in the column that the text names
        nearest to it."""
        columns = [c for c in values if mentions(self.text, c)] if self.others else []
        held = {name: values[nearest(self.text, [name], columns)[0]] for name in self.others if columns}
        told = [(name, value) for name, value in held.items() if value is not None]
        return tuple(setting(name, v) for name, v in told if (name.lower(), v) not in self.accepted)


def asks_for_tenant(facts: Facts, text: str) -> bool:
    """Tell whether a text reads what the session says of its tenant: the setting, a claim, the helper."""
    told = facts.principals.of_kind(Kind.TENANT)
    names = {name.lower() for name in SETTING.findall(text)}
    claims = [v.variable for v in told if v.variable.path]
    plain = {v.variable.setting for v in told if not v.variable.path} | {
        (facts.tenancy.setting or "").lower()
    }
    plain -= {v.setting for v in claims}
    helper = (facts.tenancy.current_tenant or "").removesuffix("()").rpartition(".")[2]
    word = word_for(facts.tenancy.setting)
    return (
        bool(names & plain)
        or bool(word and mentions(text.lower(), word))
        or any(v.setting in names and v.path[-1] in literals(text) for v in claims)
        or bool(helper and mentions(text, helper))
    )


def other_settings(
    facts: Facts,
    statements: Sequence[str],
    text: str,
    theirs: Callable[[str], Sequence[str]] = lambda _: (),
) -> Sessions:
    """Return what a session may say besides `statements`, which set its context, of what `text` reads: what
    the config accepts as a way past the tenant is left out."""
    trusted = [t for t in facts.tenancy.trusted if t.setting]
    own = own_settings(facts, statements, text) | {t.setting.lower() for t in trusted if not t.values}
    return Sessions(text, own, theirs, {(t.setting.lower(), v) for t in trusted for v in t.values})


def own_settings(facts: Facts, statements: Sequence[str], text: str) -> frozenset[str]:
    """Return the settings, in lower case, that say who is asking: setting another's is to log in as another.
    They are what the statements of the context name, those that policies read as the person, and what a
    gateway signs of those that `text` reads. Names of settings have no case."""
    told, setting = facts.principals, facts.tenancy.setting
    words = (word for statement in statements for word in re.findall(r"[\w.]+", statement))
    people = (v.variable.setting for v in told.of_kind(Kind.PERSON))
    signed = (n for n in SETTING.findall(text) if told.gateway and n.lower().startswith(_SIGNED))
    found = (*words, *people, *signed, *([setting] if setting else []))
    return frozenset(name.lower() for name in found)


def says(variable: Variable, value: str) -> str:
    """Return the statement that gives a setting its value, or a claim among the others of its setting."""
    if not variable.path:
        return setting(variable.setting, value)
    name = quote_literal(variable.setting).strip()
    now = f"coalesce(nullif(pg_catalog.current_setting({name}, true), ''), '{{}}')::jsonb"
    said = f"{quote_literal(value).strip()}::text"
    for depth in reversed(range(len(variable.path))):
        outer = quote_literal("{" + ",".join(variable.path[:depth]) + "}").strip()
        held = f"coalesce({now} #> {outer}, '{{}}')" if depth else now
        said = f"({held} || jsonb_build_object({quote_literal(variable.path[depth]).strip()}, {said}))"
    return f"select pg_catalog.set_config({name}, {said}::text, false)"


def setting(name: str, value: str) -> str:
    """Return the statement that gives a setting its value for the session."""
    return (
        f"select pg_catalog.set_config({quote_literal(name).strip()}, {quote_literal(value).strip()}, false)"
    )
