"""
Field numbers, read back from a committed ``.proto``.

It runs whenever a program starts, so it is one pass over the words of the text. It takes what
`write_proto` writes, in any layout; what else protobuf knows is stepped over where that is safe.
"""

from __future__ import annotations

import re
from typing import NoReturn

from outgrow.contracts.descriptions import MessageNumbers, Numbers
from outgrow.contracts.protobuf.names import value_prefix
from outgrow.errors import Finding, InvalidContract

RESERVED_MAX = 100_000
"""The most numbers that one range may reserve."""

_WORD = re.compile(
    r'\s+|//[^\n]*|/\*.*?\*/|("(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|[\w.]+|[^\w\s])', re.DOTALL
)
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|={7}|\|{7})", re.MULTILINE)
_ITEM = re.compile(r"item_(\d+)")
_HIGHEST = 2**29 - 1
_BLOCKS = {"message", "enum", "oneof"}
_OPENING = {"{": "}", "[": "]", "(": ")", "<": ">"}


def read_proto(text: str, place: str = "the .proto") -> Numbers:
    """
    The numbers that *text* gives to the fields of messages and the values of enumerations.

    Args:
        text: What `write_proto` has written.
        place: Where it stands, for messages.

    Raises:
        InvalidContract: It is not readable, with its line.
    """
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        raise _unreadable(place, text, conflict.start(), "it holds the marks of a merge conflict")
    try:
        return Numbers(_Reader(text, place).read())
    except RecursionError as error:
        raise _unreadable(place, text, 0, "its blocks lie too deep in each other") from error


def _unreadable(place: str, text: str, at: int, what: str) -> InvalidContract:
    finding = Finding(
        place=f"{place}:{text.count(chr(10), 0, at) + 1}",
        message=f"the numbers of the contract's fields cannot be read: {what}.",
        remedy="Take the file as the main branch has it, and run 'outgrow contract freeze' again.",
        slug="proto-unreadable",
    )
    return InvalidContract([finding])


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, place: str) -> None:
        self._text, self._source = text, place
        found = [(m[1], m.start()) for m in _WORD.finditer(text) if m[1] is not None]
        self._words = [word for word, _ in found]
        self._places = [at for _, at in found]
        self._at = 0
        self._found: dict[str, MessageNumbers] = {}

    def read(self) -> dict[str, MessageNumbers]:
        while self._at < len(self._words):
            word = self._next()
            if word in ("message", "enum"):
                self._block(word, "")
            elif word == "service":
                self._service()
            elif word in ("syntax", "package", "import", "option", ";"):
                self._statement(word)
            else:
                self._fail(f"{word!r} is not expected here")
        return self._found

    def _next(self) -> str:
        if self._at == len(self._words):
            self._fail("it ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def _fail(self, what: str) -> NoReturn:
        at = self._places[self._at - 1] if self._places else 0
        raise _unreadable(self._source, self._text, at, what)

    def _expect(self, word: str) -> None:
        found = self._next()
        if found != word:
            self._fail(f"{found!r} stands where {word!r} is expected")

    def _statement(self, word: str) -> None:
        """Step over the rest of a statement that says nothing about numbers."""
        while word != ";":
            word = self._next()
            if word in _OPENING:
                self._skip(word)

    def _skip(self, opening: str) -> None:
        closing = _OPENING[opening]
        while (word := self._next()) != closing:
            if word in "{[(":
                self._skip(word)

    def _service(self) -> None:
        self._next()
        self._expect("{")
        self._skip("{")

    def _block(self, kind: str, outer: str) -> None:
        name = self._next()
        if not name.isidentifier():
            self._fail(f"{name!r} is no name of a {kind}")
        self._expect("{")
        known = MessageNumbers()
        full = f"{outer}{name}"
        if full in self._found:
            self._fail(f"{full} stands there twice")
        self._found[full] = known
        prefix = value_prefix(name) if kind == "enum" else ""
        while (word := self._next()) != "}":
            self._entry(word, kind, full, known, prefix)

    def _entry(self, word: str, kind: str, full: str, known: MessageNumbers, prefix: str) -> None:
        """One entry of a block: a field or value, something reserved, or a block in it."""
        following = self._words[self._at] if self._at < len(self._words) else ""
        if word == ";":
            return
        if word == "reserved" and (following.isdigit() or following[:1] in "\"'"):
            self._reserve(known, prefix)
        elif word == "option" and following != "=":
            self._statement(word)
        elif kind == "message" and word in _BLOCKS and self._opens():
            if word == "oneof":
                self._members(full, known)
            else:
                self._block(word, f"{full}.")
        else:
            name, number = self._field(word, known, prefix)
            if kind == "message" and "." in full:
                self._look_at_helper(name, number)

    def _look_at_helper(self, name: str, number: int) -> None:
        """Refuse another number than the one that follows from the type; unions have no such."""
        item = _ITEM.fullmatch(name)
        right = int(item[1]) if item else 1 if name in ("items", "value") else number
        if number != right:
            self._fail(f"{name} = {number} must be {name} = {right}, as it always is there")

    def _opens(self) -> bool:
        return self._words[self._at + 1 : self._at + 2] == ["{"]

    def _members(self, full: str, known: MessageNumbers) -> None:
        self._next()
        self._expect("{")
        while (word := self._next()) != "}":
            self._entry(word, "oneof", full, known, "")

    def _field(self, word: str, known: MessageNumbers, prefix: str) -> tuple[str, int]:
        """A field or value: all up to ``=`` ends with its name."""
        name = word
        while (word := self._next()) != "=":
            if word in "{};":
                self._fail(f"{name!r} has no number")
            if word == "<":
                self._skip(word)
            else:
                name = word
        number = self._number(self._next())
        if not name.isidentifier():
            self._fail(f"{name!r} is no name of a field")
        word = self._next()
        if word == "[":
            self._skip(word)
            word = self._next()
        if word != ";":
            self._fail(f"{word!r} stands where ';' is expected")
        if number == 0 and prefix:
            return name, number
        name = name.removeprefix(prefix)
        if name in known.taken or number in known.taken.values() or number == 0:
            self._fail(f"{name} = {number} is there already, or is no number")
        known.taken[name] = number
        return name, number

    def _number(self, word: str) -> int:
        if not (word.isascii() and word.isdigit() and int(word) <= _HIGHEST):
            self._fail(f"{word!r} is no number of a field")
        return int(word)

    def _reserve(self, known: MessageNumbers, prefix: str) -> None:
        while True:
            word = self._next()
            if word[0] in "\"'" and len(word) > 1:
                known.reserved_names.add(word[1:-1].removeprefix(prefix))
                word = self._next()
            else:
                first = last = self._number(word)
                if (word := self._next()) == "to":
                    word = self._next()
                    last = _HIGHEST if word == "max" else self._number(word)
                    word = self._next()
                self._add_range(known, first, last)
            if word == ";":
                return
            if word != ",":
                self._fail(f"{word!r} stands where ',' or ';' is expected")

    def _add_range(self, known: MessageNumbers, first: int, last: int) -> None:
        if not first <= last < first + RESERVED_MAX:
            self._fail(f"{first} to {last} reserves too many numbers, or none")
        known.reserved.update(range(first, last + 1))
