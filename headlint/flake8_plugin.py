"""The flake8 plugin. flake8 imports this module in every run, so it imports nothing of weight itself."""

from __future__ import annotations

from headlint import __version__
from headlint.relevance import concerns
from headlint.rulepages import codes_off_by_default

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import ast
    from collections.abc import Iterator, Sequence

    from flake8.options.manager import OptionManager

    from headlint.lint import Linter, Settings


class HeadlintPlugin:
    """One instance per file; the linter, and with it the worker, is shared by all files of a process."""

    name = "headlint"
    version = __version__
    options: argparse.Namespace | None = None

    def __init__(self, tree: ast.AST, lines: Sequence[str], filename: str) -> None:
        self._tree = tree
        self._text = "".join(lines)
        self._filename = filename

    @staticmethod
    def add_options(manager: OptionManager) -> None:
        """Declare the options, and the codes that are off until they are selected."""
        manager.add_option(
            "--headlint-confirm",
            type=_confirm,
            metavar="{auto,require,off}",
            default="auto",
            parse_from_config=True,
            help="auto: confirm findings on the real model where torch is found; require: report only confirmed ones;"
            " off: never start a worker (default: %(default)s)",
        )
        manager.add_option(
            "--headlint-python",
            metavar="PATH",
            default=None,
            normalize_paths=True,
            parse_from_config=True,
            help="the Python whose torch and torchvision confirm (default: this one, else the active environment)",
        )
        manager.add_option(
            "--headlint-timeout",
            type=_seconds,
            metavar="SECONDS",
            default=30.0,
            parse_from_config=True,
            help="how long one confirmation may take (default: %(default)s)",
        )
        manager.add_option(
            "--headlint-cache-dir",
            metavar="PATH",
            default=None,
            normalize_paths=True,
            parse_from_config=True,
            help="where verdicts are cached (default: the user's cache directory)",
        )
        manager.extend_default_ignore(codes_off_by_default())

    @classmethod
    def parse_options(cls, options: argparse.Namespace) -> None:
        """Keep the options; they are turned into settings when the first file needs them."""
        cls.options = options

    def run(self) -> Iterator[tuple[int, int, str, type[HeadlintPlugin]]]:
        """The findings of this file, as flake8 wants them: lines from 1, columns from 0."""
        if not concerns(self._text):
            return
        report = _linter(_settings(self.options)).lint(self._text, self._filename, self._tree)
        for note in report.notes:
            _log(f"{self._filename}:{note}")
        for finding in report.findings:
            yield finding.span.line, finding.span.column, finding.line, type(self)


# Types instead of choices: argparse applies a type to values from a configuration file too.
def _confirm(text: str) -> str:
    if text not in ("auto", "require", "off"):
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


# argparse builds its message from the names: "invalid number of seconds value".
_confirm.__name__ = "auto, require or off"
_seconds.__name__ = "number of seconds"


def _settings(options: argparse.Namespace | None) -> Settings:
    from headlint.lint import Settings

    if options is None:
        return Settings()
    return Settings(
        confirm=options.headlint_confirm,
        python=options.headlint_python,
        timeout=options.headlint_timeout,
        cache_directory=options.headlint_cache_dir,
        select=frozenset({"HL", *_named(options)}),
    )


def _named(options: argparse.Namespace) -> Iterator[str]:
    """The codes that are off by default and selected by name.

    flake8 itself lets them through for any prefix, and for any `ignore` at all, which replaces its own default.
    """
    given = [*(options.select or ()), *(options.extend_select or ())]
    return (code for code in codes_off_by_default() if code in given)


_linters: dict[tuple[int, Settings], Linter] = {}


def _linter(settings: Settings) -> Linter:
    """This process's linter: flake8 forks its workers, and a forked linter must not be used by two processes."""
    import os
    from multiprocessing.util import Finalize

    key = (os.getpid(), settings)
    linter = _linters.get(key)
    if linter is None:
        from headlint.lint import Linter

        linter = _linters[key] = Linter(settings)
        # Unlike atexit, this also runs at the end of the processes of a multiprocessing pool.
        Finalize(None, linter.close, exitpriority=1)
    return linter


def _log(note: str) -> None:
    import logging

    logging.getLogger("flake8.headlint").warning(note)
