"""The records that a check reads: the catalog, the contract and the evidence, and words for them."""

from ..contract.diff.objects import declared_changes as declared_changes
from ..model import catalog as catalog
from ..model import contract as contract
from ..model import difference as difference
from ..model import evidence as evidence
from ..model import history as history
from ..model import isolation as isolation
from ..model import reading as reading
from ..model.difference import change_words as change_words
from ..model.tenancy import TableClass as TableClass
from ..model.wording import first_of as first_of
from ..model.wording import form as form
from ..model.wording import listed as listed
from ..model.wording import some as some
