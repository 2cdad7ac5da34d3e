"""`headlint inspect FILE[:LINE]`: every model that a file builds, as one real replay of its code leaves it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headlint.commands.options import add_confirmation_options

if TYPE_CHECKING:
    from headlint.output.inspection.model import Inspection
    from headlint.source.segments import Source

SHOWN, NOTHING, USAGE = 0, 1, 2
# A replay tells a whole model and what a training step keeps: more than a verdict may take.
MEMORY = 6 << 30


class Refused(Exception):
    """There is nothing to show; the text says why, `status` is the exit status."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("inspect", help="show what the code makes of its models", description=__doc__)
    parser.add_argument(
        "place",
        metavar="FILE[:LINE]",
        help="a Python file or notebook, and the line behind which to stop (in a notebook CELL or CELL:LINE)",
    )
    parser.add_argument(
        "--output-format",
        choices=("text", "json"),
        default="text",
        help="text: for people; json: everything, for programs (default: %(default)s)",
    )
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page with a picture of each model")
    add_confirmation_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the models; exit status 0, 1 for a file that is no Python or has no model, 2 for a wrong path or line."""
    try:
        inspections = _inspections(options)
        if options.html is not None:
            _write(options.html, inspections)
    except Refused as refused:
        print(f"headlint inspect: {refused}", file=sys.stderr)
        return refused.status
    except Exception as error:  # noqa: BLE001  (as in the pipeline: a fault of ours is one line)
        fault = f"headlint itself fails on this file ({type(error).__name__}: {error})"
        print(f"headlint inspect: {options.place}: {fault}", file=sys.stderr)
        return NOTHING
    if options.output_format == "json":
        from headlint.output.inspection.data import as_json

        print(as_json(inspections))
    elif options.html is None:
        _show(inspections)
    return SHOWN if all(not inspection.failed for inspection in inspections) else NOTHING


def _show(inspections: Sequence[Inspection]) -> None:
    from headlint.output.console import console_for
    from headlint.output.inspection.text import show

    console = console_for(sys.stdout)
    for number, inspection in enumerate(inspections):
        if number:
            console.print()
        show(console, inspection)


def _inspections(options: argparse.Namespace) -> list[Inspection]:
    from headlint.flow.histories import analyse
    from headlint.flow.stopping import analyse_until
    from headlint.output.inspection.histories import ways
    from headlint.output.inspection.inspecting import inspect
    from headlint.probe.client import DEFAULT_TIMEOUT, Prober
    from headlint.relevance import concerns
    from headlint.source.program import parse
    from headlint.source.stops import stop_at

    name, until = _parted(options.place)
    source = _read(name)
    line = None if until is None else _line(source, until)
    if not concerns(source.text):
        raise Refused(f"{name}: nothing of torchvision's models is used here", NOTHING)
    try:
        program = parse(source.text, name, source=source)
    except Exception as wrong:
        raise Refused(f"{name}: cannot be parsed ({type(wrong).__name__})", NOTHING) from wrong
    stop = None if line is None else stop_at(program, line)
    nothing = "no model of torchvision is built here" if line is None else f"no model is there at line {until}"
    if line is not None and stop is None:
        raise Refused(f"{name}: {nothing}", NOTHING)
    analysis = analyse(program.tree) if stop is None else analyse_until(program.tree, stop)
    shown = list(ways(program, analysis.histories))
    if not shown:
        raise Refused(f"{name}: {analysis.note or nothing + ', as far as can be seen'}", NOTHING)
    timeout = DEFAULT_TIMEOUT if options.timeout is None else options.timeout
    with Prober(options.python, timeout, options.cache_dir, MEMORY) as prober:
        return [inspect(program, way, until or "", prober) for way in shown]


def _parted(place: str) -> tuple[str, str | None]:
    """The file and, behind colons, the line: as it is, if there is a file of this very name."""
    if os.path.exists(place):
        return place, None
    name, _, line = place.rpartition(":")
    cell = name.rpartition(":")
    if line.isdigit() and not os.path.exists(name) and cell[2].isdigit():
        name, line = cell[0], f"{cell[2]}:{line}"
    if not name or not line.replace(":", "").isdigit():
        return place, None
    return name, line


def _read(name: str) -> Source:
    from headlint.source.decoding import DecodingFailure
    from headlint.source.reading import read_source

    try:
        with open(name, "rb") as stream:
            return read_source(stream.read(), name)
    except OSError as unreadable:
        raise Refused(f"{name}: cannot be read: {unreadable.strerror}", USAGE) from None
    except DecodingFailure as failure:
        raise Refused(f"{name}:{failure}", NOTHING) from None


def _line(source: Source, text: str) -> int:
    """The line of the program that a line of the file, or of a cell, is; of a cell alone its last one."""
    lines = range(1, source.text.count("\n") + 2)
    found = [line for line in lines if f"{source.spelled(line)}:".startswith(f"{text.lstrip('0')}:")]
    if not found:
        raise Refused(f"there is no line {text} in it", USAGE)
    return found[-1]


def _write(path: str, inspections: Sequence[Inspection]) -> None:
    from headlint.output.inspection.page import page
    from headlint.source.writing import write_file

    try:
        write_file(path, page(inspections).encode("utf-8", "backslashreplace"))
    except OSError as refused:
        raise Refused(f"{path}: cannot be written: {refused.strerror}", USAGE) from None
