"""The bytes of a file as a program, Python or a notebook by its name, and an edited program as bytes again."""

from __future__ import annotations

from headlint.source.cells import Unchangeable
from headlint.source.decoding import DecodingFailure, decode, encode
from headlint.source.notebooks import SUFFIX, read_notebook, rewritten_notebook
from headlint.source.segments import Source


def read_source(data: bytes, name: str) -> Source:
    """The program in `data`; raises DecodingFailure."""
    return read_notebook(data) if name.endswith(SUFFIX) else Source(decode(data))


def rewritten(data: bytes, name: str, text: str) -> bytes:
    """The file with `text` in the place of the program that was read from `data`; raises Unchangeable.

    Encoding, byte order mark and, in a notebook, every byte that is no source of an edited cell stay as they are.
    """
    if name.endswith(SUFFIX):
        return rewritten_notebook(data, text)
    try:
        return encode(text, data)
    except DecodingFailure as failure:
        raise Unchangeable(str(failure).partition(": ")[2]) from None
