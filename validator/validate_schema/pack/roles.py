"""What a role may do beside the policies, and what it owns that the isolation of tenants rests on."""

from ..facts.estates import Estate as Estate
from ..facts.estates import estates as estates
from ..facts.estates import guarded_tables as guarded_tables
from ..facts.estates import tables_with_parts as tables_with_parts
from ..facts.platforms import is_platforms as is_platforms
from ..facts.platforms import platform_of as platform_of
from ..facts.platforms import sends_statements as sends_statements
from ..facts.powers import Power as Power
from ..facts.powers import allowed_by as allowed_by
from ..facts.powers import lent_by as lent_by
from ..facts.powers import newly_allowed as newly_allowed
from ..facts.powers import powers_of as powers_of
from ..facts.reliance import Reliance as Reliance
from ..facts.reliance import relied_on as relied_on
from ..facts.roles import DATABASE_OWNER as DATABASE_OWNER
from ..facts.roles import data_roles as data_roles
from ..facts.roles import temporary_holders as temporary_holders
from ..model.principals import ANONYMOUS as ANONYMOUS
