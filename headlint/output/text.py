"""Findings as text for people: the readable form with the source line, and one line per finding."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from headlint.finding import Finding, Span
from headlint.output.terminal import Palette

_HOW = {"safe": " (--fix)", "unsafe": " (--fix --unsafe-fixes)", "display": ""}


def concise(finding: Finding, name: str) -> str:
    """One line, as flake8 prints it."""
    return f"{name}:{finding.place}: {finding.line}"


def readable(finding: Finding, name: str, lines: Sequence[str], palette: Palette) -> str:
    """Message, source line, evidence, hint and fix on lines of their own; `lines` are those of the file or cell."""
    use = palette
    verdict_colour = use.confirmed if finding.verdict.kind == "confirmed" else use.unconfirmed
    number = str(finding.span.line)
    margin = " " * len(number)
    shown = [
        f"{use.place}{name}:{finding.place}{use.end}: {use.code}{finding.code}{use.end} {finding.message}",
    ]
    if finding.span.line <= len(lines):
        line = lines[finding.span.line - 1].rstrip("\n")
        shown += [
            f"{use.faint}{number} |{use.end} {_printable(line)}",
            f"{use.faint}{margin} |{use.end} {_underline(line, finding.span, use)}",
        ]
    shown.append(f"{margin} {use.faint}={use.end} {verdict_colour}{finding.outcome}{use.end}")
    if finding.hint:
        shown.append(f"{margin} {use.faint}={use.end} {use.hint}hint: {finding.hint}{use.end}")
    if finding.fix is not None:
        how = _HOW[finding.fix.applicability]
        shown.append(f"{margin} {use.faint}={use.end} {use.hint}fix: {finding.fix.title}{use.end}{how}")
    return "\n".join(shown) + "\n"


def _printable(line: str) -> str:
    """The line without what a terminal would act on."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _underline(line: str, span: Span, palette: Palette) -> str:
    end = span.end_column if span.end_line == span.line else len(line.rstrip())
    before = line[: span.column]
    marked = line[span.column : max(end, span.column + 1)]
    # Tabs stay tabs, so that the carets stand under the code whatever a tab is worth.
    pad = "".join("\t" if character == "\t" else " " * _cells(character) for character in before)
    carets = "^" * max(1, sum(_cells(character) for character in marked))
    return f"{pad}{palette.caret}{carets}{palette.end}"


def _cells(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
