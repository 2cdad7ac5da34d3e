"""Findings for people: message, source line, evidence and hint on lines of their own, and a summary at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.output.formats import Look
from headlint.output.tally import Tally
from headlint.output.text import readable
from headlint.run.checked import Checked

SHOWS_FIXES = True


def report(results: Iterable[Checked], look: Look) -> Iterator[str]:
    """The findings of each file, as it comes, then the summary."""
    tally = Tally()
    for checked in results:
        tally.add(checked)
        if checked.explanation:
            yield from (*checked.explanation, "")
        for finding in checked.findings:
            yield readable(finding, checked.name, checked.lines_around(finding), look.palette)
    yield from tally.summary(look)
