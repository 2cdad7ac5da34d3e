"""Applies fixes: those that do not touch each other in one round, the rest in the next, until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headlint.finding import Edit, Finding
from headlint.source.edits import Shift, apply_edits

if TYPE_CHECKING:
    from headlint.lint import Linter, Report

__all__ = ["Fixed", "apply_edits", "fix_text"]

# Rounds after which what is left stays: each mends something, or it is the last one.
MOST_ROUNDS = 20


@dataclass(frozen=True)
class Fixed:
    """A text with its fixes applied.

    `fixed` are the findings that are gone, each as it stood in the text when its fix was applied; `remaining` are
    those of the new text.
    """

    text: str
    fixed: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix_text(
    linter: Linter,
    text: str,
    name: str,
    *,
    unsafe: bool,
    wanted: Callable[[str, Finding], bool] = lambda text, finding: True,
) -> Fixed:
    """Apply the safe fixes of a program, the unsafe ones too if asked; never raises.

    Only findings are fixed that are `wanted`, which is asked with the text in which they stand.
    """
    kinds = ("safe", "unsafe") if unsafe else ("safe",)
    fixed: list[Finding] = []
    report = linter.lint(text, name, fixes=True)
    for _ in range(MOST_ROUNDS):
        chosen = list(_apart(f for f in report.findings if f.fix and f.fix.applicability in kinds and wanted(text, f)))
        if len(chosen) > 1 and not linter.holds_together(text, name, chosen):
            # Each is proven, all at once need not be right.
            chosen = chosen[:1]
        done = _apply(linter, text, name, report, chosen)
        if done is None:
            break
        fixed += chosen
        text, report = done
    return Fixed(text, tuple(fixed), report.findings)


def _apart(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings whose fixes touch none of those before them."""
    taken: list[Edit] = []
    for finding in findings:
        assert finding.fix is not None
        if not any(_touch(edit, other) for edit in finding.fix.edits for other in taken):
            taken += finding.fix.edits
            yield finding


def _touch(one: Edit, other: Edit) -> bool:
    start, end = (one.span.line, one.span.column), (one.span.end_line, one.span.end_column)
    other_start, other_end = (other.span.line, other.span.column), (other.span.end_line, other.span.end_column)
    return start <= other_end and other_start <= end


def _apply(linter: Linter, text: str, name: str, before: Report, chosen: list[Finding]) -> tuple[str, Report] | None:
    """The new text and what is found in it; None if there is nothing to apply, or if that brings anything new."""
    from headlint.proof import all_known

    edits = [edit for finding in chosen if finding.fix for edit in finding.fix.edits]
    new = apply_edits(text, edits)
    if new == text:
        return None
    report = linter.lint(new, name, fixes=True)
    others = [finding for finding in before.findings if finding not in chosen]
    if len(report.notes) > len(before.notes) or not all_known(report.findings, others, text, new, Shift(text, edits)):
        return None
    return new, report
