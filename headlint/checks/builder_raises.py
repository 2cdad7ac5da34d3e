"""HL106: torchvision's builder refuses what it is given, or takes it and ignores it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial

from headlint.checks.candidate import Candidate
from headlint.checks.places import spelled
from headlint.claims import BuilderRaises, Claim, HeadKept, KeywordIgnored
from headlint.flow.histories import ModelHistory
from headlint.flow.refusals import Refusal, ignored, means_num_classes, refusal
from headlint.history import Argument, Build, ModuleRef, SymbolicSize, WeightsMember
from headlint.mends.arguments import Behind, keyword, renamed, replacements, split
from headlint.mends.mend import Mend, Remove, Replace
from headlint.mends.scene import Scene
from headlint.zoo import Builder

CODE = "HL106"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The call that made this model, or would have."""
    build, builder = history.build, history.builder
    site = build.site
    if site is None:
        return
    arguments = dict(build.arguments)
    if build.refused:
        refused = refusal(builder, arguments, dict(build.weights))
        if refused is not None:
            message, hint = _told(builder, build, refused)
            # A newer torchvision may know a name that this one does not.
            newer = refused.kind in ("keyword", "member")
            mends = partial(_mends, builder=builder, build=build, refused=refused)
            text = f"{message}; {hint}"
            yield Candidate(CODE, site, site, text, hint, BuilderRaises(), speculative=newer, mends=mends)
        return
    if "num_classes" in arguments:
        return
    for name in ignored(builder, arguments):
        value = arguments[name]
        if value not in (None, builder.classes) and not isinstance(value, (bool, str)):
            message = f"{builder.name} takes '{name}', which nothing reads, and makes {builder.classes} classes"
            claim = _unread(history, name, value)
            if claim is None:
                continue
            text, hint = f"{message}; write num_classes", "write num_classes"
            mends = partial(renamed, call=site, name=name, right="num_classes")
            yield Candidate(CODE, site, site, text, hint, claim, False, mends=mends)


def _unread(history: ModelHistory, name: str, value: Argument) -> Claim | None:
    """What shows that nothing reads a keyword, None where the head that shows it has been replaced."""
    if history.builder.task != "detection":
        return KeywordIgnored(history.model, name, value)
    # What detection models return has no width: the layer that scores the classes tells it.
    head = history.builder.heads[0]
    layer = ModuleRef(history.build.object, head.place)
    stands = history.places.get(layer) == head.place
    return HeadKept(layer, name, head.out_features) if stands else None


def _mends(scene: Scene, builder: Builder, build: Build, refused: Refusal) -> Iterator[Mend]:
    """Build with what the builder takes, and do the rest behind it."""
    site, name = build.site, refused.name
    given = keyword(site, name)
    if given is None or site is None:
        return
    match refused.kind:
        case "classes":
            heads = [(spelled(head.place), head.kind) for head in builder.heads if not head.auxiliary]
            classes = scene.whole_text(given.value)
            yield from split(scene, site, given, lambda base: replacements(scene, base, heads, classes))
        case "fixed" if name == "aux_logits" and builder.root_type == "GoogLeNet":
            yield Mend(f"leave out {name}", "safe", (Remove(given),))
        case "fixed" if name in _SWITCHED_OFF:
            yield from split(scene, site, given, lambda base: Behind((f"{base}.{_SWITCHED_OFF[name]}",)))
        case "keyword":
            near = _nearest_keyword(builder, name)
            if near:
                yield from renamed(scene, site, name, near)
        case "member":
            yield Mend("use the default weights", "unsafe", (Replace(given.value, '"DEFAULT"'),))
        case "enum":
            member = scene.code(given.value).rpartition(".")[2]
            right = member if member in builder.weights else "DEFAULT"
            yield Mend(f"use its own weights {right}", "safe", (Replace(given.value, f'"{right}"'),))


_SWITCHED_OFF = {"aux_logits": "aux_logits = False", "aux_loss": "aux_classifier = None"}


def _nearest_keyword(builder: Builder, name: str) -> str:
    near = difflib.get_close_matches(name, builder.parameters, 1, 0.7)
    return near[0] if near else "num_classes" if means_num_classes(name) else ""


def _told(builder: Builder, build: Build, refused: Refusal) -> tuple[str, str]:
    """What the builder refuses, and what to write instead."""
    arguments, name = dict(build.arguments), refused.name
    match refused.kind:
        case "classes":
            places = [spelled(place) for place in _head_places(builder)]
            replace = f"leave it out and replace {_listed(places)} afterwards" if places else "leave one of them out"
            what = f"{builder.name} with weights refuses {name}={_text(arguments[name])}"
            other = " unless that is" if isinstance(arguments[name], SymbolicSize) else ", they are for"
            return f"{what}{other} {refused.needed}", replace
        case "fixed":
            what = f"{builder.name} with weights refuses {name}={_text(arguments[name])}"
            if builder.root_type == "GoogLeNet" and name == "aux_logits":
                return what, "leave it out, which drops the auxiliary heads all the same"
            return what, _AFTERWARDS.get(name, "leave it out")
        case "keyword":
            near = _nearest_keyword(builder, name)
            hint = f"write {near}" if near else "leave it out"
            return f"{builder.name} has no argument '{name}'", hint
        case "member":
            there = ", ".join(builder.weights) or "no weights"
            return f"{builder.name} has no weights {dict(build.weights)[name]!r}", f"there are DEFAULT, {there}"
    given = dict(build.weights)[name]
    assert isinstance(given, WeightsMember)
    wrong, right = f"{given.enum}.{given.member}", f"{builder.weights_enum}.DEFAULT"
    return f"{builder.name} refuses {wrong}, the weights of another model", f"write {right}"


_AFTERWARDS = {
    "aux_logits": "leave it out, and set aux_logits of the model to False afterwards",
    "aux_loss": "leave it out, and set aux_classifier of the model to None afterwards",
}


def _head_places(builder: Builder) -> tuple[str, ...]:
    return tuple(head.place for head in builder.heads if not head.auxiliary)


def _listed(places: list[str]) -> str:
    return " and ".join(f"'{place}'" for place in places[:3])


def _text(argument: Argument) -> str:
    return str(getattr(argument, "text", argument))
