"""A program and what it takes to run it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """A program and how it is run: once for each of `runs`, its command lines, on samples of shape `inputs`.

    `drive` is code that runs behind it, as of somebody who imports it. `planned` names the mistakes that were put in,
    for statistics only: what counts is what happens. A `notebook` is linted as one, cell by cell.
    """

    text: str
    inputs: tuple[int, ...]
    builders: tuple[str, ...]
    runs: tuple[tuple[str, ...], ...] = ((),)
    drive: tuple[str, ...] = ()
    targets: str = "classes"
    planned: tuple[str, ...] = ()
    style: str = ""
    notebook: bool = False
