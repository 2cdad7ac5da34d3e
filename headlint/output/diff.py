"""What fixes would change, as unified diffs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from headlint.output.formats import Look
from headlint.run.checked import Checked
from headlint.source.decoding import DecodingFailure, decode


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The diff of each file that would change, as it comes."""
    for checked in results:
        if checked.before is not None and checked.after is not None:
            yield from _diff(checked.name, checked.before, checked.after)


def _diff(name: str, before: bytes, after: bytes) -> Iterator[str]:
    old, new = (_text(data).splitlines(keepends=True) for data in (before, after))
    for line in difflib.unified_diff(old, new, fromfile=name, tofile=name):
        yield line.rstrip("\r\n")
        if not line.endswith(("\n", "\r")):
            yield "\\ No newline at end of file"


def _text(data: bytes) -> str:
    try:
        return decode(data)
    except DecodingFailure:
        return data.decode("utf-8", "replace")
