"""HL311: BatchNorms are put into eval mode once, and `train()` of the model puts them back before a step."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.norms import counting, parameters_of, training_steps, unfrozen
from headlint.checks.recipes import MOST_WATCHED
from headlint.claims import StatisticsMove
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef

CODE = "HL311"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Calls of train() behind which a step is taken with BatchNorms that the code has put into eval mode."""
    if not any(step.undone for step in history.steps):
        return
    by_site: dict[int, tuple[cst.CSTNode, dict[ModuleRef, None]]] = {}
    for step in training_steps(history):
        for ref, site in step.undone:
            by_site.setdefault(id(site), (site, {}))[1][ref] = None
    meant_to_train = unfrozen(history)
    for site, undone in by_site.values():
        norms = [ref for ref in counting(history, undone) if meant_to_train.isdisjoint(parameters_of(history, ref))]
        if not norms:
            continue
        some = f"{len(norms)} BatchNorm layer{'s' if len(norms) > 1 else ''}"
        hint = "put them into eval mode again behind every train()"
        message = (
            f"{some} of {history.builder.name} had been put into eval mode, and train() undoes it: their running"
            f" statistics move; {hint}"
        )
        watched = tuple(norms[:MOST_WATCHED])
        ordered = (*((ref, False) for ref in watched), (history.model, True))
        yield Candidate(CODE, site, site, message, hint, StatisticsMove(watched, ordered), speculative=False)
