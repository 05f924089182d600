"""What a query is."""

from typing import NamedTuple


class Query(NamedTuple):
    """One query. `what` names, for people, what is missing when a role may not run it; `catalogs`
    are those it needs SELECT on."""

    name: str
    sql: str
    what: str
    catalogs: tuple[str, ...]
