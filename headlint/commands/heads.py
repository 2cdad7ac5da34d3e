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
    from headlint.output.heads import head_lines, heads_table

    if options.model is None:
        print(heads_table().rstrip("\n"))
        return 0
    try:
        text = head_lines(options.model)
    except LookupError as unknown:
        print(f"headlint heads: {unknown.args[0]}", file=sys.stderr)
        return 2
    print(text.rstrip("\n"))
    return 0
