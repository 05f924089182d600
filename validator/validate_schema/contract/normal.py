"""Compare declared types and expressions with what PostgreSQL prints for them.

The server rewrites what it is given: ``int4`` comes back as ``integer``, ``status IN ('a', 'b')`` as
``(status = ANY (ARRAY['a'::text, 'b'::text]))``. Two spellings are the same here when the server
would store the same thing for both.
"""

from .expressions import same_expression as same_expression
from .types import same_type as same_type
