"""New text for the cells of a notebook, put into its JSON in place: every other byte stays as it is."""

from __future__ import annotations

import codecs
import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

_WHITESPACE = re.compile(r"[ \t\n\r]*")
_UNIT = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\\]", re.DOTALL)
_LINE = re.compile(r".*?(?:\r\n|\n|\r)|.+\Z", re.DOTALL)
_DECODER = json.JSONDecoder()


class Unchangeable(Exception):
    """A cell cannot get the new text; the message says why."""


@dataclass(frozen=True)
class Value:
    """Where a value stands in a JSON text; the end is exclusive."""

    start: int
    end: int


def with_cells(data: bytes, changed: Mapping[int, Sequence[int | str]]) -> bytes:
    """The notebook with other lines in some of its cells, whose numbers count from 1.

    The new lines are numbers of old ones (from 0), which stay as they are spelled, and new texts without line ends.
    `data` must be a notebook that was read before.
    """
    text = data.decode("utf-8-sig")
    ascii_only = text.isascii() and "\\u" in text
    pieces: list[str] = []
    done = 0
    for number, source in enumerate(_sources(text), start=1):
        if number in changed and source is not None:
            pieces += (text[done : source.start], _respelled(text, source, changed[number], ascii_only))
            done = source.end
    new = "".join((*pieces, text[done:])).encode()
    return codecs.BOM_UTF8 + new if data.startswith(codecs.BOM_UTF8) else new


def merged(original: Sequence[str], python: Sequence[str], new: Sequence[str]) -> list[int | str]:
    """The new lines of a cell, given its lines as they are, as Python, and as new Python.

    Raises Unchangeable if a line would change that is no Python as it stands, such as a magic.
    """
    before = _common(python, new)
    behind = _common(python[before:][::-1], new[before:][::-1])
    last = len(python) - behind
    middle = _middle(original[before:last], python[before:last], new[before : len(new) - behind])
    moved = (line if isinstance(line, str) else line + before for line in middle)
    return [*range(before), *moved, *range(last, len(python))]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines are the same from the beginning on."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _middle(original: Sequence[str], python: Sequence[str], new: Sequence[str]) -> Iterator[int | str]:
    for kind, start, stop, first, last in difflib.SequenceMatcher(None, python, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from range(start, stop)
        elif all(original[index] == python[index] for index in range(start, stop)):
            yield from new[first:last]
        elif stop - start == last - first:
            yield from map(_behind_magic, original[start:stop], python[start:stop], new[first:last])
        else:
            raise Unchangeable("a line would change that is no plain Python")


def _behind_magic(original: str, python: str, new: str) -> str:
    """A line such as `%time f()` with new code behind the magic, which as Python is as long in front of the code."""
    if original == python:
        return new
    length = next((at for at in range(len(python), -1, -1) if original[at:] != python[at:]), 0) + 1
    runs = len(original) == len(python) and python.lstrip().startswith("0;")
    if not runs or new[:length] != python[:length]:
        raise Unchangeable("a line would change that is no plain Python")
    return original[:length] + new[length:]


# -- Where the sources stand ---------------------------------------------------------------------------------------


def _sources(text: str) -> Iterator[Value | None]:
    """The source of each cell."""
    top = _members(text, _space(text, 0))
    if "cells" not in top and "worksheets" in top:
        top = _members(text, _items(text, top["worksheets"].start)[0].start)
    for cell in _items(text, top["cells"].start):
        members = _members(text, cell.start) if text[cell.start] == "{" else {}
        yield members.get("source", members.get("input"))


def _space(text: str, at: int) -> int:
    found = _WHITESPACE.match(text, at)
    return found.end() if found is not None else at


def _value(text: str, at: int) -> Value:
    start = _space(text, at)
    return Value(start, _DECODER.raw_decode(text, start)[1])


def _members(text: str, at: int) -> dict[str, Value]:
    """The values of the object that begins at `at`; of a name that comes twice the last, as json has it."""
    found: dict[str, Value] = {}
    at = _space(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        found[name] = _value(text, _space(text, at) + 1)
        at = _space(text, found[name].end)
        at = _space(text, at + 1) if text[at] == "," else at
    return found


def _items(text: str, at: int) -> list[Value]:
    """The items of the array that begins at `at`."""
    found: list[Value] = []
    at = _space(text, at + 1)
    while text[at] != "]":
        found.append(_value(text, at))
        at = _space(text, found[-1].end)
        at = _space(text, at + 1) if text[at] == "," else at
    return found


# -- How they are spelled ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    """A line of a cell with its end, and how its characters are spelled between the quotes."""

    text: str
    spelled: str


def _respelled(text: str, source: Value, lines: Sequence[int | str], ascii_only: bool) -> str:
    """The JSON of a source with new lines: a string stays a string, and a list a list with one line in each item."""
    raw = text[source.start : source.end]
    if raw.startswith('"'):
        return f'"{"".join(_new_lines(_lines_of([raw]), lines, ascii_only))}"'
    items = _items(text, source.start)
    old = _lines_of([text[item.start : item.end] for item in items if text[item.start] == '"'])
    new = [f'"{line}"' for line in _new_lines(old, lines, ascii_only)]
    if not items:
        return f"[{', '.join(new)}]"
    opening, closing = text[source.start : items[0].start], text[items[-1].end : source.end]
    between = text[items[0].end : items[1].start] if len(items) > 1 else f",{opening[1:] or ' '}"
    return opening + between.join(new) + closing if new else "[]"


def _lines_of(literals: Sequence[str]) -> list[_Line]:
    """The lines that JSON strings hold together."""
    spelled = (unit for literal in literals for unit in _joined_pairs(_UNIT.findall(literal[1:-1])))
    text = "".join(json.loads(literal) for literal in literals)
    return [_Line(line, "".join(islice(spelled, len(line)))) for line in _LINE.findall(text)]


def _joined_pairs(units: Sequence[str]) -> Iterator[str]:
    """Units of a JSON string, one for each character: two escapes can be one character beyond the basic plane."""
    at = 0
    while at < len(units):
        pair = units[at] + units[at + 1] if at + 1 < len(units) else ""
        if units[at].startswith("\\u") and pair.count("\\u") == 2 and len(json.loads(f'"{pair}"')) == 1:
            yield pair
            at += 2
        else:
            yield units[at]
            at += 1


def _new_lines(old: Sequence[_Line], lines: Sequence[int | str], ascii_only: bool) -> Iterator[str]:
    """The new lines as they are spelled; no line ends in nothing but the last."""
    usual = next((line.text[len(line.text.rstrip("\r\n")) :] for line in old), "") or "\n"
    for position, line in enumerate(lines):
        last = position == len(lines) - 1
        if isinstance(line, int):
            known = old[line] if line < len(old) else _Line("", "")
            ended = known.text.endswith(("\n", "\r"))
            if ended != last:
                if known.text:
                    yield known.spelled
                continue
            line = known.text.rstrip("\r\n")
        text = line if last else line + usual
        if text:
            yield _quoted(text, ascii_only)


def _quoted(text: str, ascii_only: bool) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        ascii_only = True
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
