"""Workflow commands that GitHub Actions shows beside the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.finding import Finding
from headlint.output.fingerprints import relative
from headlint.output.formats import Look
from headlint.rulebook import find_rule
from headlint.run.checked import Checked


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """A command for each finding, as it comes: an error if it is confirmed, else a warning."""
    for checked in results:
        for finding in checked.findings:
            yield _command(checked, finding)


def _command(checked: Checked, finding: Finding) -> str:
    kind = "error" if finding.verdict.kind == "confirmed" else "warning"
    span = finding.span
    properties = {
        "title": f"headlint ({finding.code} {find_rule(finding.code).name})",
        "file": relative(checked.name),
        # A line of a cell is no line of the notebook's file.
        **({} if finding.cell else {"line": span.line, "endLine": span.end_line}),
    }
    if not finding.cell and span.line == span.end_line:
        properties |= {"col": span.column + 1, "endColumn": span.end_column}
    text = ",".join(f"{name}={_escaped(str(value), ':,')}" for name, value in properties.items())
    return f"::{kind} {text}::{_escaped(f'{relative(checked.name)}:{finding.place}: {finding.line}', '')}"


def _escaped(text: str, more: str) -> str:
    """A value of a command; in properties, colons and commas mean something too."""
    for character in f"%\r\n{more}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text
