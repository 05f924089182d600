"""The only door into the engine for the checks of a pack, ours and yours.

What a check examines is in `subjects`, what keeps it in one tenant in `scoping`, the SQL that mends it in
`remedies`, names and expressions in `sql`, and the records of a database in `model`.
"""

from ..checking.declare import Check as Check
from ..checking.declare import check as check
from ..facts.facts import Facts as Facts
from ..facts.facts import NotExamined as NotExamined
from ..facts.scoping import Scope as Scope
from ..facts.scoping import Tie as Tie
from ..model.declared import Family as Family
from ..model.declared import Promise as Promise
from ..model.evidence import Evidence as Evidence
from ..model.finding import Flaw as Flaw
from ..model.finding import ObjectRef as ObjectRef
from ..model.finding import Remedy as Remedy
from ..model.finding import Severity as Severity
from ..model.finding import Step as Step
from ..model.finding import Undecided as Undecided
from ..model.finding import Unexamined as Unexamined
