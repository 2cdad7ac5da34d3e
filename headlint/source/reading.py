"""The bytes of a file as a program, Python or a notebook by its name, and an edited program as bytes again."""

from __future__ import annotations

import re

from headlint.relevance import concerns
from headlint.source.cells import Unchangeable, merged
from headlint.source.decoding import DecodingFailure, decode, encode
from headlint.source.notebooks import SUFFIX, as_python, read_notebook, rewritten_notebook
from headlint.source.segments import Source

_PERCENT_CELL = re.compile(r"^# ?%%", re.MULTILINE)


def read_source(data: bytes, name: str) -> Source:
    """The program in `data`; raises DecodingFailure."""
    return read_notebook(data) if name.endswith(SUFFIX) else Source(_script(decode(data)))


def rewritten(data: bytes, name: str, text: str) -> bytes:
    """The file with `text` in the place of the program that was read from `data`; raises Unchangeable.

    Encoding, byte order mark and, in a notebook, every byte that is no source of an edited cell stay as they are.
    """
    if name.endswith(SUFFIX):
        return rewritten_notebook(data, text)
    try:
        original = decode(data)
        python = _script(original)
        if python != original:
            lines = original.split("\n")
            kept = merged(lines, python.split("\n"), text.split("\n"))
            text = "\n".join(lines[line] if isinstance(line, int) else line for line in kept)
        return encode(text, data)
    except DecodingFailure as failure:
        raise Unchangeable(str(failure).partition(": ")[2]) from None


def _script(text: str) -> str:
    """A script as Python: in one that has cells behind `# %%`, editors run magics and shell lines too."""
    if "\r" in text or not concerns(text) or not _PERCENT_CELL.search(text):
        return text
    return as_python(text) or text
