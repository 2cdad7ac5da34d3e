"""A line for each finding, as flake8 prints it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.output.formats import Look
from headlint.output.text import concise
from headlint.run.checked import Checked


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The lines of each file, as it comes."""
    for checked in results:
        if checked.explanation:
            yield from (*checked.explanation, "")
        for finding in checked.findings:
            yield concise(finding, checked.name)
