"""Calls that are being written, filled in so that they make a layer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from headlint.lsp.documents import Written
from headlint.lsp.unfinished import Begun
from headlint.torchlib.layers import REQUIRED, find_layer
from headlint.torchlib.shapes import SIZED


def layer_named(name: str, written: Written) -> str | None:
    """The sized layer that a name means, as it is imported."""
    if name in SIZED:
        return name
    imported = re.compile(rf"\b(\w+)\s+as\s+{name}\b")
    lines = (line for part in (written.lines, written.before) for line in part if " as " in line)
    return next((found[1] for found in map(imported.search, lines) if found and found[1] in SIZED), None)


def filled_statements(written: Written, begins: Begun, begun: str) -> Iterator[tuple[int, str]]:
    """Statements with a number for the width and for what else the layer needs, and the row in which each ends."""
    kept = begins.text[: len(begins.text) - len(begun)]
    for last in begins.ends:
        rest = [written.lines[written.row][written.column :], *written.lines[written.row + 1 : last + 1]]
        for text in (kept + "1" + re.sub(r"^\w+", "", "\n".join(rest)), f"{kept}1{begins.closing}"):
            finished = _with_all_sizes(text, len(kept), written)
            if finished is not None:
                yield last, finished


def _with_all_sizes(text: str, offset: int, written: Written) -> str | None:
    """A statement in which the call that is given the number at an offset has all that it needs, None if it is none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = text.split("\n")
    row = text.count("\n", 0, offset)
    column = len(text[text.rfind("\n", 0, offset) + 1 : offset].encode())
    for call in ast.walk(tree):
        given = [*call.args, *(keyword.value for keyword in call.keywords)] if isinstance(call, ast.Call) else []
        if isinstance(call, ast.Call) and any((a.lineno - 1, a.col_offset) == (row, column) for a in given):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            end = max((value.end_lineno or 0, value.end_col_offset or 0) for value in given)
            line = lines[end[0] - 1].encode()
            more = "".join(f", {needed}=1" for needed in _needs(layer_named(name, written), call))
            lines[end[0] - 1] = (line[: end[1]] + more.encode() + line[end[1] :]).decode()
            return "\n".join(lines)
    return None


def _needs(kind: str | None, call: ast.Call) -> list[str]:
    """The arguments that a layer must be given and is not."""
    layer = None if kind is None else find_layer(kind)
    names = {keyword.arg for keyword in call.keywords}
    if layer is None or None in names or any(isinstance(value, ast.Starred) for value in call.args):
        return []
    behind = layer.parameters[len(call.args) :]
    return [name for name, default in behind if default is REQUIRED and name not in names]
