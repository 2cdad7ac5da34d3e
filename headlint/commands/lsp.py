"""`headlint lsp`: the language server, over standard input and output."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from typing import Any

from headlint.commands.options import add_confirmation_options

NOT_INSTALLED = 2


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("lsp", help="serve an editor over standard input and output", description=__doc__)
    parser.add_argument("--stdio", action="store_true", help="what some editors add; there is no other way")
    add_confirmation_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve one client until it leaves; exit status 2 if what that needs is not installed."""
    if any(find_spec(name) is None for name in ("pygls", "lsprotocol")):
        print("headlint lsp: the language server is not installed: pip install 'headlint[lsp]'", file=sys.stderr)
        return NOT_INSTALLED
    from headlint.lsp.server import server_with
    from headlint.source.configuration import Configuration

    server = server_with(Configuration(python=options.python, timeout=options.timeout, cache_dir=options.cache_dir))
    # The protocol has a standard output of its own, which pygls closes and nobody prints into.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output, redirect_stdout(sys.stderr):
        try:
            server.start_io(stdout=output)
        finally:
            if server.desk is not None:
                server.desk.end()
    return 0
