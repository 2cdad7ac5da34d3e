"""The options of `headlint check`, and what they say as a configuration."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from headlint.commands.options import add_confirmation_options

if TYPE_CHECKING:
    from headlint.source.configuration import Configuration
    from headlint.source.patterns import Patterns


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare them all."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="files, directories, or - for standard input (default: .)"
    )
    for title, declare in (
        ("rules", _rules),
        ("fixes", _fixes),
        ("suppressions", _suppressions),
        ("files", _files),
        ("confirmation", _confirmation),
        ("output", _output),
        ("configuration", _configuration),
    ):
        group = parser.add_argument_group(title)
        declare(group)


def given_configuration(options: argparse.Namespace) -> Configuration:
    """What the command line says; raises ValueError whose message names the option."""
    from headlint.lint import VERIFYING
    from headlint.source.configuration import NO_CONFIGURATION
    from headlint.source.selection import split_codes

    codes = {}
    for name in ("select", "extend_select", "ignore"):
        text = getattr(options, name)
        try:
            codes[name] = None if text is None else split_codes(text)
        except ValueError as wrong:
            raise ValueError(f"--{name.replace('_', '-')}: {wrong}") from None
    if codes["select"] == ():
        raise ValueError("--select: no code given")
    return replace(
        NO_CONFIGURATION,
        select=codes["select"],
        extend_select=(*(codes["extend_select"] or ()), *([VERIFYING] if options.verify else [])),
        ignore=codes["ignore"] or (),
        exclude=_exclude(options.exclude),
        respect_gitignore=options.respect_gitignore,
        force_exclude=options.force_exclude,
        confirm=options.confirm,
        python=options.python,
        timeout=options.timeout,
        cache_dir=options.cache_dir,
        output_format=options.output_format,
        jobs=options.jobs,
    )


def _exclude(given: list[str] | None) -> Patterns | None:
    from headlint.source.configuration import checked_patterns

    if given is None:
        return None
    lines = tuple(line.strip() for text in given for line in text.split(","))
    try:
        return checked_patterns(os.getcwd(), lines)
    except ValueError as wrong:
        raise ValueError(f"--exclude: {wrong}") from None


def _rules(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--select", metavar="CODES", help="only these codes or beginnings of codes, separated by commas")
    group.add_argument("--extend-select", metavar="CODES", help="these too")
    group.add_argument("--ignore", metavar="CODES", help="and not these")


def _fixes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--fix", action="store_true", help="apply the safe fixes, each of which is proven")
    group.add_argument("--unsafe-fixes", action="store_true", help="count the unsafe ones in, which may change more")
    group.add_argument("--diff", action="store_true", help="print what --fix would change, and change nothing")


def _suppressions(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--add-noqa", action="store_true", help="silence every finding with a comment on its line")
    group.add_argument("--unused-noqa", action="store_true", help="name comments with codes that silence nothing")


def _files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--stdin-filename", default="stdin", metavar="NAME", help="what to call standard input (default: %(default)s)"
    )
    group.add_argument(
        "--exclude", action="append", metavar="PATTERNS", help="leave these out, with patterns as .gitignore has them"
    )
    group.add_argument(
        "--force-exclude", action="store_true", default=None, help="leave excluded files out even if they are named"
    )
    group.add_argument(
        "--no-respect-gitignore",
        action="store_false",
        default=None,
        dest="respect_gitignore",
        help="check files that git ignores too",
    )


def _confirmation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--confirm",
        choices=("auto", "require", "off"),
        help="auto: confirm findings on the real model where torch is found; require: report only confirmed ones;"
        " off: never start a worker (default: auto)",
    )
    group.add_argument(
        "--verify",
        action="store_true",
        help="replay every model, also where nothing is suspected: report what torch refuses (HL200), count what runs",
    )
    add_confirmation_options(group)


def _output(group: argparse._ArgumentGroup) -> None:
    from headlint.output.formats import names

    group.add_argument(
        "--output-format",
        choices=names(),
        help="text: with source line and hint; concise: a line per finding, as flake8; the others: for programs"
        " (default: text)",
    )
    group.add_argument("--output-file", metavar="FILE", help="where to write it (default: standard output)")
    group.add_argument("--statistics", action="store_true", help="print how often each rule found something instead")
    group.add_argument("--exit-zero", action="store_true", help="end with status 0 whatever is found")
    group.add_argument(
        "--explain",
        action="store_true",
        help="print what was understood of every model too: its history on each path, and what was not known",
    )
    group.add_argument(
        "--jobs", type=_count, metavar="N", help="how many processes check (default: as many as are of use)"
    )
    group.add_argument("--watch", action="store_true", help="check again whenever a file changes")


def _configuration(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--config", metavar="FILE", help="the pyproject.toml to go by, in the place of all others")
    group.add_argument("--isolated", action="store_true", help="go by no pyproject.toml")
    group.add_argument(
        "--show-settings", action="store_true", help="print the settings, where each comes from, and end"
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


_count.__name__ = "number of processes"  # argparse says "invalid number of processes value"
