"""`headlint heads [NAME]`: the heads of torchvision's models and the line that replaces one."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("heads", help="show where a model keeps its head", description=__doc__)
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a builder of torchvision, such as resnet50")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for; exit status 2 for a model that does not exist."""
    from headlint.output.console import console_for
    from headlint.output.heads.facts import UnknownBuilder, builder_called
    from headlint.output.heads.text import show_all, show_one

    console = console_for(sys.stdout)
    if options.model is None:
        show_all(console)
        return 0
    try:
        builder = builder_called(options.model)
    except UnknownBuilder as unknown:
        print(f"headlint heads: {unknown}", file=sys.stderr)
        return 2
    show_one(console, builder)
    return 0
