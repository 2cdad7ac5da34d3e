"""What a client has open, as the programs that the analysis reads: a file, or the cells of a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from lsprotocol import types
from pygls.uris import to_fs_path
from pygls.workspace import Workspace

from headlint.finding import Edit, Span
from headlint.lsp.positions import from_client, to_client
from headlint.source.decoding import split_lines
from headlint.source.notebooks import as_python, program_of
from headlint.source.segments import Source


@dataclass(frozen=True)
class Part:
    """One text of the client's, a file or a cell, which begins at a line (from 1) of the program."""

    uri: str
    version: int | None
    first_line: int
    lines: tuple[str, ...]
    line_end: str = "\n"


@dataclass(frozen=True)
class Written:
    """A text of the client's at the moment, with a place in it (both from 0) and the rest of the program around it.

    `first_line` is that of the text in the program, from 1.
    """

    lines: tuple[str, ...]
    row: int
    column: int
    first_line: int
    before: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    is_cell: bool = False

    def program(self, lines: Sequence[str]) -> str | None:
        """The whole program with other lines, as many, in the place of the text; None where these are no Python."""
        text = "\n".join(lines)
        python = as_python(text) if self.is_cell else text
        return None if python is None else "\n".join([*self.before, python, *self.behind])


@dataclass(frozen=True)
class Document:
    """One program as the client had it at some moment.

    `uri` names the file or the notebook, `encoding` says in which units the client counts columns, and `versioned`
    whether it takes edits of one version of a text. Cells that are no Python are `left_out` of the program; their
    first line is that where they would stand.
    """

    uri: str
    source: Source
    parts: tuple[Part, ...]
    encoding: str
    versioned: bool
    left_out: tuple[Part, ...] = ()
    is_notebook: bool = False

    @property
    def name(self) -> str:
        """The path of the file, or what names it where it is none."""
        return to_fs_path(self.uri) or self.uri

    def located(self, span: Span) -> types.Location:
        """A stretch of the program as the client counts."""
        part = next(part for part in reversed(self.parts) if part.first_line <= span.line or part is self.parts[0])
        start = self._position(part, span.line, span.column)
        return types.Location(part.uri, types.Range(start, self._position(part, span.end_line, span.end_column)))

    def _position(self, part: Part, line: int, column: int) -> types.Position:
        number = line - part.first_line
        text = part.lines[number] if number < len(part.lines) else ""
        return types.Position(number, to_client(text, column, self.encoding))

    def place(self, uri: str, position: types.Position) -> tuple[int, int] | None:
        """The line (from 1) and column of the program at a place of the client's, None outside of it."""
        part = next((part for part in self.parts if part.uri == uri), None)
        if part is None:
            return None
        text = part.lines[position.line] if position.line < len(part.lines) else ""
        return part.first_line + position.line, from_client(text, position.character, self.encoding)

    def written_at(self, uri: str, position: types.Position) -> Written | None:
        """A text of the client's with the rest of the program around it, None where the place is outside of all."""
        part = next((part for part in (*self.parts, *self.left_out) if part.uri == uri), None)
        if part is None or not 0 <= position.line < len(part.lines):
            return None
        column = from_client(part.lines[position.line], position.character, self.encoding)
        if not self.is_notebook:
            return Written(part.lines, position.line, column, 1)
        program = self.source.text.split("\n")
        first = part.first_line
        behind = first - 1 if part in self.left_out else first - 1 + len(part.lines)
        around = (tuple(program[: first - 1]), tuple(program[behind:]))
        return Written(part.lines, position.line, column, first, *around, is_cell=True)

    def edited(self, edits: Iterable[Edit]) -> types.WorkspaceEdit:
        """These edits of the program as edits of the client's texts, in the versions that were read."""
        changes: dict[str, list[types.TextEdit]] = {}
        for edit in edits:
            location = self.located(edit.span)
            part = next(part for part in self.parts if part.uri == location.uri)
            text = edit.text.replace("\n", part.line_end)
            changes.setdefault(part.uri, []).append(types.TextEdit(location.range, text))
        if not self.versioned:
            return types.WorkspaceEdit(changes=changes)
        versions = {part.uri: part.version for part in self.parts}
        edited = [
            types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, versions[uri]), texts)
            for uri, texts in changes.items()
        ]
        return types.WorkspaceEdit(document_changes=edited)


def owner_of(workspace: Workspace, uri: str) -> str:
    """The document that a text of the client's belongs to: the notebook of a cell, else the text itself."""
    notebook = workspace.get_notebook_document(cell_uri=uri)
    return uri if notebook is None else notebook.uri


def document_at(workspace: Workspace, uri: str, *, versioned: bool) -> Document | None:
    """The document as it is now, None if it is not open; `uri` is that of a file or a notebook."""
    encoding = str(workspace.position_encoding)
    notebook = workspace.get_notebook_document(notebook_uri=uri)
    if notebook is not None:
        return _notebook(workspace, notebook, encoding, versioned)
    # pygls keeps documents by their addresses with nothing escaped.
    text = workspace.text_documents.get(unquote(uri))
    if text is None or text.language_id not in ("python", "", None):
        return None
    lines = split_lines(text.source)
    part = Part(uri, text.version, 1, tuple("".join(lines).split("\n")), _line_end(text.source))
    return Document(uri, Source("".join(lines)), (part,), encoding, versioned)


def _line_end(text: str) -> str:
    found = re.search(r"\r\n|\r|\n", text)
    return found[0] if found is not None else "\n"


def _notebook(workspace: Workspace, notebook: types.NotebookDocument, encoding: str, versioned: bool) -> Document:
    cells = [cell.document for cell in notebook.cells if cell.kind == types.NotebookCellKind.Code]
    texts = {number: workspace.get_text_document(uri) for number, uri in enumerate(cells, start=1)}
    python = {number: text for number, text in texts.items() if text.language_id in ("python", "", None)}
    lines = {number: "".join(split_lines(text.source)).split("\n") for number, text in python.items()}
    source = program_of((number, "\n".join(lines[number])) for number in python)
    begins = {segment.cell: segment for segment in source.segments}
    inside: list[Part] = []
    outside: list[Part] = []
    behind = 1
    for number, text in python.items():
        segment = begins.get(number)
        first = behind if segment is None else segment.first_line
        part = Part(text.uri, text.version, first, tuple(lines[number]), _line_end(text.source))
        (outside if segment is None else inside).append(part)
        behind = first + len(part.lines) if segment is not None else behind
    return Document(notebook.uri, source, tuple(inside), encoding, versioned, tuple(outside), is_notebook=True)
