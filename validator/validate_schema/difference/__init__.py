"""What differs between two catalogs, object by object, and that in a few words.

Semantic: another name is no other object, another spelling no other expression, another order of
columns no difference. Pure: no connection, no file, no clock.
"""

from .catalogs import compare as compare
from .catalogs import count_objects as count_objects
from .chosen import WORDS as WORDS
from .chosen import chosen as chosen
from .losses import losses as losses
from .purposes import purpose as purpose
from .words import Words as Words
from .words import change_words as change_words
