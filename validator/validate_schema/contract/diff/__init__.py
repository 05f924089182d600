"""What differs between two catalogs, object by object, and that in a few words.

Semantic: another name is no other object, another spelling no other expression, another order of
columns no difference. Pure: no connection, no file, no clock.
"""

from .catalogs import compare as compare
from .catalogs import count_objects as count_objects
from .changes import WORDS as WORDS
from .changes import Words as Words
from .changes import change_words as change_words
from .changes import chosen as chosen
from .purposes import losses as losses
from .purposes import purpose as purpose
