"""Which rules are asked: codes and beginnings of codes that somebody selected or ignored."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from headlint.rulebook import Rule, rules


class UnknownCode(ValueError):
    """No rule begins with what was given; the message is one line that names the nearest code."""


def parse_codes(texts: Iterable[str]) -> tuple[str, ...]:
    """Codes and beginnings of codes in capitals, each checked against the rules; raises UnknownCode."""
    codes = tuple(dict.fromkeys(text.strip().upper() for text in texts if text.strip()))
    known = [rule.code for rule in rules()]
    for code in codes:
        if not any(other.startswith(code) for other in known):
            (nearest,) = difflib.get_close_matches(code, known, n=1, cutoff=0.0)
            raise UnknownCode(f"no rule begins with {code!r}; the nearest: {nearest!r}")
    return codes


def split_codes(text: str) -> tuple[str, ...]:
    """The same for codes with commas or blanks between them, as on a command line."""
    return parse_codes(text.replace(",", " ").split())


@dataclass(frozen=True)
class Selection:
    """What was selected and ignored, as codes or their beginnings; `select` None stands for all that are on."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def overridden(self, by: Selection) -> Selection:
        """This selection with a stronger one on top: what `by` selects stands alone, what it adds is added."""
        if by.select is not None:
            return by
        return replace(self, extend_select=self.extend_select + by.extend_select, ignore=self.ignore + by.ignore)

    def codes(self) -> frozenset[str]:
        """The codes of the rules that are asked.

        Where a code is selected and ignored, the longer of the two beginnings decides, and `ignore` if they are
        equal. A rule that is off by default is selected by its whole code alone.
        """
        return frozenset(rule.code for rule in rules() if self._length(rule) > longest(rule.code, self.ignore))

    def _length(self, rule: Rule) -> int:
        """How long the beginning is that selects a rule, -1 if none does."""
        chosen = ("HL",) if self.select is None and rule.default_on else (self.select or ())
        chosen = (*chosen, *self.extend_select)
        if not rule.default_on:
            return len(rule.code) if rule.code in chosen else -1
        return longest(rule.code, chosen)


def longest(code: str, beginnings: Iterable[str]) -> int:
    """The length of the longest beginning that fits a code, -1 if none does."""
    return max((len(beginning) for beginning in beginnings if code.startswith(beginning)), default=-1)
