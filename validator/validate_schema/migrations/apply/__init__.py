"""The applied-set runner: apply pending migrations, each with its row in one transaction."""

from .plan import Consent as Consent
from .plan import Plan as Plan
from .runner import Wishes as Wishes
from .runner import apply as apply
from .runner import hold_lock as hold_lock
from .runner import interrupted as interrupted
from .runner import survey as survey
from .session import Limits as Limits
from .store import LEDGER as LEDGER
