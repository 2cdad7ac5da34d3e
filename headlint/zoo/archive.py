"""The shipped file of the zoo: a small index, and one compressed part per builder and per tree, read when asked for.

Layout: eight bytes that name the format, four bytes with the length of the index (big endian), the index, the parts.
Index and parts are JSON, each compressed on its own; a part is found by its offset and length.
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


@cache
def index() -> dict[str, Any]:
    """The table of contents: `builders`, `trees` and `types` say where the parts are, `modules` who exposes what."""
    with open(FILE, "rb") as file:
        header = file.read(HEADER)
        if header[: len(FORMAT)] != FORMAT:
            raise ValueError(f"{FILE} is no zoo of this version")
        contents: dict[str, Any] = json.loads(zlib.decompress(file.read(int.from_bytes(header[-4:], "big"))))
    return contents


def part(place: list[int]) -> Any:
    """The part that stands at `place`: an offset from the end of the index, and a length."""
    offset, length = place
    with open(FILE, "rb") as file:
        file.seek(len(FORMAT))
        file.seek(HEADER + int.from_bytes(file.read(4), "big") + offset)
        return json.loads(zlib.decompress(file.read(length)))
