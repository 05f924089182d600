"""Whether a unique or a foreign key stays inside one tenant, and where NULLs let it out."""

from ..facts.context import ContextReader as ContextReader
from ..facts.null_gaps import is_optional as is_optional
from ..facts.null_gaps import one_is_set as one_is_set
from ..facts.null_gaps import open_columns as open_columns
from ..facts.scoping import is_full as is_full
from ..facts.scoping import judged_name as judged_name
from ..facts.scoping import level_columns as level_columns
from ..facts.scoping import nullable_columns as nullable_columns
from ..facts.scoping import scope_of as scope_of
from ..facts.scoping import stays_in_tenant as stays_in_tenant
from ..facts.scoping import tie_of as tie_of
from ..policies.confinement import Given as Given
from ..policies.confinement import binds_the_tenant as binds_the_tenant
from ..policies.confinement import confinement as confinement
from ..policies.confinement import keeps_to_tenant as keeps_to_tenant
from ..policies.confinement import rule_confinement as rule_confinement
from ..policies.confinement import tested_parameters as tested_parameters
from ..policies.settle import Keeps as Keeps
