"""Patterns of paths as `.gitignore` writes them, for everything that names files by pattern."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


@dataclass(frozen=True)
class Patterns:
    """Lines of a `.gitignore` that count from a directory (an absolute path)."""

    root: str
    lines: tuple[str, ...]

    @cached_property
    def _spec(self) -> GitIgnoreSpec:
        from pathspec import GitIgnoreSpec

        return GitIgnoreSpec.from_lines(self.lines)

    def matches(self, path: str, *, directory: bool = False) -> bool | None:
        """Whether a path (absolute) is taken, True, or taken back with `!`, False; None if no pattern speaks of it."""
        if not self.lines:
            return None
        relative = os.path.relpath(path, self.root)
        if relative == os.curdir or relative.startswith(os.pardir):
            return None
        relative = Path(relative).as_posix()
        return self._spec.check_file(f"{relative}/" if directory else relative).include


def read_patterns(file: str, root: str | None = None) -> Patterns | None:
    """The patterns of a `.gitignore`, which count from its directory if not from `root`.

    None where it cannot be read or means nothing.
    """
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            lines = tuple(stream.read().splitlines())
    except OSError:
        return None
    patterns = Patterns(root or os.path.dirname(file), lines)
    try:
        patterns.matches(os.path.join(patterns.root, "a"))
    except ValueError:
        return None  # git passes over a pattern that it does not understand, and nobody can correct it from here
    return patterns
