"""HL303: `requires_grad` is assigned on a module, where it is an attribute like any other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.flags import left_as_they_were, outcome
from headlint.checks.recipes import MOST_WATCHED
from headlint.claims import FlagsKept
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.history import Escape, ModuleRef, SetAttribute
from headlint.mends.attributes import called
from headlint.source.nodes import text_of

CODE = "HL303"

_NAMES = frozenset({"requires_grad", "requires_grad_"})


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Flags written on modules whose parameters go on as they were; a loop over modules is one mistake."""
    by_site: dict[tuple[int, str, bool], list[tuple[cst.CSTNode, ModuleRef, int]]] = {}
    for index, event in enumerate(history.events):
        if isinstance(event, Escape) and event.target.object == history.build.object:
            # Code out of sight has it from here on, and may have done what is asked for.
            break
        if not isinstance(event, SetAttribute) or event.name not in _NAMES or event.site is None:
            continue
        if isinstance(event.value, bool):
            inside = [parameter for _, parameter in parameters_of(history.state, event.target)]
            missed = left_as_they_were(history, index, inside, event.value)
            if missed:
                key = (id(event.site), event.name, event.value)
                by_site.setdefault(key, []).append((event.site, event.target, len(missed)))
    for (_, name, wanted), found in by_site.items():
        yield _candidate(history, name, wanted, found)


def _candidate(
    history: ModelHistory, name: str, wanted: bool, found: list[tuple[cst.CSTNode, ModuleRef, int]]
) -> Candidate:
    site = found[0][0]
    outermost = [one for one in found if not any(_is_inside(one[1], other) for _, other, _ in found)]
    call = f"{_target_text(site)}.requires_grad_({wanted})"
    if name == "requires_grad":
        what = "'requires_grad' of a module is an attribute that nothing reads"
    else:
        what = "this replaces the method 'requires_grad_' and does not call it"
    message = f"{what}: {outcome(history, [ref for _, ref, _ in outermost], wanted)}; write {call}"
    watched = tuple((ref, count) for _, ref, count in outermost)
    claim = FlagsKept(watched[:MOST_WATCHED], "attribute", name, wanted)
    mends = partial(called, site=site, method="requires_grad_")
    return Candidate(CODE, site, site, message, f"write {call}", claim, speculative=False, mends=mends)


def _is_inside(ref: ModuleRef, other: ModuleRef) -> bool:
    prefix = f"{other.path}." if other.path else ""
    return ref != other and ref.object == other.object and ref.path.startswith(prefix)


def _target_text(site: cst.CSTNode) -> str:
    """What the code writes in front of the attribute."""
    if isinstance(site, cst.Assign) and isinstance(site.targets[0].target, cst.Attribute):
        return text_of(site.targets[0].target.value)
    return "module"
