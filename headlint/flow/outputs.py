"""What becomes of what models return: the losses, functions and attributes that their outputs are used with.

The output of a call is a symbol that remembers the model and the mode it was in. Uses change no model, so they keep no
paths apart and stand beside the events of a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from headlint.flow import modules
from headlint.flow.squashes import Squash, by_function, by_layer, by_method
from headlint.flow.state import ContainerObject, ExtractorObject, InstanceRecord, State, ZooObject
from headlint.flow.value import FALSE, Constant, Instance, Module, Symbol, Value
from headlint.history import DeleteModule, ModuleRef, SetAttribute, SetModule
from headlint.source.nodes import text_of
from headlint.torchlib.kinds import is_batch_norm
from headlint.torchlib.losses import is_loss, loss_kind

if TYPE_CHECKING:
    import libcst as cst

    from headlint.flow.arguments import Arguments

Step = str | int

# Methods that give a tensor with the same content.
_SAME = frozenset("to cuda cpu float double half contiguous clone".split())
_RESHAPED = frozenset("squeeze view reshape flatten".split())
# Functions of torch that refuse whatever is no tensor as their first argument.
_TAKES_TENSOR = frozenset(
    "argmax exp flatten log log_softmax max mean relu round sigmoid softmax squeeze sum topk".split()
)

# Functions by which code finds out what it has got.
_LOOKS = frozenset("builtins.isinstance builtins.type builtins.hasattr builtins.len builtins.getattr".split())

# Uses that tell what a forward has returned.
_OF_RESULT = frozenset({"loss", "function", "attribute"})

How = Literal["loss", "function", "attribute", "look", "call", "backward"]


@dataclass(frozen=True, slots=True)
class Use:
    """What the code does with the output of `target`.

    `steps` lead from the whole output to the part that is used, `training` is the mode it was called in (None where
    that is not known, or where a part of it was in a mode of its own), `but_norms` the same for all but BatchNorms,
    `position` how many events came before the use, and `guarded` says that the code catches what
    may be raised, or only comes here after a test of the output. A "look" is such a test, a "call" goes to
    anything that is neither followed nor known, a "backward" runs from the loss called `name`. `graph` says whether
    autograd recorded the call, None where that is not known. `squash` is the last softmax or sigmoid that the output
    went through on its way. `stands` is False once anything has been changed behind the use.
    """

    target: ModuleRef
    training: bool | None
    but_norms: bool | None
    steps: tuple[Step, ...]
    reshaped: bool
    how: How
    name: str
    guarded: bool
    position: int
    site: cst.CSTNode
    graph: bool | None
    squash: Squash | None = None
    stands: bool = True


def uses_of(state: State, number: int) -> Iterator[Use]:
    """The uses of what object `number` returns, or of what the modules around it make of that."""
    changes = (SetModule, DeleteModule, SetAttribute)
    inside: dict[ModuleRef, set[int]] = {}
    for use in state.uses:
        if use.target.path:
            continue
        objects = inside.get(use.target)
        if objects is None:
            objects = inside[use.target] = modules.objects_in(state, use.target)
        if number not in objects:
            continue
        behind = (event for event in islice(state.trace, use.position, None) if isinstance(event, changes))
        changed = any(event.target.object in objects for event in behind)
        yield replace(use, stands=False) if changed else use


def output_of(state: State, function: Module | Instance, arguments: Arguments, node: cst.CSTNode) -> Value:
    """What calling a module gives."""
    text = text_of(node)
    origin = state.origin(node, text)
    ref = modules.module_ref(function)
    if ref is None:
        return origin
    kind = modules.kind_of(state, ref)
    if is_loss(kind):
        given = arguments.get(0, "input")
        return origin if given is None else _loss(state, given, kind, origin, node)
    given = arguments.positional[0] if arguments.positional else None
    squashed = by_layer(state.heap.get(ref.object), given, node) if _is_of_output(given) else None  # type: ignore[arg-type]
    if squashed is not None:
        return squashed
    plain = Constant(_is_plain(state, function, arguments))
    training, but_norms = (Constant(mode) for mode in modes_of(state, ref))
    return Symbol("output", (function, training, but_norms, origin, Constant(state.recording), plain), text)


def _is_plain(state: State, function: Module | Instance, arguments: Arguments) -> bool:
    """Whether a forward of the file gets what it must be given and nothing else: it may go another way otherwise."""
    from headlint.flow.forwards import signature

    while isinstance(function, Module) and modules.kind_of(state, function.ref) in modules.WRAPPERS:
        (_, inner), *_ = modules.children_of(state, function.ref)
        wrapped = modules.as_value(state, inner)
        if not isinstance(wrapped, (Module, Instance)):
            break
        function = wrapped
    takes = signature(state, function) if isinstance(function, Instance) else None
    return takes is None or not (takes.optional or takes.open) or takes.takes_plainly(arguments)


def _loss(state: State, given: Value, kind: str, origin: Symbol, node: cst.CSTNode) -> Value:
    """What a loss of a value gives: it remembers the value if that is an output."""
    note(state, given, "loss", kind, node)
    known = isinstance(given, Symbol) and _is_of_output(given)
    return Symbol("loss", (given, Constant(kind), origin), origin.text) if known else origin


def modes_of(state: State, ref: ModuleRef) -> tuple[bool | None, bool | None]:
    """Whether a module is in train mode with all its parts, and with all but BatchNorms; None for one not known."""
    if ref.object in state.escaped:
        return None, None
    inside: set[int] | None = None
    norms_too = True
    for module, training in reversed(state.modes.items()):
        shares = module != ref and isinstance(state.heap.get(module.object), ExtractorObject)
        if shares and ref.object in modules.objects_in(state, module):
            # It has layers of the model, and not the model's own mode.
            return None, None
        if module == ref or (not module.path and ref.object in modules.objects_in(state, module)):
            return (training if norms_too else None), training
        inside = modules.objects_in(state, ref) if inside is None else inside
        if module.object in inside:
            # A part of it was put into a mode of its own.
            if not is_batch_norm(modules.kind_of(state, module)):
                return None, None
            norms_too = False
    # A module that this path has made is in train mode.
    return (True if norms_too else None), True


def forget_modes(state: State) -> State:
    """The path as somebody out of sight may continue it, who has put models, and autograd, into any mode."""
    for number, record in state.heap.items():
        if isinstance(record, (InstanceRecord, ZooObject, ContainerObject)):
            ref = ModuleRef(number, "")
            state.modes.pop(ref, None)
            state.modes[ref] = None
    state.recording = None
    return state


def note_function(state: State, name: str, arguments: Arguments, node: cst.CSTNode) -> Value | None:
    """A function of torch that is called with an output; what it gives if it is a loss, a softmax or a sigmoid."""
    given = arguments.get(0, "input")
    if not isinstance(given, Symbol) or not arguments.complete:
        return None
    if name in _LOOKS:
        note(state, given, "look", name, node)
    kind = loss_kind(name)
    if kind is not None:
        return _loss(state, given, kind, state.origin(node, text_of(node)), node)
    if name.rpartition(".")[0] in ("torch", "torch.nn.functional") and name.rpartition(".")[2] in _TAKES_TENSOR:
        note(state, given, "function", name.rpartition(".")[2], node)
    return by_function(name, given, arguments, node) if _is_of_output(given) else None


def note(state: State, value: Value, how: How, name: str, node: cst.CSTNode) -> None:
    """Note a use, if it is an output of a module, or a part of one, that is used."""
    steps: list[Step] = []
    reshaped = False
    squash: Squash | None = None
    while isinstance(value, Symbol) and value.op != "output":
        if value.op == "reshaped":
            reshaped = True
        elif value.op == "squashed":
            squash = squash or value.operands[1].value  # type: ignore[attr-defined]
        elif value.op in ("item", "attr") and isinstance(value.operands[1], Constant):
            step = value.operands[1].value
            if type(step) not in (str, int):
                return
            steps.append(step)  # type: ignore[arg-type]
        else:
            return
        value = value.operands[0]  # type: ignore[assignment]
    if not isinstance(value, Symbol):
        return
    function, training, but_norms, _, recording, plain = value.operands
    if plain == FALSE and how in _OF_RESULT:
        # What comes of a forward that goes another way is not known, nor what that does there.
        how = "call"
    assert isinstance(function, (Module, Instance))
    assert isinstance(training, Constant)
    assert isinstance(but_norms, Constant)
    assert isinstance(recording, Constant)
    ref = modules.module_ref(function)
    assert ref is not None
    guarded = state.guarded > 0 or any(value in symbol.inside for symbol in state.assumptions)
    path = tuple(reversed(steps))
    known = (one.value if isinstance(one.value, bool) else None for one in (training, but_norms, recording))
    whole, other, graph = known
    position = len(state.trace)
    use = Use(ref, whole, other, path, reshaped, how, name, guarded, position, node, graph, squash)
    state.uses[use] = None


def method_of_output(state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode) -> Value | None:
    """What a method of an output gives where that is much the same; None for all others."""
    if owner.op == "loss" and name == "backward":
        given, kind, _ = owner.operands
        assert isinstance(kind, Constant)
        note(state, given, "backward", str(kind.value), node)  # type: ignore[arg-type]
    if not _is_of_output(owner):
        return None
    if name not in _SAME and name not in _RESHAPED:
        return by_method(name, owner, arguments, node)
    return owner if name in _SAME else Symbol("reshaped", (owner,), text_of(node))


def _is_of_output(value: object) -> bool:
    """Whether a value is an output or a part of one."""
    while isinstance(value, Symbol) and value.op in ("item", "attr", "reshaped", "squashed"):
        value = value.operands[0]
    return isinstance(value, Symbol) and value.op == "output"
