"""Completion: places in a model after `model.` and `model.classifier[`, and the width that arrives at a new layer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from lsprotocol import types

from headlint.checks.places import spelled
from headlint.flow import modules
from headlint.flow.state import State
from headlint.flow.value import Module, Value
from headlint.history import ModuleRef
from headlint.lsp.documents import Document, Written
from headlint.lsp.positions import to_client
from headlint.lsp.unfinished import Begun, statement_at
from headlint.output.standing import part_text
from headlint.output.words import plain
from headlint.source.program import TooLarge, parse
from headlint.standing import kind_of, standing, widths_of
from headlint.watching import values_at

TRIGGERS = (".", "[", "(")

_CHAIN = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[\w'\"-]*\])*"
_PLACE = re.compile(rf"(?P<owner>{_CHAIN})(?P<how>[.\[])(?P<begun>\w*)$")
_LAYER = re.compile(
    rf"\s*(?P<place>{_CHAIN})\s*=\s*(?:[\w.]*Sequential\(\s*)?[\w.]*\b(?:Linear|Conv[123]d)\("
    r"(?:\s*in_(?:features|channels)\s*=)?\s*(?P<begun>\w*)$"
)


@dataclass(frozen=True)
class _Question:
    """What is being written: an expression that is whole, what is wanted of it, and how much of the answer is there."""

    expression: str
    how: str
    begun: str


def completions(document: Document, uri: str, position: types.Position) -> list[types.CompletionItem]:
    """What may be meant at a place in a text of the client's, best first."""
    written = document.written_at(uri, position)
    if written is None:
        return []
    begins = statement_at(written.lines, written.row, written.column)
    question = _asked(begins.text)
    if question is None:
        return []
    found: dict[str, types.CompletionItem] = {}
    for state, value in _values(document, written, begins, question.expression):
        if isinstance(value, Module):
            answers = _widths if question.how == "(" else _places
            for item in answers(state, value.ref, question):
                found.setdefault(item.label, item)
    column = to_client(written.lines[written.row], written.column - len(question.begun), document.encoding)
    start = types.Position(position.line, column)
    for item in found.values():
        item.text_edit = types.TextEdit(types.Range(start, position), item.label)
    return list(found.values())


def _values(document: Document, written: Written, begins: Begun, expression: str) -> Iterator[tuple[State, Value]]:
    """What an expression may be where the statement begins that is being written."""
    try:
        wanted = cst.parse_expression(expression)
    except (cst.ParserSyntaxError, RecursionError):
        return
    for last in begins.ends:
        # What is being written is no Python yet, so the statement is read as if only the whole part of it were there.
        lines = list(written.lines)
        lines[begins.row : last + 1] = [begins.indent + expression, *[""] * (last - begins.row)]
        text = written.program(lines)
        try:
            program = None if text is None else parse(text, document.name)
        except (cst.ParserSyntaxError, RecursionError, TooLarge, TypeError):
            continue
        if program is not None:
            nodes = program.at(written.first_line + begins.row, len(begins.indent))
            yield from values_at(program, nodes[0], wanted) if nodes else ()
            return


def _asked(before: str) -> _Question | None:
    layer = _LAYER.match(before)
    if layer is not None:
        return _Question(layer["place"], "(", layer["begun"])
    place = _PLACE.search(before)
    return None if place is None else _Question(place["owner"], place["how"], place["begun"])


def _places(state: State, ref: ModuleRef, question: _Question) -> Iterator[types.CompletionItem]:
    """What stands directly in a module, heads first."""
    found = standing(state, ref)
    if found is None:
        return
    inside = {head.place: head for head in found.heads}
    prefix = f"{found.part.place}." if found.part.place else ""
    items: list[types.CompletionItem] = []
    for number, (name, child) in enumerate(modules.children_of(state, ref)):
        if child is None or name.isdigit() != (question.how == "["):
            continue
        place = prefix + name
        leads = [head for head in inside if head == place or head.startswith(f"{place}.")]
        detail = f"the head of {found.builder.name}: {part_text(inside[place])}" if place in inside else ""
        detail = detail or (f"holds the head, {spelled(leads[0])}" if leads else kind_of(state, child))
        items.append(
            types.CompletionItem(
                name,
                kind=types.CompletionItemKind.Value if name.isdigit() else types.CompletionItemKind.Field,
                detail=detail,
                sort_text=f"{0 if leads else 1}{number:04}",
                preselect=bool(leads),
            )
        )
    yield from sorted(items, key=lambda item: item.sort_text or "")


def _widths(state: State, ref: ModuleRef, question: _Question) -> Iterator[types.CompletionItem]:
    """What arrives at the place of a module: as its attribute says it, and as a number."""
    found = standing(state, ref)
    built = None if found is None else ModuleRef(found.build.object, found.part.place)
    if found is None or built is None:
        return
    # What stands there now may have been given another width by mistake.
    takes = widths_of(state, built)[0] or widths_of(state, ref)[0]
    if takes is None:
        return
    kind = kind_of(state, ref)
    names = ["in_features"] if kind == "Linear" else ["in_channels"] if kind.startswith("Conv") else []
    attributes = [f"{question.expression}.{name}" for name in names] if takes == widths_of(state, ref)[0] else []
    for number, text in enumerate([*attributes, plain(takes)]):
        yield types.CompletionItem(
            text,
            kind=types.CompletionItemKind.Value,
            detail=f"what arrives there in {found.builder.name}",
            sort_text=f"0{number}",
            filter_text=text,
            preselect=not number,
        )
