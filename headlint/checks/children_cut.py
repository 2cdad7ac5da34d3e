"""HL203: the children of a model are run one after the other, and a step of its forward is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.chains import in_order
from headlint.checks.holders import only_holds
from headlint.checks.mending import call_that_makes
from headlint.checks.places import head_places, spelled
from headlint.claims import CutRaises, ReluLost
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Define, MakeContainer, ModuleRef
from headlint.mends.imports import written
from headlint.mends.mend import Mend
from headlint.mends.scene import Scene
from headlint.mends.steps import before_item

CODE = "HL203"

# What stands between a cut and the new layer without making numbers negative.
_PLAIN = frozenset("AdaptiveAvgPool2d AvgPool2d Dropout Dropout2d Flatten Identity".split())
_PLAIN_STEPS = frozenset("adaptive_avg_pool2d avg_pool2d dropout flatten mean reshape squeeze contiguous".split())


@dataclass(frozen=True, slots=True)
class _Cut:
    """A Sequential that begins with the first children of the model, in order, and what the code put behind them.

    `ref` is that Sequential, or one around it that begins with it and has more behind it.
    """

    event: MakeContainer
    own: tuple[ModuleRef, ...]
    behind: tuple[ModuleRef, ...]
    ref: ModuleRef


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Cuts that raise in the first new layer or before it, and cuts that lose the ReLU before the head."""
    for event in history.events:
        innermost = _cut(history, event) if isinstance(event, MakeContainer) else None
        if innermost is None or innermost.event.site is None:
            continue
        for cut in (innermost, *_around(history, innermost)):
            if only_holds(history, cut.ref):
                continue
            yield from _raising(history, cut)
            yield from _silent(history, cut)


def _cut(history: ModelHistory, event: MakeContainer) -> _Cut | None:
    """The children of the model that a container begins with: some of them, but not all, and none that was replaced."""
    if event.kind != "Sequential" or history.builder.task not in ("classification", "video"):
        return None
    node = modules.node_of(history.state, history.model)
    names = () if node is None else node.children
    refs = [ref for _, ref in event.children]
    own = []
    for name, ref in zip(names, refs, strict=False):
        if ref != ModuleRef(history.build.object, name):
            break
        own.append(ref)
    behind = refs[len(own) :]
    if not own or len(own) == len(names) or any(ref.object == history.build.object for ref in behind):
        return None
    if any(changed.object == history.build.object for changed in history.state.children):
        return None
    ref = ModuleRef(event.object, "")
    return _Cut(event, tuple(own), tuple(in_order(history, behind)), ref) if _is_as_made(history, event) else None


def _around(history: ModelHistory, cut: _Cut) -> Iterator[_Cut]:
    """The Sequentials that begin with a cut, each with all that comes behind that."""
    for event in history.events:
        if not isinstance(event, MakeContainer) or event.kind != "Sequential" or not _is_as_made(history, event):
            continue
        first, *more = (ref for _, ref in event.children) if event.children else (None,)
        if first == cut.ref and not any(ref.object == history.build.object for ref in more):
            behind = (*cut.behind, *in_order(history, more))
            outer = _Cut(cut.event, cut.own, behind, ModuleRef(event.object, ""))
            yield outer
            yield from _around(history, outer)


def _is_as_made(history: ModelHistory, event: MakeContainer) -> bool:
    """Whether a container still holds what it was made with."""
    now = modules.children_of(history.state, ModuleRef(event.object, ""))
    return [ref for _, ref in now] == [ref for _, ref in event.children]


def _raising(history: ModelHistory, cut: _Cut) -> Iterator[Candidate]:
    name, site = history.builder.name, cut.event.site
    assert site is not None
    layer = _given_a_map(history, cut)
    if layer is not None:
        hint = "put nn.Flatten() before it"
        kind = modules.kind_of(history.state, layer)
        message = f"the children of {name} do not flatten what they return, as its forward does: {kind} is given a map"
        claim = CutRaises(history.build.object, layer)
        mends = partial(_mends, history=history, layer=layer, steps=_FLATTENING)
        yield Candidate(CODE, site, site, f"{message}; {hint}", hint, claim, True, cut.ref, mends=mends)
    elif len(cut.own) > 1 and (cut.behind or cut.ref in history.state.called or _calls(history, cut.ref)):
        heads = " and ".join(f"'{spelled(place)}'" for place in head_places(history))
        hint = f"keep the model and replace {heads}"
        message = f"the children of {name}, run one after the other, are not what its forward does"
        claim = CutRaises(history.build.object, None)
        yield Candidate(CODE, site, site, f"{message}; {hint}", hint, claim, speculative=True, model=cut.ref)


def _given_a_map(history: ModelHistory, cut: _Cut) -> ModuleRef | None:
    """The new Linear that comes straight behind convolutions, with nothing that flattens in between."""
    last = modules.node_of(history.state, cut.own[-1])
    if last is None or last.arrives is None or len(last.arrives) < 3:
        return None
    for ref in cut.behind:
        kind = modules.kind_of(history.state, ref)
        if kind == "Linear":
            return ref
        if kind not in _PLAIN or kind == "Flatten":
            return None
    return None


def _silent(history: ModelHistory, cut: _Cut) -> Iterator[Candidate]:
    """The first new layer, where nothing but pooling and flattening stands before it."""
    heads = head_places(history)
    last = modules.kind_of(history.state, cut.own[-1])
    found = None if last in _PLAIN else _next_layer(history, cut)
    if found is None or len(heads) != 1 or cut.event.site is None:
        return
    around, layer = found
    name = history.builder.name
    hint = "put nn.ReLU() behind the children"
    message = f"the children of {name} lack the ReLU that its forward applies to their output; {hint}"
    claim = ReluLost(history.model, ModuleRef(history.build.object, heads[0]), around, layer)
    site = cut.event.site
    first = next((ref for ref in cut.behind), layer)
    mends = partial(_mends, history=history, layer=first, steps=(("ReLU()",),))
    yield Candidate(CODE, site, site, message, hint, claim, True, around, mends=mends)


# What may be lost before a layer that takes features, the least first.
_FLATTENING = (
    ("Flatten()",),
    ("AdaptiveAvgPool2d(1)", "Flatten()"),
    ("ReLU()", "AdaptiveAvgPool2d(1)", "Flatten()"),
)


def _mends(scene: Scene, history: ModelHistory, layer: ModuleRef, steps: tuple[tuple[str, ...], ...]) -> Iterator[Mend]:
    """The steps that are lost, before the layer that needs them."""
    call = call_that_makes(history, layer)
    if call is None:
        return
    prefix = written(scene, "torch.nn.Module")[0].removesuffix("Module")
    for names in steps if prefix else ():
        codes = [prefix + name for name in names]
        change = before_item(scene, call, codes)
        if change is not None:
            yield Mend(f"put {' and '.join(codes)} before it", "safe", (change,))


def _next_layer(history: ModelHistory, cut: _Cut) -> tuple[ModuleRef, ModuleRef] | None:
    """The Linear that gets what the cut returns, with the module that runs both."""
    for ref in cut.behind:
        kind = modules.kind_of(history.state, ref)
        if kind == "Linear":
            return cut.ref, ref
        if kind not in _PLAIN:
            return None
    for define in history.events:
        if not isinstance(define, Define) or define.others != ():
            continue
        passed = False
        for step in define.operations:
            if step.module == cut.ref:
                passed = True
            elif not passed:
                continue
            elif step.kind != "call" and step.kind not in _PLAIN_STEPS:
                break
            elif step.module is not None:
                kind = modules.kind_of(history.state, step.module)
                if kind == "Linear":
                    return ModuleRef(define.object, ""), step.module
                if kind not in _PLAIN:
                    break
    return None


def _calls(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether a forward of the file calls a module."""
    defines = (event for event in history.events if isinstance(event, Define))
    return any(step.module == ref for define in defines for step in define.operations)
