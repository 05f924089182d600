"""The SQL of a finding, for a live table: locks named, online where it can be."""

from ..checking.remedy.keys import deferral as deferral
from ..checking.remedy.keys import free_name as free_name
from ..checking.remedy.keys import index_sql as index_sql
from ..checking.remedy.keys import key_actions as key_actions
from ..checking.remedy.keys import new_index as new_index
from ..checking.remedy.keys import referring_keys as referring_keys
from ..checking.remedy.keys import replace_foreign_key as replace_foreign_key
from ..checking.remedy.keys import replace_primary_key as replace_primary_key
from ..checking.remedy.keys import replace_unique as replace_unique
from ..checking.remedy.online import add_foreign_key as add_foreign_key
from ..checking.remedy.online import add_unique as add_unique
from ..checking.remedy.online import drop_index as drop_index
from ..checking.remedy.online import set_not_null as set_not_null
from ..checking.remedy.online import validate_constraint as validate_constraint
from ..checking.remedy.policy import LONGEST_WAY as LONGEST_WAY
from ..checking.remedy.policy import enable_row_security as enable_row_security
from ..checking.remedy.policy import tenant_condition as tenant_condition
from ..checking.remedy.policy import tenant_policy as tenant_policy
from ..checking.remedy.types import change_type as change_type
from ..checking.remedy.types import type_sql as type_sql
from ..sql.patterns import write_name as write_name
from ..tenancy.explain import toml_text as toml_text
