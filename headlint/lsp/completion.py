"""Completion: places in a model after `model.` and `model.classifier[`, and the width that arrives at a new layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import libcst as cst
from lsprotocol import types

from headlint.checks.places import spelled
from headlint.flow import modules
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import State
from headlint.flow.value import Module
from headlint.history import ModuleRef
from headlint.lsp.documents import Document, Written
from headlint.lsp.positions import to_client
from headlint.lsp.unfinished import Begun, finished_program, statement_at
from headlint.lsp.widths import asks_for_width, widths
from headlint.output.standing import part_text
from headlint.source.program import Program
from headlint.standing import kind_of, standing
from headlint.watching import values_at

TRIGGERS = (".", "[", "(")

_PLACE = re.compile(
    r"(?P<owner>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[\w'\"-]*\])*)(?P<how>[.\[])(?P<begun>\w*)$",
)

Parse = Callable[[str], Program]


def completions(
    document: Document, uri: str, position: types.Position, parse: Parse, interpreter: type[Interpreter]
) -> list[types.CompletionItem]:
    """What may be meant at a place in a text of the client's, best first; `parse` raises what parsers do."""
    written = document.written_at(uri, position)
    if written is None:
        return []
    # Where one types anything else, this line and those above are all that is looked at.
    asked = _PLACE.search(written.lines[written.row][: written.column]) or asks_for_width(written)
    if asked is None:
        return []
    begins = statement_at(written.lines, written.row, written.column)
    if asked.re is _PLACE:
        items = _places(parse, interpreter, written, begins, asked)
    else:
        items = widths(parse, interpreter, written, begins, asked["begun"])
    found: dict[str, types.CompletionItem] = {}
    for item in items:
        found.setdefault(item.label, item)
    column = to_client(written.lines[written.row], written.column - len(asked["begun"]), document.encoding)
    start = types.Position(position.line, column)
    for item in found.values():
        item.text_edit = types.TextEdit(types.Range(start, position), item.label)
    return list(found.values())


def _places(
    parse: Parse, interpreter: type[Interpreter], written: Written, begins: Begun, asked: re.Match[str]
) -> Iterator[types.CompletionItem]:
    """What stands directly in the module that is named in front of the cursor, on every path."""
    try:
        owner = cst.parse_expression(asked["owner"])
    except (cst.ParserSyntaxError, RecursionError):
        return
    # What is being written is no Python yet, so the statement is read as if only the whole part of it were there.
    program = finished_program(parse, written, begins, ((last, asked["owner"]) for last in begins.ends))
    nodes = [] if program is None else program.at(written.first_line + begins.row, len(begins.indent))
    seen = values_at(program, nodes[0], owner, interpreter) if program is not None and nodes else ()
    for state, value in seen:
        if isinstance(value, Module):
            yield from _inside(state, value.ref, in_brackets=asked["how"] == "[")


def _inside(state: State, ref: ModuleRef, *, in_brackets: bool) -> Iterator[types.CompletionItem]:
    """What stands directly in a module, heads first."""
    found = standing(state, ref)
    if found is None:
        return
    inside = {head.place: head for head in found.heads}
    prefix = f"{found.part.place}." if found.part.place else ""
    items: list[types.CompletionItem] = []
    for number, (name, child) in enumerate(modules.children_of(state, ref)):
        if child is None or name.isdigit() != in_brackets:
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
