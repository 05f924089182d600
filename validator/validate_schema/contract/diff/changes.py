"""Changes of one object, property by property."""

from collections.abc import Iterator, Sequence

from ...model.catalog import Grant, QName
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import excerpt
from ...sql.ident import quote_ident
from .terms import Terms

_OWNER = ""
_LENGTH = 200


def grants(
    ref: ObjectRef, terms: Terms, before: Sequence[Grant], after: Sequence[Grant], owners: tuple[str, str]
) -> Iterator[Change]:
    """Yield what roles may do that they might not before, and the reverse. The owners are one role, whatever
    they are called."""
    if before == after and owners[0] == owners[1]:
        return
    old, new = _held(before, owners[0], terms), _held(after, owners[1], terms)
    for grantee in sorted(old.keys() | new.keys()):
        left, right = old.get(grantee, frozenset()), new.get(grantee, frozenset())
        if left != right:
            yield Change(
                kind="changed",
                object=ref,
                what=f"privileges of {owners[1] if grantee == _OWNER else grantee}",
                before=_privileges(left),
                after=_privileges(right),
                widens=not right <= left,
            )


def _held(given: Sequence[Grant], owner: str, terms: Terms) -> dict[str, frozenset[str]]:
    lost = frozenset() if terms.maintain else frozenset({"MAINTAIN"})
    return {
        g.grantee if g.grantee != owner else _OWNER: frozenset(
            (*g.privileges, *(f"{p} WITH GRANT OPTION" for p in g.grantable))
        )
        - lost
        - {f"{p} WITH GRANT OPTION" for p in lost}
        for g in given
    }


def _privileges(held: frozenset[str]) -> str:
    return ", ".join(sorted(held)) or "none"


def on_off(value: bool) -> str:
    return "on" if value else "off"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def names(of: Sequence[str | None]) -> str:
    return ", ".join(name or "" for name in of)


def short(definition: str) -> str:
    """Return a definition on one line, shortened."""
    return excerpt(definition, _LENGTH)


def shown(name: QName, default_schema: str) -> str:
    """Return a relation's name as it stands in a description: without the default schema."""
    parts = (name.name,) if name.schema == default_schema else name
    return ".".join(map(quote_ident, parts))
