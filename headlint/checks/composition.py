"""Shapes on their way through the forward of a class of the user's own, as far as they can be told without torch.

What the builder's model gives is read off the facts about it; sizes that depend on the picture stay unknown. All of
this only finds what is worth a replay: the real forward decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from headlint.checks.places import first_mismatch, joined, sizes_of
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.flow.state import ZooObject
from headlint.history import Argument, Define, ModuleRef, Operation
from headlint.torchlib.shapes import Refused, Shape, behind, given_always

# Definitions inside definitions that are followed.
_DEEPEST = 4
_SAME = frozenset(
    "relu gelu silu sigmoid tanh softmax log_softmax normalize dropout contiguous detach add sub mul div".split()
)


# A shape, or what stands in a tuple or dict of such things.
Whole: TypeAlias = "Shape | dict[str | int, Whole | None]"


@dataclass(frozen=True, slots=True)
class Composed:
    """A layer of the user's that refuses the shape `given` by the part before it, and where forward calls it."""

    given: Shape
    layer: ModuleRef
    called: ModuleRef
    refused: Refused
    operation: Operation


def first_refusal(history: ModelHistory, define: Define) -> Composed | None:
    """The first layer in a forward that certainly does not take what arrives, with the sizes worked out here.

    Where optional arguments may be given, too, that layer takes it in no other way through the forward either.
    """
    found = next(Forward(history).refusals(define.operations), None)
    if found is None or define.others is None:
        return None
    for other in define.others:
        again = next(Forward(history).refusals(other), None)
        runs = any(operation.module == found.called for operation in other)
        if runs and (again is None or again.layer != found.layer):
            return None
    return found


class Forward:
    """Walks through a forward, with the definitions inside it.

    `given` has what arrives at each module that one of them calls, None where it is not the same each time.
    """

    def __init__(self, history: ModelHistory) -> None:
        self.history = history
        self.state = history.state
        self.defined = {event.object: event for event in history.events if isinstance(event, Define)}
        self.given: dict[ModuleRef, Shape | None] = {}
        self.depth = 0
        self.result: Whole | None = None

    def refusals(self, operations: Sequence[Operation], given: Sequence[Whole | None] = ()) -> Iterator[Composed]:
        """Run the operations over what the inputs are, as far as that is given; stops at the first refusal."""
        values: dict[int, Whole | None] = {-number: whole for number, whole in enumerate(given)}
        for number, operation in enumerate(operations, 1):
            wholes = [values.get(value) for value in operation.inputs]
            if operation.kind in ("tuple", "dict", "item"):
                values[number] = _of_parts(operation, wholes)
                continue
            if operation.kind != "call":
                values[number] = _functional(operation, [as_shape(whole) for whole in wholes])
                continue
            assert operation.module is not None
            shape = as_shape(wholes[0]) if wholes else None
            if shape is not None:
                same = self.given.setdefault(operation.module, shape) == shape
                self.given[operation.module] = shape if same else None
            found = self.mismatch(operation.module, wholes)
            if found is not None and shape is not None:
                yield Composed(shape, found[0], operation.module, found[1], operation)
                return
            values[number] = self.gives(operation.module, wholes)
        self.result = values.get(len(operations))

    def mismatch(self, ref: ModuleRef, wholes: Sequence[Whole | None]) -> tuple[ModuleRef, Refused] | None:
        """The first layer in a module that refuses what it is given."""
        given = as_shape(wholes[0]) if wholes else None
        if given is None:
            return None
        if isinstance(self.state.heap.get(ref.object), ZooObject):
            # What the builder's own layers take is their business: an input of another kind is no mistake of sizes.
            return None
        if len(given) == 3 and modules.kind_of(self.state, ref) == "Linear":
            width, wanted = given[-1], sizes_of(self.history, ref).get("in_features")
            if isinstance(width, int) and isinstance(wanted, int) and width != wanted:
                return ref, Refused(wanted, width)
            return None
        define = self.defined.get(ref.object)
        if define is not None and not ref.path:
            inner = self.within(define, wholes)
            return None if inner is None or inner.given != given else (inner.layer, inner.refused)
        found = first_mismatch(self.history, ref, given)
        return None if found is None else (found.layer, found.refused)

    def within(self, define: Define, wholes: Sequence[Whole | None]) -> Composed | None:
        """The first refusal inside another module of the user's, after which `result` is what it gives."""
        self.result = None
        if self.depth >= _DEEPEST:
            return None
        self.depth += 1
        refused = next(self.refusals(define.operations, wholes), None)
        self.depth -= 1
        return refused

    def gives(self, ref: ModuleRef, wholes: Sequence[Whole | None]) -> Whole | None:
        """What comes of a module, None where it is not known."""
        kind = modules.kind_of(self.state, ref)
        if kind in modules.WRAPPERS:
            inner = modules.children_of(self.state, ref)[0][1]
            return None if inner is None else self.gives(inner, wholes)
        define = self.defined.get(ref.object)
        if define is not None:
            return None if self.within(define, wholes) is not None else self.result
        given = as_shape(wholes[0]) if wholes else None
        if isinstance(self.state.heap.get(ref.object), ZooObject):
            return self.builder_gives(ref, given)
        if kind == "Sequential":
            whole: Whole | None = given
            for _, child in modules.children_of(self.state, ref):
                if child is None:
                    return None
                whole = self.gives(child, [whole])
            return whole
        if given is None:
            return given_always(kind, sizes_of(self.history, ref))
        outcome = behind(kind, sizes_of(self.history, ref), given)
        return None if isinstance(outcome, Refused) else outcome

    def builder_gives(self, ref: ModuleRef, given: Shape | None) -> Shape | None:
        if not ref.path:
            return self.head_gives(ref)
        node = modules.node_of(self.state, ref)
        if node is None or any(changed.object == ref.object for changed in self.state.children):
            return None
        if not node.children:
            arriving = given if given is not None else _without_picture(node.arrives)
            outcome = None if arriving is None else behind(node.type, sizes_of(self.history, ref), arriving)
            return None if isinstance(outcome, Refused) else outcome
        following = self.next_arrival(ref)
        if following is None or node.arrives is None:
            return None
        # A functional step may stand between: the channels are those of the next layer, the rest is open.
        return (following[0], *[None] * (len(node.arrives) - 1))

    def next_arrival(self, ref: ModuleRef) -> Shape | None:
        """What arrives at the part of the builder's model that stands behind another one."""
        parent, _, name = ref.path.rpartition(".")
        around = modules.node_of(self.state, ModuleRef(ref.object, parent))
        if around is None:
            return None
        position = around.children.index(name) + 1
        for sibling in around.children[position:]:
            node = modules.node_of(self.state, ModuleRef(ref.object, joined(parent, sibling)))
            if node is not None and node.arrives is not None:
                return tuple(node.arrives)
        return self.next_arrival(ModuleRef(ref.object, parent)) if parent else None

    def head_gives(self, ref: ModuleRef) -> Shape | None:
        """What the whole model returns: what its head makes of what arrives there."""
        record = self.state.heap[ref.object]
        assert isinstance(record, ZooObject)
        heads = [head for head in record.builder.heads if not head.auxiliary]
        if len(heads) != 1 or record.builder.task not in ("classification", "quantization", "video"):
            return None
        # The outermost part around the head at which features arrive without their picture.
        steps = heads[0].place.split(".")
        standing: ModuleRef | None = ref
        for length in range(len(steps)):
            if standing is None:
                return None
            standing = dict(modules.children_of(self.state, standing)).get(steps[length])
            node = record.tree.node(".".join(steps[: length + 1]))
            if standing is not None and node is not None and node.arrives is not None:
                return self.through_head(standing, tuple(node.arrives))
        return None

    def through_head(self, ref: ModuleRef, arriving: Shape) -> Shape | None:
        shape: Shape | None = arriving
        layers = [ref] if modules.container_kind(self.state, ref) != "Sequential" else []
        if not layers:
            layers = [child for _, child in modules.children_of(self.state, ref) if child is not None]
        for layer in layers:
            if shape is None or modules.children_of(self.state, layer):
                return None
            outcome = behind(modules.kind_of(self.state, layer), sizes_of(self.history, layer), shape)
            shape = None if isinstance(outcome, Refused) else outcome
        return shape


def as_shape(whole: Whole | None) -> Shape | None:
    """A shape, None for what consists of parts and for what is not known."""
    return whole if isinstance(whole, tuple) else None


def _of_parts(operation: Operation, wholes: Sequence[Whole | None]) -> Whole | None:
    """A tuple or dict of these, or the part of one."""
    arguments = dict(operation.arguments)
    if operation.kind == "tuple":
        return dict(enumerate(wholes))
    if operation.kind == "dict":
        keys = arguments["keys"]
        assert isinstance(keys, tuple)
        return {str(key): whole for key, whole in zip(keys, wholes, strict=True)}
    key, inside = arguments["key"], wholes[0]
    return inside.get(key) if isinstance(inside, dict) and isinstance(key, (str, int)) else None


def _without_picture(shape: tuple[int, ...] | None) -> Shape | None:
    """A shape without the sizes that depend on the picture."""
    return None if shape is None else (shape[0], *[None] * (len(shape) - 1))


def _functional(operation: Operation, inputs: list[Shape | None]) -> Shape | None:
    """The shape behind a function of torch."""
    given = inputs[0] if inputs else None
    if given is None:
        return None
    arguments = dict(operation.arguments)
    kind = operation.kind
    if kind in _SAME:
        return given
    if kind == "flatten":
        sizes = {"start_dim": arguments.get("start_dim", 0), "end_dim": arguments.get("end_dim", -1)}
        outcome = behind("Flatten", sizes, given)
        return None if isinstance(outcome, Refused) else outcome
    if kind == "reshape":
        return _flat(given) if arguments.get("sizes") == (0, -1) else _of_reshape(arguments.get("sizes"))
    if kind == "squeeze":
        return _squeezed(given, arguments.get("dim"))
    if kind in ("mean", "amax", "sum"):
        return _reduced(given, arguments.get("dim"), bool(arguments.get("keepdim", False)))
    if kind in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        outcome = behind("AdaptiveAvgPool2d", {"output_size": arguments.get("output_size")}, given)
        return None if isinstance(outcome, Refused) else outcome
    if kind == "cat":
        return _joined(inputs, arguments.get("dim"))
    return None


def _flat(shape: Shape) -> Shape | None:
    product = 1
    for size in shape:
        if not isinstance(size, int):
            return shape if len(shape) == 1 else None
        product *= size
    return (product,)


def _of_reshape(sizes: Argument) -> Shape | None:
    if isinstance(sizes, tuple) and len(sizes) == 2 and sizes[0] == -1 and isinstance(sizes[1], int):
        return (sizes[1],)
    return None


def _reduced(shape: Shape, dimensions: Argument, keep: bool) -> Shape | None:
    wanted = dimensions if isinstance(dimensions, tuple) else (dimensions,)
    gone = {axis % (len(shape) + 1) for axis in wanted if isinstance(axis, int)}
    if len(gone) != len(wanted) or 0 in gone:
        return None
    left = [1 if keep and axis in gone else size for axis, size in enumerate(shape, 1) if keep or axis not in gone]
    return tuple(left)


def _squeezed(shape: Shape, axes: Argument) -> Shape | None:
    """A shape without the sizes of 1 at these axes, or at any."""
    asked = range(1, len(shape) + 1) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    places = {axis % (len(shape) + 1) for axis in asked if isinstance(axis, int)}
    if any(shape[place - 1] is None for place in places if place):
        return None
    return tuple(size for place, size in enumerate(shape, 1) if place not in places or size != 1)


def _joined(inputs: list[Shape | None], axis: Argument) -> Shape | None:
    """The shape of what is put together along the features or channels."""
    first = inputs[0]
    if first is None or axis not in (1, -len(first)):
        return None
    total = 0
    for shape in inputs:
        if shape is None or len(shape) != len(first) or not isinstance(shape[0], int):
            return None
        total += shape[0]
    return (total, *[None] * (len(first) - 1))
