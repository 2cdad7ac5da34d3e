"""Abstract values: what the analysis knows of an expression. All frozen; mutable things live in the state's heap."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from headlint.flow.frozen import frozen
from headlint.history import ModuleRef, ParameterRef

if TYPE_CHECKING:
    import libcst as cst


@frozen
class Unknown:
    """Nothing is known, and not even that two readings are the same; `reason` says why."""

    reason: str = field(compare=False)


@frozen
class Constant:
    """A plain Python value: number, string, bytes, bool, None or Ellipsis."""

    value: object

    def __eq__(self, other: object) -> bool:
        """Equal only with equal types: `True` is not `1` here."""
        return isinstance(other, Constant) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.value)


class Symbol:
    """A value the code does not give but that stays the same: equal operation and operands, equal value.

    `op` "name" marks an origin (a parameter, the result of a call that is not visible); every other `op`
    is a pure operation over its operands ("attr", "//", "==", "startswith", "choice" ...). `inside` are all the
    symbols it is made of. Treat it as frozen; it is written out because its hash, which assumptions are looked
    up by, is worth keeping.
    """

    __slots__ = ("_hash", "inside", "op", "operands", "text")
    __match_args__ = ("op", "operands")

    def __init__(self, op: str, operands: tuple[object, ...], text: str) -> None:
        self.op = op
        self.operands = operands
        self.text = text
        self._hash = hash((op, operands))
        self.inside = _symbols_in(operands)

    def __eq__(self, other: object) -> bool:
        """Equal by operation and operands; how the code writes it takes no part."""
        if self is other:
            return True
        if not isinstance(other, Symbol) or self._hash != other._hash:
            return False
        return self.op == other.op and self.operands == other.operands

    def __hash__(self) -> int:
        """Agree with equality."""
        return self._hash

    def __repr__(self) -> str:
        """The text of the code."""
        return f"Symbol({self.text!r})"


_NO_SYMBOLS: frozenset[Symbol] = frozenset()


def _symbols_in(operands: tuple[object, ...]) -> frozenset[Symbol]:
    found = _NO_SYMBOLS
    for operand in operands:
        if isinstance(operand, Symbol):
            found |= operand.inside | {operand}
        elif isinstance(operand, Tuple):
            found |= _symbols_in(operand.items)
    return found


@frozen
class Tuple:
    """A tuple of known length; `names` are those of its items if it is a named tuple."""

    items: tuple[Value, ...]
    names: tuple[str, ...] = field(default=(), compare=False)


@frozen
class Iterator:
    """A generator, view or iterator over known items: `parameters()`, `range`, `zip`, `filter` ...

    `identity` is None for what can be run through again (`range`, the views of a dict); all else can be run
    through once. It is worked out only then, so its items hold as long as nothing happens to what they come from:
    `made` is the length of the path's trace at its making.
    """

    items: tuple[Value, ...]
    identity: int | None = None
    made: int = 0


@frozen
class Slice:
    """`start:stop:step` inside an index."""

    start: Value
    stop: Value
    step: Value


@frozen
class ListRef:
    """A list, set or other mutable sequence; its items are in the heap."""

    identity: int


@frozen
class DictRef:
    """A dict (also OrderedDict); its items are in the heap."""

    identity: int


@frozen
class External:
    """Something imported, by its dotted name: `torchvision.models.resnet18`."""

    name: str


@frozen
class Function:
    """A function or lambda of this file, with the frame it was defined in and its evaluated defaults.

    `wrapped` says that a decorator out of sight stands between its callers and it, `mode` is the decorator that
    switches autograd for it, `cache` the dict in the heap that keeps what it gave, if it is called once for each
    choice of arguments.
    """

    node: cst.FunctionDef | cst.Lambda
    frame: int
    defaults: tuple[tuple[str, Value], ...]
    owner: Class | None = None
    wrapped: bool = False
    mode: External | Symbol | None = None
    cache: int | None = None


@frozen
class Property:
    """A property of a class of this file; one that is `kept` is worked out once for each instance."""

    getter: Function
    setter: Function | None = None
    kept: bool = False


@frozen
class Class:
    """A class of this file; `namespace` is the frame its body filled."""

    node: cst.ClassDef
    namespace: int
    bases: tuple[Value, ...]


@frozen
class Instance:
    """An instance of a class of this file; its attributes are in the heap."""

    identity: int


@frozen
class Super:
    """`super()` inside a method: attributes are looked up behind `owner`."""

    owner: Class
    receiver: Value


@frozen
class Method:
    """A bound method: of a known kind of value by name, or of an instance by function."""

    receiver: Value
    name: str
    function: Function | None = None


@frozen
class Partial:
    """`functools.partial(function, *arguments, **keywords)`."""

    function: Value
    arguments: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


@frozen
class Module:
    """An `nn.Module` whose making the analysis followed."""

    ref: ModuleRef


@frozen
class Submodules:
    """The dict `_modules` of a module: what stands directly in it, by name."""

    owner: Module | Instance


@frozen
class Parameter:
    """A parameter of such a module."""

    ref: ParameterRef


@frozen
class Tensor:
    """A value of the forward that is being followed: its input (0) or the result of an operation."""

    number: int


@frozen
class Optimizer:
    """An optimizer over known or unknown parameters."""

    identity: int


Value: TypeAlias = (
    Unknown
    | Constant
    | Symbol
    | Tuple
    | Iterator
    | Slice
    | ListRef
    | DictRef
    | External
    | Function
    | Property
    | Class
    | Instance
    | Super
    | Method
    | Partial
    | Module
    | Submodules
    | Parameter
    | Optimizer
    | Tensor
)

NONE = Constant(None)
TRUE = Constant(True)
FALSE = Constant(False)


# Lists, tuples and comprehensions of more items than this are not kept item by item.
MOST_ITEMS = 20_000
# Tuples inside tuples beyond this are not kept: shared parts make them as large as anybody likes.
DEEPEST_TUPLE = 6


def make_tuple(items: tuple[Value, ...]) -> Value:
    """A tuple of these items, Unknown where it grows beyond what code means."""
    if len(items) > MOST_ITEMS or _is_deeper(items, DEEPEST_TUPLE):
        return Unknown("a tuple that grows out of hand")
    return Tuple(items)


def _is_deeper(items: tuple[Value, ...], levels: int) -> bool:
    return any(isinstance(item, Tuple) and (not levels or _is_deeper(item.items, levels - 1)) for item in items)


def join(left: Value, right: Value) -> Value:
    """The most that is true of both values."""
    if left == right:
        return left
    if isinstance(left, Tuple) and isinstance(right, Tuple) and len(left.items) == len(right.items):
        names = left.names if left.names == right.names else ()
        return Tuple(tuple(join(a, b) for a, b in zip(left.items, right.items, strict=True)), names)
    return Unknown("differs between paths")
