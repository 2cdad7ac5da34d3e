"""Findings as text for people: the readable form with the source line, and one line per finding."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from headlint.finding import Finding, Span
from headlint.output.terminal import Palette


def concise(finding: Finding, name: str) -> str:
    """One line, as flake8 prints it."""
    return f"{name}:{finding.place}: {finding.line}"


def readable(finding: Finding, name: str, lines: Sequence[str], palette: Palette) -> str:
    """Message, source line, evidence and hint on lines of their own; `lines` are those of the file or cell."""
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
    return "\n".join(shown) + "\n"


@dataclass
class Tally:
    """What a run has found so far."""

    files: int = 0
    files_with_findings: int = 0
    confirmed: int = 0
    unconfirmed: int = 0
    hidden: int = 0
    unchecked: int = 0

    def add(self, findings: Sequence[Finding], hidden: int) -> None:
        """Count one file."""
        confirmed = sum(finding.verdict.kind == "confirmed" for finding in findings)
        self.files += 1
        self.files_with_findings += bool(findings)
        self.confirmed += confirmed
        self.unconfirmed += len(findings) - confirmed
        self.hidden += hidden

    def summary(self) -> str:
        """The last line of a run."""
        total = self.confirmed + self.unconfirmed
        if total:
            kinds = [f"{self.confirmed} confirmed"] if self.confirmed else []
            kinds += [f"{self.unconfirmed} unconfirmed"] if self.unconfirmed else []
            text = (
                f"Found {_counted(total, 'finding')} ({', '.join(kinds)})"
                f" in {self.files_with_findings} of {_counted(self.files, 'file')}"
            )
        else:
            text = f"No findings in {_counted(self.files, 'file')}"
        if self.hidden:
            text += f"; {self.hidden} unconfirmed not shown"
        if self.unchecked:
            text += f"; {_counted(self.unchecked, 'file')} could not be checked"
        return text


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
