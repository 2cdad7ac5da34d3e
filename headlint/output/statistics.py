"""How often each rule found something, and how often the real model refuted it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from headlint.output.formats import Look
from headlint.rulebook import find_rule
from headlint.run.checked import Checked


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """A line for each rule, the most frequent first; nothing where nothing was found and nothing refuted."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in ("confirmed", "unconfirmed", "refuted")}
    for checked in results:
        counts["refuted"].update(checked.refuted)
        for finding in checked.findings:
            counts[finding.verdict.kind][finding.code] += 1
    found = counts["confirmed"] + counts["unconfirmed"]
    codes = sorted({*found, *counts["refuted"]}, key=lambda code: (-found[code], code))
    if codes:
        yield "findings  confirmed  unconfirmed  refuted  rule"
    for code in codes:
        numbers = (found[code], *(counts[kind][code] for kind in counts))
        widths = (8, 11, 13, 9)
        columns = "".join(f"{number:>{width}}" for number, width in zip(numbers, widths, strict=True))
        yield f"{columns}  {code} {find_rule(code).name}"
