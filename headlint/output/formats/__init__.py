"""What findings are printed as: one module for each `--output-format`, found by its name.

A module has `report(results, look)`, which takes what came of each file, as it comes, and yields lines. One that shows
fixes says so with `SHOWS_FIXES = True`: they are proven, which takes its time.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from headlint.output.terminal import PLAIN, Palette
from headlint.run.checked import Checked


@dataclass(frozen=True)
class Look:
    """How a report is to look: its colours, and whether fixes were applied and how many stay in sight."""

    palette: Palette = PLAIN
    fixing: bool = False
    unsafe: bool = False


Format = Callable[[Iterable[Checked], Look], Iterator[str]]


def names() -> list[str]:
    """The names of all formats."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__))


def load(name: str) -> Format:
    """The format of this name."""
    return cast("Format", _module(name).report)


def shows_fixes(name: str) -> bool:
    """Whether the format of this name shows fixes."""
    return getattr(_module(name), "SHOWS_FIXES", False)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
