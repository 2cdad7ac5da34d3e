"""Methods of modules, of torchvision's and of the file's own classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, mappings, modules, reach, submodules
from headlint.flow.arguments import Arguments
from headlint.flow.calls import call, call_instance
from headlint.flow.classes import is_plain_module_class
from headlint.flow.modes import set_mode
from headlint.flow.moves import move
from headlint.flow.parameters import as_parameter, own_parameters, pairs_of, parameters_of, values_of
from headlint.flow.sequences import change
from headlint.flow.state import ExtractorObject, InstanceRecord, State
from headlint.flow.value import TRUE, Constant, Function, Instance, Module, Symbol, Tuple, Unknown, Value
from headlint.history import LoadState, ModuleRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Methods that change what they are called on.
CHANGING = frozenset("append clear extend insert pop popitem register_parameter setdefault update".split())
ModuleHandler = Callable[["Interpreter", State, "Module | Instance", Arguments, cst.CSTNode], Value]


def _visible(state: State, receiver: Module | Instance) -> bool:
    """Whether the analysis knows all that stands in a module."""
    return state.escaped.keys().isdisjoint(modules.objects_in(state, modules.ref_of(receiver)))


def _parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    if arguments.values == (Constant(False),) and arguments.get(0, "recurse") == Constant(False):
        return state.once(tuple(as_parameter(one) for _, one in own_parameters(state, modules.ref_of(receiver))))
    if arguments.values:
        return Unknown("some of the parameters of a module")
    return state.once(values_of(state, modules.ref_of(receiver)))


def _named_parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    ref = modules.ref_of(receiver)
    if ref not in state.compiled:
        return state.once(pairs_of(state, ref))
    unknown = Unknown("the name of a parameter that is not known")
    return state.once(tuple([Tuple((unknown, parameter)) for parameter in values_of(state, ref)]))


def _children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if modules.ref_of(receiver).object in state.escaped or modules.ref_of(receiver) in state.compiled:
        return Unknown("the children of a module that is not known")
    inside = _distinct_children(state, modules.ref_of(receiver))
    return state.once(tuple(modules.as_value(state, child) for child in inside))


def _named_children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if modules.ref_of(receiver).object in state.escaped or modules.ref_of(receiver) in state.compiled:
        return Unknown("the children of a module that is not known")
    inside = _distinct_children(state, modules.ref_of(receiver))
    named = (Tuple((Constant(name), modules.as_value(state, child))) for child, name in inside.items())
    return state.once(tuple(named))


def _distinct_children(state: State, ref: ModuleRef) -> dict[ModuleRef, str]:
    """The children of a module with their names; one that has several is given once, by the first of them."""
    found: dict[ModuleRef, str] = {}
    for name, child in modules.children_of(state, ref):
        if child is not None:
            found.setdefault(child, name)
    return found


def _modules(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if not _visible(state, receiver):
        return Unknown("the modules of a module that is not known")
    return state.once(
        tuple(modules.as_value(state, inside) for _, inside in modules.walk(state, modules.ref_of(receiver)))
    )


def _named_modules(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver) or modules.ref_of(receiver) in state.compiled:
        return Unknown("the modules of a module that is not known")
    pairs = modules.walk(state, modules.ref_of(receiver))
    return state.once(tuple(Tuple((Constant(path), modules.as_value(state, inside))) for path, inside in pairs))


def _requires_grad(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    value = run.settle(state, arguments.get(0, "requires_grad") or TRUE)
    flag = run.truth(state, value)
    record = state.heap.get(modules.ref_of(receiver).object)
    if isinstance(record, ExtractorObject) and not record.complete:
        # Which of these parameters it holds is not known.
        flag = None
    parameters = tuple(parameter for _, parameter in parameters_of(state, modules.ref_of(receiver)))
    changes.set_flags(state, parameters, flag, node)
    return receiver


def _itself(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    return receiver


def _load_state(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    state.trace.append(LoadState(modules.ref_of(receiver), site=node))
    origin = state.origin(node, text_of(node))
    if not _visible(state, receiver) or (isinstance(receiver, Instance) and not _is_plain(state, receiver)):
        return origin
    return Symbol("loaded", (receiver, origin), origin.text)


def _is_plain(state: State, receiver: Instance) -> bool:
    """Whether an object of the file has no methods but its own and those of torch's modules."""
    record = state.heap.get(receiver.identity)
    return isinstance(record, InstanceRecord) and not record.escaped and is_plain_module_class(state, record.owner)


def _of_container(method: str) -> ModuleHandler:
    def handler(
        run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
    ) -> Value:
        holder = mappings.holder_of(state, receiver)
        if holder is not None:
            return mappings.call_method(run, state, holder, method, arguments.values, node)
        receiver = modules.built_on(state, receiver) or receiver
        if isinstance(receiver, Module) and modules.container_kind(state, receiver.ref) in modules.LIST_CONTAINERS:
            result = change(run, state, receiver, method, arguments.values, node)
            if result is not None:
                return result
        return unknown_method(run, state, receiver, method, arguments, node)

    return handler


def _apply(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`apply(f)` calls `f` on every module, children first; an initialiser changes no structure and no flag."""
    if arguments.positional:
        inside = [module for _, module in modules.walk(state, modules.ref_of(receiver))]
        for module in reversed(inside):
            call(run, state, arguments.positional[0], Arguments((modules.as_value(state, module),)), node)
    return receiver


def _get_name(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    kind = modules.kind_of(state, modules.ref_of(receiver))
    return Constant(kind) if kind else state.origin(node, text_of(node))


def _forward(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    return call_instance(run, state, receiver, arguments, node)


def unknown_method(
    run: Interpreter, state: State, receiver: Module | Instance, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if name in CHANGING:
        for value in arguments.values:
            run.hand_over(state, value, f"'{name}' is not followed", node)
        changes.escape(state, modules.ref_of(receiver), f"'{name}' is not followed", node)
    elif name.endswith("_hook") and arguments.positional and _changes_modules(arguments.positional[0]):
        changes.escape(state, modules.ref_of(receiver), f"'{name}' is given what may change it", node)
    return state.origin(node, text_of(node))


def _changes_modules(hook: Value) -> bool:
    """Whether a function of the file has a name in it that changes modules or flags."""
    return isinstance(hook, Function) and not reach.identifiers(hook.node).isdisjoint(_WORDS_OF_CHANGE)


_WORDS_OF_CHANGE = frozenset({"requires_grad", "requires_grad_", "setattr", "add_module", "register_module"})

METHODS: dict[str, ModuleHandler] = {
    "parameters": _parameters,
    "named_parameters": _named_parameters,
    "children": _children,
    "named_children": _named_children,
    "modules": _modules,
    "named_modules": _named_modules,
    "requires_grad_": _requires_grad,
    "train": set_mode(training=True),
    "eval": set_mode(training=False),
    "load_state_dict": _load_state,
    "add_module": submodules.add_module,
    "register_module": submodules.add_module,
    **{method: _of_container(method) for method in "append clear extend insert items keys pop update values".split()},
    "apply": _apply,
    "get_submodule": submodules.get_submodule,
    "set_submodule": submodules.set_submodule,
    "get_parameter": submodules.get_parameter,
    "forward": _forward,
    "_get_name": _get_name,
    "__setattr__": submodules.set_by_name,
    **{method: move(method) for method in ("to", "cuda", "cpu")},
    **dict.fromkeys("half float double bfloat16 type xpu share_memory compile to_empty".split(), _itself),
}
