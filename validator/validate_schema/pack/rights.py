"""Whose rights views, functions and triggers act with, and which tables are open to these."""

from ..policies.calls import Act as Act
from ..policies.calls import acts as acts
from ..policies.calls import acts_of as acts_of
from ..policies.calls import acts_that as acts_that
from ..policies.calls import body_of as body_of
from ..policies.calls import candidates as candidates
from ..policies.calls import is_trusted as is_trusted
from ..policies.calls import parameters as parameters
from ..policies.calls import sets_tenant as sets_tenant
from ..policies.calls import some_act as some_act
from ..policies.calls import switches_tenant as switches_tenant
from ..policies.doors import has_door as has_door
from ..policies.rights import ROW_PRIVILEGES as ROW_PRIVILEGES
from ..policies.rights import Opening as Opening
from ..policies.rights import escapes as escapes
from ..policies.rights import is_guarded as is_guarded
from ..policies.rights import may as may
from ..policies.rights import may_reach as may_reach
from ..policies.rights import nearest_above as nearest_above
from ..policies.rights import openings as openings
from ..policies.rights import past_guards as past_guards
from ..policies.rights import reached as reached
from ..policies.rights import users_of as users_of
from ..policies.rights import verbs_of as verbs_of
from ..policies.rights import why_escapes as why_escapes
from ..policies.rights import why_open as why_open
