"""What a check may examine: selectors of tables, columns, uniques, keys, and what they yield."""

from ..facts.facts import ConfigName as ConfigName
from ..facts.facts import SuppressionUse as SuppressionUse
from ..facts.subjects import TableColumn as TableColumn
from ..facts.subjects import TableConstraint as TableConstraint
from ..facts.subjects import TableIndex as TableIndex
from ..facts.subjects import TablePolicy as TablePolicy
from ..facts.subjects import TableRole as TableRole
from ..facts.subjects import TableUnique as TableUnique
from ..facts.subjects import foreign_keys as foreign_keys
from ..facts.subjects import indexes as indexes
from ..facts.subjects import inherited_tables as inherited_tables
from ..facts.subjects import kept as kept
from ..facts.subjects import keys_of as keys_of
from ..facts.subjects import protected_tables as protected_tables
from ..facts.subjects import ref_of as ref_of
from ..facts.subjects import root_foreign_keys as root_foreign_keys
from ..facts.subjects import tenant_columns as tenant_columns
from ..facts.subjects import tenant_primary_keys as tenant_primary_keys
from ..facts.subjects import tenant_tables as tenant_tables
from ..facts.subjects import tenant_tables_by_app_role as tenant_tables_by_app_role
from ..facts.subjects import tenant_uniques as tenant_uniques
from ..facts.subjects import uniques_of as uniques_of
from ..facts.subjects import user_tables as user_tables
