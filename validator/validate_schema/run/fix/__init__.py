"""Corrective migrations: from findings to SQL that was tried before it is written."""

from .correction import NAME as NAME
from .correction import Correction as Correction
from .correction import Verified as Verified
from .correction import Wanted as Wanted
from .correction import correct as correct
from .correction import corrected as corrected
from .correction import proof_sentences as proof_sentences
from .correction import sentences as sentences
from .script import left_over as left_over
