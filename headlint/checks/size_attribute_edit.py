"""HL103: a size of a layer is edited, which changes nothing once the layer has its weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.places import head_places, place_of, sizes_of, spelled
from headlint.claims import SizeIgnored
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.sizes import as_argument
from headlint.history import DeleteModule, Escape, ModuleRef, SetAttribute
from headlint.mends.layers import new_layer
from headlint.mends.mend import Mend, Replace
from headlint.mends.places import step_of, target_of
from headlint.mends.scene import Scene
from headlint.source.nodes import text_of

CODE = "HL103"

# The axes of a layer's weight that an attribute tells the size of.
_AXES: dict[str, dict[str, tuple[int, ...]]] = {
    "Linear": {"out_features": (0,), "in_features": (1,)},
    "Embedding": {"num_embeddings": (0,), "embedding_dim": (1,)},
    **{
        f"Conv{n}d": {"out_channels": (0,), "in_channels": (1,), "kernel_size": tuple(range(2, n + 2))}
        for n in (1, 2, 3)
    },
    **{f"BatchNorm{n}d": {"num_features": (0,)} for n in (1, 2, 3)},
}


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Sizes of layers that stand in the model and were made with other ones, whose weights the code leaves alone."""
    last = {
        (event.target, event.name): event
        for event in history.events
        if isinstance(event, SetAttribute) and event.target in history.places
    }
    for (layer, name), event in last.items():
        axes = _AXES.get(modules.kind_of(history.state, layer), {}).get(name)
        if axes is None or event.site is None or not history.over or _may_fit_again(history, event):
            continue
        sizes = sizes_of(history, layer)
        made_with = sizes.get(name)
        if made_with is None or event.value is None or _as_many(event.value, axes) == _as_many(made_with, axes):
            continue
        groups = sizes.get("groups", 1) if name == "in_channels" else 1
        if not isinstance(groups, int):
            continue
        place, given = spelled(place_of(history, layer) or ""), getattr(made_with, "text", made_with)
        stays = f"its weights stay as they were made, with {name}={given}"
        if name.startswith("out_") and _is_head(history, layer):
            stays = f"its weights stay, and the model still returns {given} classes"
        write = _replacement(history, event, layer) or f"replace '{place}' by a new layer"
        message = f"editing '{name}' does not rebuild '{place}' of {history.builder.name}: {stays}; {write}"
        claim, mends = (
            SizeIgnored(layer, name, event.value, axes, groups),
            partial(_mends, history=history, event=event),
        )
        yield Candidate(CODE, event.site, event.site, message, write, claim, speculative=False, mends=mends)


def _as_many(size: object, axes: tuple[int, ...]) -> object:
    """A size for each axis: `kernel_size=3` is `(3, 3)`."""
    return size if isinstance(size, tuple) else (size,) * len(axes)


def _is_head(history: ModelHistory, layer: ModuleRef) -> bool:
    return place_of(history, layer) in head_places(history)


def _may_fit_again(history: ModelHistory, event: SetAttribute) -> bool:
    """Whether the layer's weights may have been made to fit, or the size may have been something else since."""
    layer = event.target
    known = history.state.attributes.get((layer, event.name))
    if known is None or as_argument(known) != event.value:
        return True
    if (layer, "weight") in history.state.attributes:
        return True
    index = next(i for i, other in enumerate(history.events) if other is event)
    for other in history.events[:index]:
        if isinstance(other, Escape) and other.target.object == layer.object:
            return True
    for other in history.events[index:]:
        if isinstance(other, DeleteModule) and other.target == layer:
            return True
        if isinstance(other, Escape) and other.target.object == layer.object and not _is_handed_back(other):
            # Others may rebuild an inner layer; nobody writes the head's size to leave its weights to them.
            return not _is_head(history, layer)
    return False


def _is_handed_back(event: Escape) -> bool:
    """Whether a model only goes back to whoever called the function that made it."""
    return isinstance(event.site, (cst.FunctionDef, cst.ClassDef, cst.Lambda))


def _mends(scene: Scene, history: ModelHistory, event: SetAttribute) -> Iterator[Mend]:
    """A new layer of that size, with all others as they are."""
    target, site = target_of(event.site), event.site
    if not isinstance(target, cst.Attribute) or not isinstance(site, cst.Assign) or step_of(target.value) is None:
        # What is put under a name of its own is not put into the model.
        return
    kind, sizes = modules.kind_of(history.state, event.target), dict(sizes_of(history, event.target))
    owner = scene.whole_text(target.value)
    codes = {name: f"{owner}.{name}" for name in _AXES[kind] if name.endswith("_features") and name in sizes}
    code, imports = new_layer(scene, kind, sizes, {**codes, event.name: scene.whole_text(site.value)})
    yield Mend(f"replace {owner} by a new layer", "safe", (Replace(site, f"{owner} = {code}"), *imports))


def _replacement(history: ModelHistory, event: SetAttribute, layer: ModuleRef) -> str:
    """The assignment that does what the code means, in its own words; empty where that takes more than a line."""
    site = event.site
    if modules.kind_of(history.state, layer) != "Linear" or not isinstance(site, cst.Assign) or len(site.targets) > 1:
        return ""
    target = site.targets[0].target
    if not isinstance(target, cst.Attribute) or step_of(target.value) is None:
        return ""
    sizes = {name: getattr(size, "text", size) for name, size in sizes_of(history, layer).items()}
    sizes[event.name] = text_of(site.value)
    return f"write {text_of(target.value)} = nn.Linear({sizes['in_features']}, {sizes['out_features']})"
