"""HL102: code reads a place that this model does not have."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import head_places, place_of, spelled
from headlint.claims import ReadRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef, Read

CODE = "HL102"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The read that ends the path, if one does."""
    last = history.events[-1] if history.events else None
    if not isinstance(last, Read) or last.site is None or last.target not in _modules(history):
        return
    step = last.steps[0]
    place = place_of(history, last.target) or ""
    kind = modules.kind_of(history.state, last.target)
    # ResNet has no article in torch's own words either.
    owner = f"'{spelled(place)}' of {history.builder.name} is a {kind} and" if place else history.builder.name
    if isinstance(step, str):
        message = f"{owner} has no '{step}'"
    elif kind in modules.LIST_CONTAINERS:
        count = len(modules.children_of(history.state, last.target))
        message = f"{owner} has no index {step}, its last one is {count - 1}"
    else:
        message = f"{owner} cannot be indexed"
    heads = head_places(history)
    hint = f"the head of {history.builder.name} is '{spelled(heads[0])}'" if heads else ""
    if hint and modules.node_of(history.state, ModuleRef(history.build.object, heads[0])) is not None:
        message += f": {hint}"
    yield Candidate(CODE, last.site, last.site, message, hint, ReadRaises(), speculative=False)


def _modules(history: ModelHistory) -> set[ModuleRef]:
    return set(history.places)
