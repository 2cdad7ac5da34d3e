"""HL102: code reads a place that this model does not have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import HEAD_NAMES, head_inside, is_a_head, meant_child, nearly, only_head
from headlint.checks.places import head_places, is_about_head, joined, place_of, spelled
from headlint.claims import ReadRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Read
from headlint.mends.mend import Mend, Replace
from headlint.mends.places import at, replaced, scopes, step_of
from headlint.mends.scene import Scene

CODE = "HL102"

# What layers have and Sequentials lack.
_OF_LAYERS = frozenset("bias in_channels in_features out_channels out_features weight".split())


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The read that ends the path, if one does."""
    last = history.events[-1] if history.events else None
    if not isinstance(last, Read) or last.site is None:
        return
    if last.target in history.wrappers:
        kind = modules.kind_of(history.state, last.target)
        message = f"the {kind} around {history.builder.name} has no '{last.steps[0]}': it is in '.module'"
        hint = f"read it as '.module.{last.steps[0]}'"
        mends = partial(_mends, history=history, read=last)
        yield Candidate(CODE, last.site, last.site, message, hint, ReadRaises(), speculative=False, mends=mends)
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
    hint = _hint(history, last, place)
    if hint:
        message += f": {hint}"
    mends = partial(_mends, history=history, read=last)
    yield Candidate(CODE, last.site, last.site, message, hint, ReadRaises(), speculative=False, mends=mends)


def _hint(history: ModelHistory, read: Read, place: str) -> str:
    """Where the head is, if that is what the code looks for, or what the name is a slip for."""
    step, heads = read.steps[-1], head_places(history)
    if len(read.steps) > 1:
        return ""
    if heads and (not place or is_about_head(history, place)) and (isinstance(step, int) or _is_of_heads(step)):
        return f"the head of {history.builder.name} is '{spelled(heads[0])}'"
    child = meant_child(history, read.target, step) if isinstance(step, str) else None
    return "" if child is None else f"write '{child}'"


def _is_of_heads(name: str) -> bool:
    """Whether heads are called so, or much like it, or have an attribute of this name."""
    return name in _OF_LAYERS or is_a_head(name) or bool(nearly(name, HEAD_NAMES))


def _mends(scene: Scene, history: ModelHistory, read: Read) -> Iterator[Mend]:
    """The place that is meant: in the wrapper, the head, or the layer with that attribute inside a Sequential."""
    step, head = step_of(read.site), only_head(history)
    if step is None or read.site is None or len(read.steps) > 1:
        return
    owner, name = step
    if read.target in history.wrappers:
        yield from _instead(scene, read.site, owner, name, f"module.{name}")
        return
    child = meant_child(history, read.target, name) if isinstance(read.steps[0], str) else None
    if child is not None and name not in _OF_LAYERS:
        yield from _instead(scene, read.site, owner, name, child)
    place = None if head is None else head_inside(head, read.target, history)
    if place is None:
        return
    if isinstance(read.steps[0], int):
        if not place or place.startswith("["):
            yield from _instead(scene, read.site, owner, name, place)
    elif name in _OF_LAYERS:
        around = step_of(owner)
        if around is not None and place:
            ways = list(_instead(scene, owner, around[0], around[1], at(around[1], place)))
            # In the statement itself, where it is read alone, or all over.
            yield from ways[:1]
            yield Mend(f"read {place} of it", "safe", (Replace(owner, at(scene.whole_text(owner), place)),))
            yield from ways[1:]
    elif is_a_head(name) and place:
        yield from _instead(scene, read.site, owner, name, place)


def _instead(scene: Scene, site: cst.CSTNode, owner: cst.BaseExpression, name: str, place: str) -> Iterator[Mend]:
    for roots in scopes(scene, site, scene.code(owner)):
        yield Mend(
            f"write {place or scene.code(owner)}", "safe", replaced(scene, roots, scene.code(owner), name, place)
        )
