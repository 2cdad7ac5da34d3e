"""The shipped file of the zoo: a small index, and one compressed part per builder and per tree, read when asked for.

Layout: eight bytes that name the format, four bytes with the length of the index (big endian), the index, the parts.
Index and parts are JSON, each compressed on its own. The first part is the table of types, then come the builders
in the order of their names, then the trees.
"""

from __future__ import annotations

import json
import os
import zlib
from functools import cache
from typing import Any

FORMAT = b"HLZOO\x00\x00\x01"
HEADER = len(FORMAT) + 4
FILE = os.path.join(os.path.dirname(__file__), "zoo.bin")

TYPES = 0
FIRST_BUILDER = 1


@cache
def index() -> dict[str, Any]:
    """The table of contents.

    `torch` and `torchvision` are the versions that the data was made from, `builders` the names of all builders,
    `modules` who exposes which (`attribute` or `attribute=name`), `ends` the end of every part counted from the end
    of the index, and `begin` where that is. Lists of names are one text each, which is read faster.
    """
    with open(FILE, "rb") as file:
        header = file.read(HEADER)
        if header[: len(FORMAT)] != FORMAT:
            raise ValueError(f"{FILE} is no zoo of this version")
        length = int.from_bytes(header[len(FORMAT) :], "big")
        contents: dict[str, Any] = json.loads(zlib.decompress(file.read(length)))
    contents["begin"] = HEADER + length
    return contents


@cache
def builder_parts() -> dict[str, int]:
    """The number of the part of every builder, by name."""
    return {name: number for number, name in enumerate(index()["builders"].split(), FIRST_BUILDER)}


def tree_part(number: int) -> Any:
    """The tree with this number."""
    return part(FIRST_BUILDER + len(builder_parts()) + number)


def part(number: int) -> Any:
    """The part with this number."""
    contents = index()
    ends: list[int] = contents["ends"]
    start = ends[number - 1] if number else 0
    with open(FILE, "rb") as file:
        file.seek(contents["begin"] + start)
        return json.loads(zlib.decompress(file.read(ends[number] - start)))
