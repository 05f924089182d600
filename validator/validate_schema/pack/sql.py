"""Names quoted, types and expressions compared, SQL read.

`read_expression`, `read_statements` and `read_body` return the frozen nodes of `syntax`, which `syntax.walk`
goes through; what cannot be read raises `Unreadable`.
"""

from ..sql import ddl as ddl
from ..sql import plpgsql as plpgsql
from ..sql import syntax as syntax
from ..sql.compare import same_expression as same_expression
from ..sql.compare import same_type as same_type
from ..sql.ident import quote_ident as quote_ident
from ..sql.ident import quote_idents as quote_idents
from ..sql.ident import quote_literal as quote_literal
from ..sql.ident import quote_qname as quote_qname
from ..sql.ident import quote_role as quote_role
from ..sql.mentions import Named as Named
from ..sql.parser import Unreadable as Unreadable
from ..sql.patterns import parse_pattern as parse_pattern
from ..sql.predicates import check_expression as check_expression
from ..sql.predicates import generates as generates
from ..sql.predicates import not_null_columns as not_null_columns
from ..sql.predicates import null_columns as null_columns
from ..sql.reading import read_expression as read_expression
from ..sql.reading import read_statements as read_statements
from ..sql.rewriting import with_calls_replaced as with_calls_replaced
from ..sql.routines import Body as Body
from ..sql.routines import is_bound as is_bound
from ..sql.routines import read_body as read_body
from ..sql.settings import is_guarded as is_guarded
from ..sql.settings import own_path as own_path
from ..sql.settings import schemas_of as schemas_of
from ..sql.settings import setting_of as setting_of
from ..sql.settings import word_for as word_for
from ..sql.type_names import names_a_type as names_a_type
from ..sql.types import parse_type as parse_type
from ..sql.words import key_name as key_name
from ..sql.words import table_stem as table_stem
