"""Inline expectations: a comment `# expect: HL201` stands at the end of the line that gets the finding.

One code per finding, several separated by commas; a file or block without a marker must stay clean.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass

from headlint.lint import Linter
from headlint.relevance import concerns

MARKER = re.compile(r"# expect: (?P<codes>HL[0-9]{3}(?:, HL[0-9]{3})*)$")
MARKER_LIKE = re.compile(r"#\s*expect(?:s|ed)?\b", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Mark:
    """A finding as a marker tells it: its line (from 1) and its code."""

    line: int
    code: str


class MarkerFault(ValueError):
    """A comment that looks like a marker and is none; without this a slip would expect nothing."""


def expected(text: str) -> list[Mark]:
    """What the markers of a program expect, sorted; raises MarkerFault."""
    marks: list[Mark] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        marker = MARKER.search(token.string)
        if marker is not None:
            marks += [Mark(line, code) for code in marker["codes"].split(", ")]
        elif MARKER_LIKE.search(token.string):
            raise MarkerFault(f"line {line}: {token.string!r} is not of the form '# expect: HL101, HL201'")
    return sorted(marks)


def without_markers(text: str) -> str:
    """The program as its author would have it."""
    return re.sub(rf"[ \t]*{MARKER.pattern}", "", text, flags=re.MULTILINE)


def found(linter: Linter, text: str, name: str) -> list[Mark]:
    """What headlint really finds, sorted; an unconfirmed finding or a note about the file fails the test."""
    assert concerns(text), f"{name} would be skipped as a file without torchvision models"
    report = linter.lint_unguarded(text, name)
    unconfirmed = [finding.line for finding in report.findings if finding.verdict.kind != "confirmed"]
    assert not unconfirmed, unconfirmed
    assert report.notes == ()
    return sorted(Mark(finding.span.line, finding.code) for finding in report.findings)
