"""The proof: two tenants, made-up rows, and the statements of the app role against them, on a copy.

Nothing here connects to the database that is validated, but for `live_counts`, which counts in a READ
ONLY transaction.
"""

from .context import ContextSetup as ContextSetup
from .context import with_preset as with_preset
from .live import live_counts as live_counts
from .proof import prove as prove
