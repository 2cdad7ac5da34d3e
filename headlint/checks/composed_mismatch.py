"""HL205: in a module of the user's own, or a Sequential around the model, one part does not fit the next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.chains import chains
from headlint.checks.composition import Composed, first_refusal
from headlint.checks.mending import call_that_makes, only_head
from headlint.checks.places import head_places, spelled
from headlint.claims import ForwardRaises
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import Define, ModuleRef
from headlint.mends.imports import written
from headlint.mends.layers import first_size
from headlint.mends.mend import Insert, Mend, Prefix, Replace
from headlint.mends.places import at, target_of
from headlint.mends.scene import Scene

CODE = "HL205"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Forwards that run the model and hand what it gives to a layer that does not take it."""
    told: set[ModuleRef] = set()
    for event in (*_forwards(history), *chains(history)):
        found = first_refusal(history, event)
        if found is None or event.site is None or found.operation.site is None or found.layer in told:
            continue
        if len(found.given) > 1 and modules.kind_of(history.state, ModuleRef(event.object, "")) == "Sequential":
            # What a map needs before it fits depends on what the Sequential is for.
            continue
        told.add(found.layer)
        name = _name(event, found.called)
        source = _before(history, event, found)
        wanted, given = found.refused.wanted, found.refused.given
        if len(found.given) > 1 and modules.kind_of(history.state, found.layer) == "Linear":
            shape = " x ".join("?" if size is None else str(size) for size in found.given)
            message = f"{source} a map of {shape} to {name}, which takes {wanted} features"
            hint = "flatten it first: torch.flatten(x, 1)"
        else:
            message = f"{source} {given} features to {name}, which takes {wanted}"
            hint = f"make {name} take {given}" + (
                ", or take the old head off with nn.Identity()" if _is_whole(history, event, found) else ""
            )
        claim = ForwardRaises((found.layer,))
        model = ModuleRef(event.object, "")
        mends = partial(_mends, history=history, define=event, found=found)
        text = f"{message}; {hint}"
        yield Candidate(CODE, found.operation.site, event.site, text, hint, claim, True, model, mends=mends)


def _mends(scene: Scene, history: ModelHistory, define: Define, found: Composed) -> Iterator[Mend]:
    """Flatten the map, take the old head off, or give the layer the right width."""
    call, kind = found.operation.site, modules.kind_of(history.state, found.layer)
    if len(found.given) > 1 and kind == "Linear":
        if isinstance(call, cst.Call) and len(call.args) == 1:
            yield Mend("flatten it first", "safe", (Prefix(call.args[0].value, ".flatten(1)", behind=True),))
        return
    head, build = only_head(history), history.build.site
    if _is_whole(history, define, found) and head is not None and head.in_features == found.refused.wanted:
        statement = None if build is None else scene.statement(build)
        target = target_of(statement)
        if target is not None and statement is not None:
            identity, imports = written(scene, "torch.nn.Identity")
            code = f"{at(scene.text(target), spelled(head.place))} = {identity}()"
            yield Mend("take the old head off", "safe", (Insert(code, statement, behind=True), *imports))
    size = first_size(call_that_makes(history, found.layer), kind)
    if size is not None and isinstance(found.refused.given, int):
        yield Mend(f"take {found.refused.given} features", "safe", (Replace(size, str(found.refused.given)),))


def _forwards(history: ModelHistory) -> Iterator[Define]:
    """The forwards of the file's own classes that run the model."""
    defines = (event for event in history.events if isinstance(event, Define))
    return (define for define in defines if _runs(history, define))


def _runs(history: ModelHistory, define: Define) -> bool:
    """Whether a forward calls the model, a part of it, or something around it."""
    return any(step.module is not None and _holds_model(history, step.module) for step in define.operations)


def _holds_model(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether a module is the model, a part of it, or something around these."""
    return history.build.object in modules.objects_in(history.state, ref)


def _name(define: Define, ref: ModuleRef) -> str:
    return next((f"'{name}'" for name, part in define.parts if part == ref), "the next layer")


def _before(history: ModelHistory, define: Define, found: Composed) -> str:
    """Who gives the features, as a sentence begins with it."""
    if _is_joined(define, found):
        return "torch.cat gives"
    source = _source(history, define, found)
    if source is None:
        return f"{history.builder.name} gives"
    if _is_whole(history, define, found):
        return f"{_name(define, source)} is a whole {history.builder.name} and gives"
    return f"{_name(define, source)} of {history.builder.name} gives"


def _is_joined(define: Define, found: Composed) -> bool:
    """Whether what the layer gets was put together by torch.cat."""
    step = found.operation
    while len(step.inputs) == 1 and step.inputs[0] > 0:
        step = define.operations[step.inputs[0] - 1]
        if step.kind in ("cat", "call"):
            return step.kind == "cat"
    return False


def _source(history: ModelHistory, define: Define, found: Composed) -> ModuleRef | None:
    """The last part of the model that forward calls before the layer that does not fit."""
    behind = define.operations[: define.operations.index(found.operation)]
    calls = [step.module for step in behind if step.module is not None and _holds_model(history, step.module)]
    return calls[-1] if calls else None


def _is_whole(history: ModelHistory, define: Define, found: Composed) -> bool:
    """Whether the model with its own head gives the features."""
    source = _source(history, define, found)
    heads = {ModuleRef(history.build.object, place) for place in head_places(history)}
    return source == history.model and heads <= history.places.keys()
