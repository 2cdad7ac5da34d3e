"""The bytes of a file as a program: Python, or a notebook by its name."""

from __future__ import annotations

from headlint.source.decoding import decode
from headlint.source.notebooks import SUFFIX, read_notebook
from headlint.source.segments import Source


def read_source(data: bytes, name: str) -> Source:
    """The program in `data`; raises DecodingFailure."""
    return read_notebook(data) if name.endswith(SUFFIX) else Source(decode(data))
