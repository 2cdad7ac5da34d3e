"""`headlint check PATH...`: the findings in files and directories, as flake8 would report them."""

from __future__ import annotations

import argparse
import ast
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headlint.commands.options import add_confirmation_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headlint.lint import Linter, Report
    from headlint.source.segments import Source

STDIN = "-"
CLEAN, FOUND, USAGE = 0, 1, 2


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("check", help="check files and directories", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, directories, or - for standard input")
    parser.add_argument(
        "--stdin-filename", default="stdin", metavar="NAME", help="what to call standard input (default: %(default)s)"
    )
    parser.add_argument(
        "--output-format",
        choices=("text", "concise"),
        default="text",
        help="text: with source line and hint; concise: a line per finding, as flake8 (default: %(default)s)",
    )
    parser.add_argument(
        "--select",
        metavar="CODES",
        help="only these codes or beginnings of codes, separated by commas (default: all that are on by default)",
    )
    parser.add_argument(
        "--confirm",
        choices=("auto", "require", "off"),
        default="auto",
        help="auto: confirm findings on the real model where torch is found; require: report only confirmed ones;"
        " off: never start a worker (default: %(default)s)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="print what was understood of every model too: its history on each path, and what was not known",
    )
    add_confirmation_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check everything; exit status 0 clean, 1 findings or files that are no Python, 2 for a wrong path or option."""
    from headlint.lint import Linter, Settings
    from headlint.rulebook import default_codes

    try:
        select = default_codes() if options.select is None else _selected(options.select)
    except ValueError as wrong:
        print(f"headlint check: {wrong}", file=sys.stderr)
        return USAGE
    settings = Settings(
        confirm=options.confirm,
        python=options.python,
        timeout=options.timeout,
        cache_directory=options.cache_dir,
        select=select,
    )
    with Linter(settings) as linter:
        return _Run(linter, options).check(options.paths)


class _Run:
    """One run over all paths: what is printed on the way, and the exit status at its end."""

    def __init__(self, linter: Linter, options: argparse.Namespace) -> None:
        from headlint.output.terminal import Progress, palette_for
        from headlint.output.text import Tally

        self._linter = linter
        self._stdin_name: str = options.stdin_filename
        self._readable: bool = options.output_format == "text"
        self._explain: bool = options.explain
        self._palette = palette_for(sys.stdout)
        self._tally = Tally()
        self._status = CLEAN
        self._progress = Progress(0)

    def check(self, paths: list[str]) -> int:
        from headlint.output.terminal import Progress

        files = list(dict.fromkeys(self._files(paths)))
        named = {Path(path) for path in paths}
        self._progress = Progress(len(files))
        try:
            for number, file in enumerate(files, start=1):
                self._progress.show(number, self._name(file))
                self._check_file(file, named=file in named)
        finally:
            self._progress.clear()
        if self._readable and (files or self._status != 2):
            print(self._tally.summary())
        return self._status

    def _files(self, paths: list[str]) -> Iterator[Path | None]:
        """The files to check; None stands for standard input."""
        from headlint.source.discovery import python_files

        for path in paths:
            if path == STDIN:
                yield None
                continue
            try:
                yield from python_files([path])
            except OSError as missing:
                self._complain(str(missing), USAGE)

    def _name(self, file: Path | None) -> str:
        return self._stdin_name if file is None else str(file)

    def _check_file(self, file: Path | None, *, named: bool) -> None:
        from headlint.source.decoding import DecodingFailure
        from headlint.source.reading import read_source

        name = self._name(file)
        try:
            source = read_source(sys.stdin.buffer.read() if file is None else file.read_bytes(), name)
        except OSError as unreadable:
            self._tally.unchecked += 1
            self._complain(f"{name}: cannot be read: {unreadable.strerror}", USAGE if named else FOUND)
        except DecodingFailure as failure:
            self._tally.unchecked += 1
            self._complain(f"{name}:{failure}", FOUND)
        else:
            for note in source.notes:
                self._complain(f"{name}:{note}", CLEAN)
            report = self._linter.lint(source.text, name)
            if self._explain:
                self._tell(name, source)
            self._report(name, source, report)

    def _tell(self, name: str, source: Source) -> None:
        from headlint.output.explain import explanation

        self._progress.clear()
        for line in explanation(source, name):
            print(line)
        print()

    def _report(self, name: str, source: Source, report: Report) -> None:
        from headlint.output.text import concise, readable
        from headlint.source.suppressions import Suppressions

        if report.notes:
            unchecked = _is_no_python(source.text)
            for note in report.notes:
                self._complain(f"{name}:{note}", FOUND if unchecked else CLEAN)
            if unchecked:
                self._tally.unchecked += 1
                return
        suppressions = Suppressions(source.text)
        findings = sorted(
            (finding for finding in report.findings if not suppressions.hides(finding.code, finding.span.line)),
            key=lambda finding: (finding.span, finding.code),
        )
        self._tally.add(findings, report.hidden)
        if not findings:
            return
        self._status = max(self._status, FOUND)
        self._progress.clear()
        for finding in findings:
            told, lines = source.located(finding), source.lines_around(finding.span.line)
            print(readable(told, name, lines, self._palette) if self._readable else concise(told, name))

    def _complain(self, line: str, status: int) -> None:
        self._progress.clear()
        sys.stdout.flush()
        print(f"headlint: {line}", file=sys.stderr)
        self._status = max(self._status, status)


def _is_no_python(text: str) -> bool:
    """Whether Python itself refuses the file; if only headlint's parser does, that is no fault of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False


def _selected(text: str) -> frozenset[str]:
    """The codes that begin with one of the given texts; raises ValueError for one that selects nothing.

    A rule that is off by default is selected by its whole code alone.
    """
    from headlint.rulebook import rules

    selected: set[str] = set()
    for beginning in filter(None, (part.strip().upper() for part in text.replace(" ", ",").split(","))):
        chosen = {
            rule.code
            for rule in rules()
            if rule.code.startswith(beginning) and (rule.default_on or rule.code == beginning)
        }
        if not chosen:
            raise ValueError(f"--select: no rule begins with {beginning!r}; `headlint rule` lists them")
        selected |= chosen
    if not selected:
        raise ValueError("--select: no code given")
    return frozenset(selected)
