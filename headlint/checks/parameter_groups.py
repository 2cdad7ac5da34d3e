"""HL313: an optimizer is given parameters twice, or an iterator over parameters that has nothing left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.flags import described, module_around
from headlint.claims import OptimizerRaises
from headlint.flow.histories import ModelHistory
from headlint.history import MakeOptimizer
from headlint.mends.groups import disjoint_groups, kept_in_list

CODE = "HL313"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The optimizers that refuse what they are given."""
    position = -1
    for event in history.events:
        if not isinstance(event, MakeOptimizer) or event.parameters is None:
            continue
        position += 1
        if event.site is None:
            continue
        told = _exhausted(event) or _twice(history, event)
        if told:
            message, hint = told
            text = f"{message}: {event.kind} raises; {hint}"
            mends = partial(kept_in_list if event.exhausted else disjoint_groups, call=event.site)
            claim = OptimizerRaises(position)
            yield Candidate(CODE, event.site, event.site, text, hint, claim, speculative=False, mends=mends)


def _exhausted(event: MakeOptimizer) -> tuple[str, str] | None:
    if not event.exhausted:
        return None
    message = f"this iterator over {len(event.exhausted)} parameters has been run through and gives nothing more"
    return message, "keep the parameters in a list, or ask for them again"


def _twice(history: ModelHistory, event: MakeOptimizer) -> tuple[str, str] | None:
    counts = Counter(parameter for group in event.groups for parameter in set(group))
    shared = [parameter for parameter, count in counts.items() if count > 1]
    if not shared:
        return None
    some = f"{len(shared)} parameter{'s' if len(shared) > 1 else ''}"
    place = described(history, module_around(history, shared))
    first = next(i for i, group in enumerate(event.groups) if not set(shared).isdisjoint(group))
    return f"{some} of {place} stand in more than one group", f"leave them out of group {first + 1} or of the others"
