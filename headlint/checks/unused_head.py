"""HL101: a layer is assigned to a name that forward never calls."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import fitted, head_inside, is_a_head, meant_child, nearly, only_head, tells_classes
from headlint.checks.places import head_places, place_of, placements, spelled
from headlint.claims import NeverUsed
from headlint.finding import Applicability
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import MakeContainer, ModuleRef, SetModule
from headlint.mends.mend import Mend
from headlint.mends.places import at, replaced, scopes, step_of, target_of
from headlint.mends.scene import Scene
from headlint.source.nodes import descend

CODE = "HL101"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Modules put under a name that nothing in the builder's model, or in a wrapper around it, calls."""
    for event, place in (*placements(history), *_on_wrappers(history)):
        assert event.value is not None
        if _does_nothing(history, event.value) or event.value.object == history.build.object:
            # Nor is a part of the model itself, kept under another name, a new layer.
            continue
        if history.escaped and not _looks_like_a_head(history, event.name):
            # Code out of sight may know a name of its own, and call it.
            continue
        if history.escaped and _is_read_there(event):
            # Code out of sight has given it to the model, or the read raises.
            continue
        if _is_foreign(history, event) and not _stands_elsewhere(history, event):
            yield _candidate(history, event, place)


def _looks_like_a_head(history: ModelHistory, name: str) -> bool:
    """Whether a name is a head's elsewhere, or nearly the name of something in this model."""
    return is_a_head(name) or bool(nearly(name, (path for path in history.places.values() if "." not in path)))


def _is_read_there(event: SetModule) -> bool:
    """Whether the statement itself reads what it replaces: `model.head = nn.Linear(model.head.in_features, 2)`."""
    written = event.site.value if isinstance(event.site, cst.Assign) else event.site
    found = descend(() if written is None else (written,))
    return any(isinstance(node, cst.Attribute) and node.attr.value == event.name for node in found)


def _does_nothing(history: ModelHistory, ref: ModuleRef) -> bool:
    """Whether a module is no layer of the model: an Identity, an empty Sequential, a loss kept at hand."""
    kind = modules.kind_of(history.state, ref)
    return (
        kind == "Identity"
        or kind.endswith("Loss")
        or (kind == "Sequential" and not modules.children_of(history.state, ref))
    )


def _on_wrappers(history: ModelHistory) -> Iterator[tuple[SetModule, str]]:
    """What was put on a DataParallel around the model instead of into it."""
    for event in history.events:
        if isinstance(event, SetModule) and event.value is not None and event.target in history.wrappers:
            yield event, event.name


def _is_foreign(history: ModelHistory, event: SetModule) -> bool:
    """Whether nothing in the code of the target's class can know the name."""
    record = history.state.heap.get(event.target.object)
    kind = modules.kind_of(history.state, event.target)
    if kind in modules.WRAPPERS:
        return event.name != "module"
    if not isinstance(record, modules.TREES):
        return False
    node = record.tree.node(event.target.path)
    if node is None or event.name in node.children or record.tree.has_attribute(event.target.path, event.name):
        return False
    # Containers run whatever is put into them.
    return not modules.container_kind(history.state, event.target)


def _stands_elsewhere(history: ModelHistory, event: SetModule) -> bool:
    """Whether the new layer is also a part of something else, which may run it."""
    for other in history.events:
        if isinstance(other, MakeContainer) and any(child == event.value for _, child in other.children):
            return True
        if isinstance(other, SetModule) and other is not event and other.value == event.value:
            return True
    return False


def _candidate(history: ModelHistory, event: SetModule, place: str) -> Candidate:
    assert event.value is not None
    assert event.site is not None
    name, builder = spelled(place), history.builder
    wrapped = event.target in history.wrappers
    heads = [f".module.{spelled(head)}" if wrapped else spelled(head) for head in head_places(history)]
    consequence = "the new layer is unused"
    hint = ""
    if heads and all(place_of(history, ref) is not None for ref in _original_heads(history)):
        consequence += f" and the model still returns {_classes(history)} classes"
        hint = f"replace '{heads[0]}', which forward calls"
        if heads[0] != name:
            consequence += f"; replace '{heads[0]}'"
    owner = f"the {modules.kind_of(history.state, event.target)} around {builder.name}" if wrapped else builder.name
    model = event.target if wrapped else history.model
    message = f"{owner} never calls '{name}': {consequence}"
    claim, mends = NeverUsed(event.value), partial(_mends, history=history, event=event)
    return Candidate(CODE, event.site, event.site, message, hint, claim, False, model, mends=mends)


def _mends(scene: Scene, history: ModelHistory, event: SetModule) -> Iterator[Mend]:
    """The same layer at the place that the name is a slip for, or at that of the head, made to fit there.

    Unsafe where the layer has to be changed for that, or where its name is none of a head: it may be meant to come
    behind the model.
    """
    head, step = only_head(history), step_of(target_of(event.site))
    if head is None or step is None or event.value is None:
        return
    owner, name = step
    child = meant_child(history, event.target, event.name)
    if child is not None and _is_like(history, event, child):
        for roots in scopes(scene, owner, scene.code(owner)):
            yield Mend(f"write {child}", "safe", replaced(scene, roots, scene.code(owner), name, child))
    wrapped = event.target in history.wrappers
    place = f"module.{spelled(head.place)}" if wrapped else head_inside(head, event.target, history)
    if place is None or not tells_classes(history, event.value, head):
        return
    named = is_a_head(event.name) or child in head.place.split(".")
    for changes in fitted(scene, history, event.value, head, at(scene.whole_text(owner), place)):
        for roots in scopes(scene, owner, scene.code(owner)):
            renamed = replaced(scene, roots, scene.code(owner), name, place)
            safe: Applicability = "safe" if named and not changes else "unsafe"
            yield Mend(f"replace {spelled(head.place)} instead", safe, (*renamed, *changes))


def _is_like(history: ModelHistory, event: SetModule, child: str) -> bool:
    """Whether a new module is of the kind of the child that stands in the same target."""
    standing = dict(modules.children_of(history.state, event.target)).get(child)
    assert event.value is not None
    return standing is not None and modules.kind_of(history.state, standing) == modules.kind_of(
        history.state, event.value
    )


def _original_heads(history: ModelHistory) -> Iterator[ModuleRef]:
    for place in head_places(history):
        yield ModuleRef(history.build.object, place)


def _classes(history: ModelHistory) -> object:
    given = dict(history.build.arguments).get("num_classes", history.builder.classes)
    return getattr(given, "text", given)
