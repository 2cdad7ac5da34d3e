"""Columns as the client counts them, which is in units of the encoding agreed on, and as Python does."""

from __future__ import annotations

import re

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class Text(TextDocument):
    """A document whose lines are those of the protocol and of Python: form feeds and their like end none."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines with their ends."""
        return tuple(_LINE.findall(self.source))


class Texts(Workspace):
    """A workspace of such documents."""

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> TextDocument:
        return Text(doc_uri, source, version, language_id, True, self._sync_kind, self._position_codec)


def to_client(line: str, column: int, encoding: str) -> int:
    """The units in front of a column that counts code points."""
    before = line[:column]
    if encoding == types.PositionEncodingKind.Utf32 or before.isascii():
        return len(before)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(before.encode(errors="surrogatepass"))
    return len(before) + sum(character > "\uffff" for character in before)


def from_client(line: str, units: int, encoding: str) -> int:
    """The column that so many units come to, at most the end of the line; inside a character, the column before it."""
    if encoding == types.PositionEncodingKind.Utf32 or line.isascii():
        return min(units, len(line))
    for column, character in enumerate(line):
        units -= to_client(character, 1, encoding)
        if units < 0:
            return column
    return len(line)
