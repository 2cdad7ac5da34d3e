"""The command line: `headlint check`, `rule`, `heads`, `doctor` and `lsp`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from headlint import __version__
from headlint.commands import check, doctor, heads, inspect, lsp, rule

USAGE_EXIT = 2
BROKEN_PIPE_EXIT = 141
INTERRUPTED_EXIT = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; the entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        _accept_every_character(stream)
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE_EXIT
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="headlint",
        description="Proves that the surgery on pretrained torchvision models does what its author meant.",
    )
    parser.add_argument("--version", action="version", version=f"headlint {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (check, inspect, rule, heads, doctor, lsp):
        command.add_parser(commands)
    return parser


def _accept_every_character(stream: TextIO) -> None:
    """File names and source lines can hold what the terminal's encoding cannot."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
