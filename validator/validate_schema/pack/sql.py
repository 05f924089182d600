"""Names quoted, types and expressions read and compared."""

from ..sql.compare import same_expression as same_expression
from ..sql.compare import same_type as same_type
from ..sql.ident import quote_ident as quote_ident
from ..sql.ident import quote_idents as quote_idents
from ..sql.ident import quote_literal as quote_literal
from ..sql.ident import quote_qname as quote_qname
from ..sql.ident import quote_role as quote_role
from ..sql.mentions import Named as Named
from ..sql.patterns import parse_pattern as parse_pattern
from ..sql.predicates import generates as generates
from ..sql.predicates import not_null_columns as not_null_columns
from ..sql.predicates import null_columns as null_columns
from ..sql.types import parse_type as parse_type
from ..sql.words import key_name as key_name
