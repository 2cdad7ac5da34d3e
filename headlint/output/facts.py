"""How commands write facts about models: sizes, numbers of parameters, bytes, and lines of a label and a text."""

from __future__ import annotations

from collections.abc import Iterable


def size(shape: Iterable[int]) -> str:
    """A shape without brackets: `3x224x224`."""
    return "x".join(map(str, shape))


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 parameter`, `25,557,032 parameters`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def in_bytes(number: float) -> str:
    """A number of bytes as people read it: `3.1 kB`, `44.7 MB`."""
    units = ["B", "kB", "MB", "GB"]
    while number >= 1000 and len(units) > 1:
        number /= 1000
        del units[0]
    return f"{number:.0f} {units[0]}" if units[0] == "B" or number >= 100 else f"{number:.1f} {units[0]}"


def head_fact(kind: str, inside: object, outside: object) -> str:
    """A head by its kind and its widths: `Linear, 2048 in, 1000 out`."""
    return f"{kind}, {inside} in, {outside} out"
