"""Which findings a file silences, decided by flake8's own comments and flake8's own code."""

from __future__ import annotations

import functools
import tokenize
from collections.abc import Iterator

from flake8.defaults import NOQA_FILE
from flake8.violation import Violation

from headlint.source.decoding import split_lines


class Suppressions:
    """The `# noqa` comments of one file: `text` as decoded, in any line ends."""

    def __init__(self, text: str) -> None:
        self._lines = split_lines(text)

    @functools.cached_property
    def whole_file(self) -> bool:
        """Whether a line `# flake8: noqa` silences everything."""
        return any(NOQA_FILE.match(line) for line in self._lines)

    def hides(self, code: str, line: int) -> bool:
        """Whether a finding with this code on this line (from 1) is silenced."""
        if self.whole_file:
            return True
        commented = self._commented_text.get(line, "")
        hidden: bool = Violation(code, "", line, 1, "", commented).is_inline_ignored(disable_noqa=False)
        return hidden

    @functools.cached_property
    def _commented_text(self) -> dict[int, str]:
        """For each line the text in which flake8 looks for a comment: the line with those it is glued to."""
        texts: dict[int, str] = {}
        try:
            for first, last in _glued_lines(self._lines):
                texts.update(dict.fromkeys(range(first, last + 1), "".join(self._lines[first - 1 : last])))
        except (tokenize.TokenError, SyntaxError):
            return dict(enumerate(self._lines, start=1))
        return texts


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
