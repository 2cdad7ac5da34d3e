"""One way through the code: names, heap, models, history and what was assumed on the way.

A `State` belongs to one path and is changed only by the interpreter that walks it; forking copies it.
Everything it holds is immutable, so a fork shares all values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from headlint.flow.value import MOST_ITEMS, NONE, Class, Iterator, Symbol, Value
from headlint.history import AnyEvent, Argument, ModuleRef, Operation, ParameterRef

if TYPE_CHECKING:
    import libcst as cst

    from headlint.flow.filters import NameFilter
    from headlint.flow.outputs import Use
    from headlint.torchlib.parts import PartTree
    from headlint.zoo import Builder, Tree


@dataclass(frozen=True, slots=True)
class ListRecord:
    """The items of a list or set; `complete` is False once more or other items may be in it.

    Those of a set are not `ordered`.
    """

    items: tuple[Value, ...]
    complete: bool = True
    ordered: bool = True

    def __post_init__(self) -> None:
        """Forget the items of a list that grows out of hand."""
        if len(self.items) > MOST_ITEMS:
            object.__setattr__(self, "items", ())
            object.__setattr__(self, "complete", False)


@dataclass(frozen=True, slots=True)
class DictRecord:
    """The items of a dict in order; `complete` is False once more or other items may be in it."""

    items: tuple[tuple[Value, Value], ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """An instance of a class of the file.

    `escaped` says that code out of sight has had it and may have changed its attributes, all but those in `fresh`,
    which were assigned since.
    """

    owner: Class
    attributes: tuple[tuple[str, Value], ...]
    escaped: bool = False
    fresh: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OptimizerRecord:
    """The parameters an optimizer holds, None where they are not known; code out of sight may have `escaped` ones."""

    parameters: tuple[ParameterRef, ...] | None
    escaped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An optimizer, which nobody out of sight has had, steps when `position` events have come before.

    Like uses of outputs, steps keep no paths apart and stand beside the events. `undone` are the BatchNorms that the
    code had put into eval mode one by one, and that were in train mode again, with the call of train() that did it;
    `frozen_by_eval` the modules that a function which says that it freezes them had put into eval mode, with its name
    and the call.
    """

    optimizer: int
    position: int
    undone: tuple[tuple[ModuleRef, cst.CSTNode], ...] = ()
    frozen_by_eval: tuple[tuple[ModuleRef, str, cst.CSTNode], ...] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """A module, which holds the `inside` objects, goes to a device when `position` events have come before.

    `device` is None for the CPU and for what is not known. These keep no paths apart either.
    """

    target: ModuleRef
    inside: frozenset[int]
    device: str | None
    position: int
    site: cst.CSTNode


@dataclass(frozen=True, slots=True)
class ZooObject:
    """A torchvision model as its builder made it; `owner` is the class of the file of which it is an instance."""

    builder: Builder
    tree: Tree
    weighted: bool
    owner: Class | None = None


@dataclass(frozen=True, slots=True)
class LayerObject:
    """A `torch.nn` layer made by the code."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...]


@dataclass(frozen=True, slots=True)
class PartObject:
    """A part of torchvision's models made by the code (`FastRCNNPredictor`), with what stands in it."""

    kind: str
    arguments: tuple[tuple[str, Argument], ...]
    tree: PartTree


@dataclass(frozen=True, slots=True)
class ContainerObject:
    """A container made by the code; its children are in the state's table.

    `owner` is the class of the file, built on such a container, of which it is an instance.
    """

    kind: str
    owner: Class | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class ExtractorObject(ContainerObject):
    """A module that holds layers of a model and gives a dict with these `keys`, None where they are not known.

    Of one that is not `complete` it is not known which of its children it holds.
    """

    keys: tuple[str, ...] | None
    complete: bool


@dataclass(frozen=True, slots=True)
class OpaqueObject:
    """A module whose inside is not understood."""

    description: str


ModuleObject: TypeAlias = ZooObject | PartObject | LayerObject | ContainerObject | OpaqueObject
Record: TypeAlias = ListRecord | DictRecord | InstanceRecord | OptimizerRecord | ModuleObject
Completion: TypeAlias = Literal["return", "break", "continue", "raise"]
Choice: TypeAlias = tuple[list[tuple["State", Value]], int]
Children: TypeAlias = tuple[tuple[str, "ModuleRef | None"], ...]


@dataclass(slots=True)
class State:
    """One path.

    `frames` maps a frame's number to its names, `parents` to the frame that encloses it. `spent` has how many items
    of an iterator were taken, None where that is not known. `uses` are what the code did with the outputs of models.
    `called` are modules with how many events had come when they were last called; `compiled` are those that
    torch.compile was given.
    `steps` are the optimizers' steps, `moves` those of modules to other devices.
    `filters` are tests of parameters' names that caught too little.
    `undone` and `frozen_by_eval` are modules as in the next `Step`.
    `written` are the attributes of unknown objects that the code has assigned, with their owners.
    `passed` is the path as it was when it last came by a statement that is watched for, if it did; `trained` as it was
    before the first layer was replaced, or anything frozen, behind the last step of an optimizer.
    `conditions` are what was assumed, one by one; `tests` the statements' tests of several conditions as a whole.
    """

    frames: dict[int, Mapping[str, Value]] = field(default_factory=lambda: {0: {}})
    parents: dict[int, int | None] = field(default_factory=lambda: {0: None})
    frame: int = 0
    heap: dict[int, Record] = field(default_factory=dict)
    children: dict[ModuleRef, Children] = field(default_factory=dict)
    attributes: dict[tuple[ModuleRef, str], Value] = field(default_factory=dict)
    flags: dict[ParameterRef, bool | None] = field(default_factory=dict)
    modes: dict[ModuleRef, bool | None] = field(default_factory=dict)
    called: dict[ModuleRef, int] = field(default_factory=dict)
    compiled: dict[ModuleRef, None] = field(default_factory=dict)
    escaped: dict[int, str] = field(default_factory=dict)
    spent: dict[int, int | None] = field(default_factory=dict)
    uses: dict[Use, None] = field(default_factory=dict)
    steps: dict[Step, None] = field(default_factory=dict)
    moves: dict[Moved, None] = field(default_factory=dict)
    filters: dict[NameFilter, None] = field(default_factory=dict)
    undone: dict[ModuleRef, cst.CSTNode] = field(default_factory=dict)
    frozen_by_eval: dict[ModuleRef, tuple[str, cst.CSTNode]] = field(default_factory=dict)
    written: dict[Symbol, Symbol] = field(default_factory=dict)
    trace: list[AnyEvent] = field(default_factory=list)
    # The operations of the forward that is being followed, None outside of one.
    operations: list[Operation] | None = None
    assumptions: dict[Symbol, Value] = field(default_factory=dict)
    conditions: tuple[tuple[Symbol, bool], ...] = ()
    tests: tuple[tuple[Symbol, bool], ...] = ()
    completion: Completion | None = None
    returned: Value = NONE
    counts: dict[int, int] = field(default_factory=dict)
    next_identity: int = 1  # 0 is the frame of the module level
    guarded: int = 0
    # Objects whose constructor has raised: nobody gets them.
    unmade: frozenset[int] = frozenset()
    # Whether autograd records, None where that is not known.
    recording: bool | None = True
    passed: State | None = None
    trained: State | None = None
    # The choices of the statement under way, None where it cannot fork; they belong to the run, not to the path.
    choices: list[Choice] | None = None
    cursor: int = 0
    # The frames that no other path holds: forks share theirs until one of them writes.
    own: set[int] = field(default_factory=set)

    def fork(self) -> State:
        """A path of its own that has come the same way."""
        self.own = set()
        return State(
            self.frames.copy(),
            self.parents.copy(),
            self.frame,
            self.heap.copy(),
            self.children.copy(),
            self.attributes.copy(),
            self.flags.copy(),
            self.modes.copy(),
            self.called.copy(),
            self.compiled.copy(),
            self.escaped.copy(),
            self.spent.copy(),
            self.uses.copy(),
            self.steps.copy(),
            self.moves.copy(),
            self.filters.copy(),
            self.undone.copy(),
            self.frozen_by_eval.copy(),
            self.written.copy(),
            self.trace.copy(),
            None if self.operations is None else self.operations.copy(),
            self.assumptions.copy(),
            self.conditions,
            self.tests,
            self.completion,
            self.returned,
            self.counts.copy(),
            self.next_identity,
            self.guarded,
            self.unmade,
            self.recording,
            self.passed,
            self.trained,
        )

    def become(self, other: State) -> None:
        """Go on as `other` does, which stays as it is; the choices of the statement under way are kept."""
        copy = other.fork()
        for name in _PATH_FIELDS:
            setattr(self, name, getattr(copy, name))

    def names(self, frame: int) -> dict[str, Value]:
        """The names of a frame, to be written; others only read `frames`."""
        names = self.frames[frame]
        if frame in self.own:
            assert isinstance(names, dict)
            return names
        self.own.add(frame)
        copied = self.frames[frame] = dict(names)
        return copied

    def identity(self) -> int:
        """A number for something new in the heap."""
        number = self.next_identity
        self.next_identity = number + 1
        return number

    def once(self, items: tuple[Value, ...]) -> Iterator:
        """A new iterator that can be run through once."""
        return Iterator(items, self.identity(), len(self.trace))

    def origin(self, node: object, text: str) -> Symbol:
        """A new symbol for the value that `node` gives this time."""
        key = id(node)
        count = self.counts.get(key, 0)
        self.counts[key] = count + 1
        return Symbol("name", (key, count), text)

    def tensor(self, node: object, text: str) -> Symbol:
        """A new symbol for a tensor that `node` makes of a parameter: its methods write no flags."""
        return Symbol("tensor", (self.origin(node, text),), text)

    def did_as(self, other: State) -> bool:
        """Whether both paths have done the same to every model."""
        return (
            self.children == other.children
            and self.flags == other.flags
            and self.attributes == other.attributes
            and len(self.trace) == len(other.trace)
            and self.trace == other.trace
        )

    def same_as(self, other: State) -> bool:
        """Whether both paths have come to the same point with the same values and the same histories.

        Train and eval mode come and go with every phase of a run, as do calls of a model and what becomes of its
        output: a difference in these keeps no paths apart.
        """
        return (
            self.completion == other.completion
            and self.returned == other.returned
            and self.frames == other.frames
            and self.heap == other.heap
            and self.escaped == other.escaped
            and self.operations == other.operations
            and self.did_as(other)
        )


_PATH_FIELDS = (
    "frames",
    "parents",
    "frame",
    "heap",
    "children",
    "attributes",
    "flags",
    "modes",
    "called",
    "compiled",
    "escaped",
    "spent",
    "uses",
    "steps",
    "moves",
    "filters",
    "undone",
    "frozen_by_eval",
    "written",
    "trace",
    "operations",
    "assumptions",
    "conditions",
    "tests",
    "completion",
    "returned",
    "counts",
    "next_identity",
    "guarded",
    "unmade",
    "own",
    "recording",
    "passed",
    "trained",
)
