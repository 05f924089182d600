"""Blocks, fields and attributes of a Prisma schema, as they are written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

from ..model.errors import ConfigError
from .prisma_lexer import Place, Token, tokens

_Part = TypeVar("_Part")
_DEEPEST = 50
KINDS = ("datasource", "generator", "enum", "model", "view", "type")


class Text(NamedTuple):
    """A text in quotes."""

    text: str


class Number(NamedTuple):
    text: str


class Word(NamedTuple):
    """A name without quotes: a field, an enum value, true, Cascade."""

    text: str


class Call(NamedTuple):
    """A function or a field with details: ``now()``, ``email(sort: Desc)``."""

    name: str
    args: "tuple[Argument, ...]"


class Items(NamedTuple):
    items: "tuple[Value, ...]"


class Members(NamedTuple):
    """An object: ``{ active: true }``."""

    members: "tuple[Argument, ...]"


Value = Text | Number | Word | Call | Items | Members


class Argument(NamedTuple):
    """An argument; `name` is empty where it is given by place."""

    name: str
    value: Value


class Attribute(NamedTuple):
    """``@unique(map: "x")``; `name` is without the signs, with dots: ``db.VarChar``."""

    name: str
    args: tuple[Argument, ...]
    place: Place

    def get(self, name: str, position: int | None = None) -> Value | None:
        """Return the argument of that name, or the one at that place among those without a name."""
        named = next((a.value for a in self.args if a.name == name), None)
        plain = [a.value for a in self.args if not a.name]
        if named is None and position is not None and position < len(plain):
            return plain[position]
        return named


@dataclass(frozen=True)
class Field:
    """A field of a model, or a value of an enum (then `type` is empty).

    `unsupported` is the SQL type of ``Unsupported("…")``.
    """

    name: str
    place: Place
    type: str = ""
    arity: Literal["required", "optional", "list"] = "required"
    unsupported: str | None = None
    attributes: tuple[Attribute, ...] = ()

    def attribute(self, name: str) -> Attribute | None:
        return next((a for a in self.attributes if a.name == name), None)


@dataclass(frozen=True)
class Block:
    """A top-level block. `properties` are those of a datasource or generator, by name."""

    kind: str
    name: str
    place: Place
    fields: tuple[Field, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    properties: dict[str, Value] = field(default_factory=dict)

    def attribute(self, name: str) -> Attribute | None:
        return next((a for a in self.attributes if a.name == name), None)

    def all(self, name: str) -> Iterator[Attribute]:
        return (a for a in self.attributes if a.name == name)


def parse(source: str, file: str) -> tuple[Block, ...]:
    """Return the blocks of one file. Raises `ConfigError` with file and line where it cannot be read."""
    return _Parser(tuple(tokens(source, file))).blocks()


class _Parser:
    def __init__(self, words: tuple[Token, ...]) -> None:
        self._words = words
        self._at = self._open = 0

    @property
    def _next(self) -> Token:
        return self._words[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _is(self, *signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _skip(self, sign: str) -> bool:
        """Take the sign if it comes next."""
        there = self._is(sign)
        self._at += there
        return there

    def _lines(self) -> None:
        while self._next.kind == "newline":
            self._at += 1

    def _expect(self, sign: str, where: str) -> None:
        if not self._skip(sign):
            raise self._wrong(f'"{sign}" {where}')

    def _name(self, what: str) -> Token:
        if self._next.kind not in ("word", "number"):
            raise self._wrong(what)
        return self._take()

    def _wrong(self, wanted: str) -> ConfigError:
        token = self._next
        found = {"newline": "the end of the line", "end": "the end of the file"}.get(
            token.kind, f'"{token.text}"'
        )
        return ConfigError(f"{token.place}: expected {wanted}, found {found}")

    def blocks(self) -> tuple[Block, ...]:
        found = []
        self._lines()
        while self._next.kind != "end":
            found.append(self._block())
            self._lines()
        return tuple(found)

    def _block(self) -> Block:
        kind = self._next
        if kind.text not in KINDS:
            raise self._wrong("a block: model, enum, view, datasource or generator")
        self._take()
        name = self._name(f"the name of the {kind.text}")
        self._lines()
        self._expect("{", f"after {kind.text} {name.text}")
        if kind.text in ("datasource", "generator"):
            return Block(kind.text, name.text, kind.place, properties=self._properties())
        return self._body(kind, name.text)

    def _properties(self) -> dict[str, Value]:
        found = {}
        self._lines()
        while not self._skip("}"):
            name = self._name('a property or "}"')
            self._expect("=", f"after {name.text}")
            found[name.text] = self._value()
            self._line_end()
        return found

    def _body(self, kind: Token, name: str) -> Block:
        fields: list[Field] = []
        attributes: list[Attribute] = []
        self._lines()
        while not self._is("}"):
            if self._is("@@"):
                attributes.append(self._attribute())
            else:
                fields.append(self._value_of_enum() if kind.text == "enum" else self._field())
            self._line_end()
        self._take()
        return Block(kind.text, name, kind.place, tuple(fields), tuple(attributes))

    def _line_end(self) -> None:
        if self._next.kind not in ("newline", "end") and not self._is("}"):
            raise self._wrong("the end of the line")
        if self._next.kind == "end":
            raise self._wrong('"}"')
        self._lines()

    def _value_of_enum(self) -> Field:
        name = self._name('a value or "}"')
        return Field(name.text, name.place, attributes=self._attributes())

    def _field(self) -> Field:
        name = self._name('a field or "}"')
        type_name = self._name(f"the type of the field {name.text}")
        unsupported = None
        if type_name.text == "Unsupported":
            self._expect("(", "after Unsupported")
            token = self._take()
            if token.kind != "text":
                raise ConfigError(f"{token.place}: Unsupported needs a type in quotes")
            unsupported = token.text
            self._expect(")", "after the type")
        arity: Literal["required", "optional", "list"] = "required"
        if self._skip("["):
            self._expect("]", "after [")
            arity = "list"
        if self._skip("?") and arity == "required":
            arity = "optional"
        return Field(name.text, name.place, type_name.text, arity, unsupported, self._attributes())

    def _attributes(self) -> tuple[Attribute, ...]:
        found = []
        while self._is("@"):
            found.append(self._attribute())
        return tuple(found)

    def _attribute(self) -> Attribute:
        sign = self._take()
        name = self._name(f"a name after {sign.text}").text
        while self._skip("."):
            name += "." + self._name(f"a name after {name}.").text
        args: tuple[Argument, ...] = ()
        if self._skip("("):
            args = self._list(")", self._argument)
        return Attribute(name, args, sign.place)

    def _list(self, end: str, part: Callable[[], _Part]) -> tuple[_Part, ...]:
        """Return what stands up to `end`, separated by commas; line ends do not count."""
        found: list[_Part] = []
        self._open += 1
        if self._open > _DEEPEST:
            raise self._wrong(f"at most {_DEEPEST} values in one another")
        self._lines()
        while not self._skip(end):
            found.append(part())
            self._lines()
            if not self._is(end):
                self._expect(",", f'or "{end}"')
            self._lines()
        self._open -= 1
        return tuple(found)

    def _argument(self) -> Argument:
        following = self._words[self._at + 1]
        if self._next.kind == "word" and following.kind == "sign" and following.text == ":":
            name = self._take().text
            self._take()
            self._lines()
            return Argument(name, self._value())
        return Argument("", self._value())

    def _value(self) -> Value:
        token = self._next
        if token.kind == "text":
            return Text(self._take().text)
        if token.kind == "number":
            return Number(self._take().text)
        if self._skip("["):
            return Items(self._list("]", self._value))
        if self._skip("{"):
            return Members(self._list("}", self._argument))
        name = self._name("a value").text
        while self._skip("."):
            name += "." + self._name(f"a name after {name}.").text
        if self._skip("("):
            return Call(name, self._list(")", self._argument))
        return Word(name)
