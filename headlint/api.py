"""The functions for programs that use headlint: findings of a text and of files and directories, and fixes.

They go by the settings that they are given and read no configuration. They report every finding, and fix what a
`# noqa` silences too: that is a matter of the front ends that people read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headlint.lint import Linter, Report, Settings
from headlint.rewrite import Fixed, fix_text
from headlint.source.decoding import DecodingFailure
from headlint.source.discovery import python_files
from headlint.source.reading import read_source

if TYPE_CHECKING:
    from os import PathLike


def lint_source(text: str, name: str = "<string>", settings: Settings | None = None) -> Report:
    """The findings in `text`; `name` is only shown. Never raises: what went wrong stands in the report's notes."""
    with Linter(settings or Settings()) as linter:
        return linter.lint(text, name)


def fix_source(text: str, name: str = "<string>", settings: Settings | None = None, *, unsafe: bool = False) -> Fixed:
    """`text` with its safe fixes applied, the unsafe ones too if asked, and the findings that are gone and left.

    Each fix has been proven: the edited program was linted again, and its models were run. Line ends stay as they
    are. Never raises; a text that cannot be parsed comes back as it is.
    """
    with Linter(settings or Settings()) as linter:
        return fix_text(linter, text, name, unsafe=unsafe)


def lint_paths(paths: Iterable[str | PathLike[str]], settings: Settings | None = None) -> Iterator[tuple[Path, Report]]:
    """Each Python file and notebook under `paths` with its report, in order; one worker serves them all.

    Raises FileNotFoundError, before any file is read, for a path that does not exist. A file that cannot be
    read or decoded gets a report whose only content is a note.
    """
    files = tuple(python_files(paths))
    return _lint_files(files, settings or Settings())


def _lint_files(files: tuple[Path, ...], settings: Settings) -> Iterator[tuple[Path, Report]]:
    with Linter(settings) as linter:
        for path in files:
            try:
                source = read_source(path.read_bytes(), path.name)
            except (OSError, DecodingFailure) as failure:
                reason = failure.strerror if isinstance(failure, OSError) else None
                note = f"1:1: cannot be read: {reason}" if reason else str(failure)
                yield path, Report(findings=(), notes=(note,), hidden=0)
            else:
                report = linter.lint(source.text, str(path))
                findings = tuple(map(source.located, report.findings))
                yield path, replace(report, findings=findings, notes=(*source.notes, *report.notes))
