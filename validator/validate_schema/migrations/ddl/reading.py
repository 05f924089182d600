"""Migrations read statement by statement, each that makes or drops something parsed and followed."""

import re

from ...model.history import Statement
from ...model.wording import excerpt
from ...sql import script
from ...sql.parser import Unreadable
from ...sql.reading import read_statements
from .created import Objects

_DDL = re.compile(r"(?:create|alter|drop|set|select)\b", re.IGNORECASE)
_UNSEEN = re.compile(r"(?:do\b|call\b|execute\b)", re.IGNORECASE)
_NO_PATH = re.compile(r"(?:set|select)\b(?!.*\bsearch_path\b)", re.IGNORECASE | re.DOTALL)
_WORDS = 80


class Reading:
    """Reads file after file. `statements` is how many there were; not among them are `unseen` ones that run
    SQL from a string, and `unparsed` ones that the parser does not accept. `passed_over` matches those that
    are not worth parsing."""

    def __init__(self, objects: Objects, passed_over: "re.Pattern[str] | None" = None) -> None:
        self.objects, self._passed_over = objects, passed_over
        self.statements = self.unseen = self.unparsed = 0

    def file(self, number: int, label: str, sql: str, first_line: int) -> None:
        """Follow the statements of the file with this number, which begin on `first_line` of it."""
        self.objects.begin_file(number)
        at, line = 0, first_line
        for piece in script.pieces(sql):
            if piece.kind == "sql" and _UNSEEN.match(piece.text):
                self.unseen += 1
                continue
            if piece.kind != "psql":
                self.statements += 1
            if piece.kind == "sql" and self._is_relevant(piece.text):
                line += sql.count("\n", at, piece.start)
                at = piece.start
                self._statement(piece.text, label, line)

    def _is_relevant(self, text: str) -> bool:
        if not _DDL.match(text) or _NO_PATH.match(text):
            return False
        return self._passed_over is None or not self._passed_over.match(text)

    def _statement(self, text: str, label: str, line: int) -> None:
        try:
            statements = read_statements(text)
        except Unreadable:
            self.unparsed += 1
            self.statements -= 1
            return
        place = Statement(file=label, line=line, text=excerpt(text, _WORDS))
        for statement in statements:
            self.objects.apply(statement, place, text)
