"""Comments that read as the mark of a way down, written for a tool that is not known."""

import re
from bisect import bisect

from ...sql import script

# Marks that PostgreSQL does not take for a comment it refuses itself.
_COMMENT = r"(?m)^[ \t]*(?:--+|/\*+)(?P<words>[^\n]*)"
_EDGES = " \t\r-=#*/~_+!@:.<>[]{}()|&"
_WAY_DOWN = re.compile(
    r"(?:(?P<before>\w+)[\s:.+!@/-]+)?(?:migrat(?:e|ions?)[\s:.+!@/-]+)?"
    r"(?:downs?|downgrade|undo|rollback|roll[ -]back|revert|drop[ -]below)"
    r"(?:[\s:-]+(?:migrations?|sections?|scripts?|sql|parts?|statements?|begins?|starts?|here|below|only))*",
    re.IGNORECASE,
)
_UP = re.compile(
    r"(?:(?P<before>\w+)[\s:.+!@/-]+)?(?:ups?|upgrade|apply|do)(?:[\s:-]+(?:migration|section|sql))*", re.I
)
# Words in front of these by which a comment says something rather than marks.
_SENTENCE = re.compile(
    r"a|after|an|and|before|can|cannot|do|for|how|if|in|is|it|must|no|not|of|on|or|the|this|to|will|with",
    re.IGNORECASE,
)


def way_down(sql: str) -> int | None:
    """Return where a line of `sql` reads as the mark of a way down that its tool would cut at: statements
    follow it, and others go before, or a way up is marked as well. None without one.

    Marks are lines of a few words, such as ``-- DOWN``, ``--- undo ---`` or ``-- tool:rollback``. Comments
    inside statements are none, nor is SQL that was commented out.
    """
    found = [m for m in re.finditer(_COMMENT, sql) if _is(_WAY_DOWN, m)]
    if not found:
        return None
    pieces = script.pieces(sql)
    starts = [piece.start for piece in pieces]
    marked_up = any(_is(_UP, m) for m in re.finditer(_COMMENT, sql))
    for mark in found:
        before = bisect(starts, mark.start())
        inside = before > 0 and mark.start() < pieces[before - 1].end
        if not inside and before < len(pieces) and (before or marked_up):
            return mark.start()
    return None


def _is(way: re.Pattern[str], comment: re.Match[str]) -> bool:
    words = way.fullmatch(comment["words"].strip(_EDGES))
    return words is not None and not _SENTENCE.fullmatch(words["before"] or "")
