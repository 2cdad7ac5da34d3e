"""What a history comes to as a whole: whose forward a program would run in the end, and on which pictures."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.holders import only_holds
from headlint.checks.recipes import BATCH, input_shape
from headlint.flow import modules, reads
from headlint.flow.histories import ModelHistory
from headlint.flow.sizes import as_argument
from headlint.flow.value import Unknown
from headlint.history import Define, MakeContainer, MakeLayer, ModuleRef, SetModule

# Sides of pictures that programs use, beside those that the model is meant for.
_SIDES = (32, 64, 96, 128, 256, 299, 384)
# Pixels of a picture that is large: more than classifiers take.
_LARGE = 600 * 400
_DEEPEST = 8


def entrance(history: ModelHistory) -> ModuleRef | None:
    """The module that pictures are given to: the model, or the outermost one around it that hands them on as they are.

    None where that is not known: parts of the model serve something else, or a forward does something to its input.
    """
    number = history.build.object
    here = history.model
    for _ in range(_DEEPEST):
        members = (pair for pair in _memberships(history) if pair[0] not in history.places)
        around = [(outer, part) for outer, part in members if part.object == here.object]
        if any(part.path for _, part in around if part.object == number):
            return None
        outers = {outer for outer, part in around if part == here}
        if not outers:
            return here
        if len(outers) > 1:
            return None
        (outer,) = outers
        if not _hands_on(history, outer, here):
            return None
        here = outer
    return None


def outermost(history: ModelHistory) -> ModuleRef | None:
    """The one module that all that holds the model, or parts of it, stands in; None where there are several.

    What it does to its input before it hands that on is left to a replay.
    """
    around: dict[int, set[ModuleRef]] = {}
    for outer, part in _memberships(history):
        if outer not in history.places and outer.object != part.object:
            around.setdefault(part.object, set()).add(outer)
    found: set[ModuleRef] = set()
    waiting, seen = [history.model], {history.model}
    while waiting:
        here = waiting.pop()
        outers = around.get(here.object, set())
        if not outers:
            found.add(here)
        waiting += outers - seen
        seen |= outers
    return found.pop() if len(found) == 1 else None


def _memberships(history: ModelHistory) -> Iterator[tuple[ModuleRef, ModuleRef]]:
    """Objects beside the model, each with a module that the code has put into it."""
    for event in history.events:
        match event:
            case MakeContainer() if not only_holds(history, ModuleRef(event.object, "")):
                yield from ((ModuleRef(event.object, ""), child) for _, child in event.children)
            case Define():
                yield from ((ModuleRef(event.object, ""), part) for _, part in event.parts)
            case SetModule() if event.value is not None and event.target.object != history.build.object:
                yield ModuleRef(event.target.object, ""), event.value


def _hands_on(history: ModelHistory, outer: ModuleRef, inner: ModuleRef) -> bool:
    """Whether a module gives its input to this part of it, and does nothing else with it."""
    define = next((e for e in history.events if isinstance(e, Define) and e.object == outer.object), None)
    if define is not None:
        if define.others != ():
            # It may go another way, where optional arguments are given.
            return False
        taking = [step for step in define.operations if 0 in step.inputs]
        return bool(taking) and all(step.module == inner and step.inputs == (0,) for step in taking)
    if modules.kind_of(history.state, outer) in modules.WRAPPERS:
        return True
    children = modules.children_of(history.state, outer)
    return modules.container_kind(history.state, outer) == "Sequential" and bool(children) and children[0][1] == inner


def pictures(history: ModelHistory) -> tuple[tuple[int, ...], ...]:
    """Inputs that a program may have for the model, batch first, the usual one first."""
    usual = input_shape(history, usual=True)
    smallest = (BATCH, usual[1], *history.builder.smallest_input[1:])
    if len(usual) != 4:
        return tuple(dict.fromkeys((usual, smallest)))
    asked = [value for name, value in history.build.arguments if name == "image_size" and isinstance(value, int)]
    sides = [*asked, *_SIDES]
    squares = [(BATCH, usual[1], side, side) for side in sides]
    coloured = [(BATCH, channels, *usual[2:]) for channels in sorted({1, 3, 4} | _channels(history))]
    first = (usual, *squares[: len(asked)], smallest)
    if usual[2] * usual[3] > _LARGE and not asked:
        # Of inputs that are as good as each other the one that takes seconds comes last.
        first = (smallest, usual)
    return tuple(dict.fromkeys((*first, *coloured, *squares)))


def _channels(history: ModelHistory) -> set[int]:
    """The channels that new convolutions take, one of which may stand at the entrance; large numbers do not."""
    made = [e for e in history.events if isinstance(e, MakeLayer) and e.kind.startswith("Conv")]
    given = (dict(event.arguments).get("in_channels") for event in made)
    return {channels for channels in given if isinstance(channels, int) and 0 < channels <= 32}


def is_certain(history: ModelHistory) -> bool:
    """Whether all that the code does to the model is known, and nobody out of sight has it before the end."""
    if not history.complete or history.escaped_by_hand or history.forward_replaced:
        return False
    for (_, name), value in history.state.attributes.items():
        if value is reads.DELETED or name == "frozen":
            continue
        if isinstance(as_argument(value), Unknown):
            return False
    return True
