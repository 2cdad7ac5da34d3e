"""Options that several commands share."""

from __future__ import annotations

import argparse


def add_confirmation_options(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """The options that say with what findings are confirmed."""
    parser.add_argument(
        "--python",
        metavar="PATH",
        help="the Python whose torch and torchvision confirm (default: this one, else the active environment)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help="how long one confirmation may take (default: 30)",
    )
    parser.add_argument(
        "--cache-dir", metavar="PATH", help="where verdicts are cached (default: the user's cache directory)"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


_seconds.__name__ = "number of seconds"  # argparse says "invalid number of seconds value"
