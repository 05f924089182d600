"""The records that a check reads: the catalog, the contract and the evidence, and words for them."""

from typing import TYPE_CHECKING

from ..model import catalog as catalog
from ..model import contract as contract
from ..model import crossing as crossing
from ..model import deploy as deploy
from ..model import difference as difference
from ..model import evidence as evidence
from ..model import fleet as fleet
from ..model import history as history
from ..model import isolation as isolation
from ..model import reading as reading
from ..model.difference import change_words as change_words
from ..model.principals import Filler as Filler
from ..model.principals import Kind as Kind
from ..model.tenancy import OWNED as OWNED
from ..model.tenancy import TableClass as TableClass
from ..model.wording import first_of as first_of
from ..model.wording import form as form
from ..model.wording import listed as listed
from ..model.wording import some as some

if TYPE_CHECKING:
    from ..model.catalog import Table, View
    from ..model.contract import AnyObject, ExpectedObject
    from ..model.difference import Change


def declared_changes(
    expected: "ExpectedObject", record: "AnyObject", on: "Table | View | None", default_schema: str
) -> "tuple[Change, ...]":
    """Return what differs from a declared object to the one that there is; `on` is its table or view."""
    from ..contract.diff import objects  # only where something is declared there is something to compare

    return objects.declared_changes(expected, record, on, default_schema)
