"""Which findings a file silences, decided by flake8's own comments and flake8's own code."""

from __future__ import annotations

import functools
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flake8.defaults import NOQA_FILE
from flake8.violation import Violation, _find_noqa

from headlint.finding import Edit, Finding, Span
from headlint.rulebook import rules
from headlint.source.decoding import split_lines

SEPARATORS = re.compile(r"[,\s]+")


@dataclass(frozen=True)
class UnusedCode:
    """A code in a `# noqa` that silences nothing, and the line and column (as in Span) of the comment."""

    code: str
    line: int
    column: int


class Suppressions:
    """The `# noqa` comments of one file: `text` as decoded, in any line ends."""

    def __init__(self, text: str) -> None:
        self._lines = split_lines(text)

    @functools.cached_property
    def whole_file(self) -> bool:
        """Whether a line `# flake8: noqa` silences everything."""
        return any(NOQA_FILE.match(line) for line in self._lines)

    @functools.cached_property
    def _speaks_of_it(self) -> bool:
        """Whether there can be such a comment; only then the lines are looked at, which takes its time."""
        return any("noqa" in line.lower() for line in self._lines)

    def hides(self, code: str, line: int) -> bool:
        """Whether a finding with this code on this line (from 1) is silenced."""
        if not self._speaks_of_it:
            return False
        if self.whole_file:
            return True
        commented = self._commented_text.get(line, "")
        hidden: bool = Violation(code, "", line, 1, "", commented).is_inline_ignored(disable_noqa=False)
        return hidden

    def unused(self, findings: Iterable[Finding], asked: frozenset[str]) -> Iterator[UnusedCode]:
        """The codes of ours that silence none of the findings, as far as all rules they stand for were asked.

        A comment without codes, or for the whole file, may be meant for what others find.
        """
        found = list(findings)
        for first, last in () if self.whole_file else self._groups:
            match = _find_noqa(self._text_of(first, last))
            codes = SEPARATORS.split(match["codes"] or "") if match is not None else []
            silenced = [finding.code for finding in found if first <= finding.span.line <= last]
            for code in filter(None, codes):
                meant = {rule.code for rule in rules() if rule.code.startswith(code)}
                if code.upper().startswith("HL") and meant <= asked and not _fits_any(code, silenced):
                    assert match is not None
                    yield UnusedCode(code, *self._place(first, last, match.start()))

    def added(self, findings: Iterable[Finding]) -> list[Edit]:
        """The edits that silence these findings, a comment or more codes in one for each group of glued lines."""
        groups: dict[tuple[int, int], list[str]] = {}
        for finding in findings:
            group = next((group for group in self._groups if group[0] <= finding.span.line <= group[1]), None)
            groups.setdefault(group or (finding.span.line, finding.span.line), []).append(finding.code)
        return [self._silencing(first, last, ",".join(dict.fromkeys(codes))) for (first, last), codes in groups.items()]

    def _silencing(self, first: int, last: int, codes: str) -> Edit:
        match = _find_noqa(self._text_of(first, last))
        if match is None:
            line, column = last, len(self._lines[last - 1].rstrip("\n"))
            return Edit(Span(line, column, line, column), f"  # noqa: {codes}")
        known = match["codes"].rstrip(", \t\n\f")
        line, column = self._place(first, last, match.start("codes") + len(known))
        return Edit(Span(line, column, line, column), f",{codes}")

    def _place(self, first: int, last: int, offset: int) -> tuple[int, int]:
        """The line and column of an offset in the text of glued lines."""
        line, column = first, offset
        while column >= len(self._lines[line - 1]) and line < last:
            column -= len(self._lines[line - 1])
            line += 1
        return line, column

    def _text_of(self, first: int, last: int) -> str:
        return "".join(self._lines[first - 1 : last])

    @functools.cached_property
    def _groups(self) -> list[tuple[int, int]]:
        """First and last of the lines in which one comment counts for all; each line alone if this is no Python."""
        try:
            return list(_glued_lines(self._lines))
        except (tokenize.TokenError, SyntaxError):
            return [(line, line) for line in range(1, len(self._lines) + 1)]

    @functools.cached_property
    def _commented_text(self) -> dict[int, str]:
        """For each line the text in which flake8 looks for a comment: the line with those it is glued to."""
        texts: dict[int, str] = {}
        for first, last in self._groups:
            texts.update(dict.fromkeys(range(first, last + 1), self._text_of(first, last)))
        return texts


def _fits_any(beginning: str, codes: Iterable[str]) -> bool:
    return any(code.startswith(beginning) for code in codes)


def _glued_lines(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last of the physical lines that a multi-line string or a backslash makes one.

    Lines inside brackets stay apart, as they do for flake8.
    """
    first: int | None = None
    last = 0
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type in (tokenize.ENDMARKER, tokenize.DEDENT):
            continue
        first = token.start[0] if first is None else min(first, token.start[0])
        last = max(last, token.end[0])
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            yield first, last
            first, last = None, 0
