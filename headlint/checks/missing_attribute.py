"""HL102: code reads a place that this model does not have."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.checks.places import head_places, joined, place_of, spelled
from headlint.claims import ReadRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Read

CODE = "HL102"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The read that ends the path, if one does."""
    last = history.events[-1] if history.events else None
    if not isinstance(last, Read) or last.site is None:
        return
    if last.target in history.wrappers:
        kind = modules.kind_of(history.state, last.target)
        message = f"the {kind} around {history.builder.name} has no '{last.steps[0]}': it is in '.module'"
        hint = f"read it as '.module.{last.steps[0]}'"
        yield Candidate(CODE, last.site, last.site, message, hint, ReadRaises(), speculative=False)
        return
    if last.target not in history.places:
        return
    step = last.steps[-1]
    place = place_of(history, last.target) or ""
    kind = modules.kind_of(history.state, last.target)
    owner = f"'{spelled(place)}' of {history.builder.name} is a {kind} and" if place else history.builder.name
    if len(last.steps) > 1:
        empty = joined(place, ".".join(map(str, last.steps[:-1])))
        message = f"'{spelled(empty)}' of this {history.builder.name} is None and has no '{step}'"
    elif isinstance(step, str):
        message = f"{owner} has no '{step}'"
    elif modules.container_kind(history.state, last.target) in modules.LIST_CONTAINERS:
        count = len(modules.children_of(history.state, last.target))
        message = f"{owner} has no index {step}, its last one is {count - 1}"
    else:
        message = f"{owner} cannot be indexed"
    heads = head_places(history)
    hint = f"the head of {history.builder.name} is '{spelled(heads[0])}'" if heads else ""
    if hint and len(last.steps) == 1:
        message += f": {hint}"
    yield Candidate(CODE, last.site, last.site, message, hint, ReadRaises(), speculative=False)
