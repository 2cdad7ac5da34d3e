"""Methods of modules, of torchvision's and of the file's own classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import changes, mappings, modules, reach
from headlint.flow.arguments import Arguments
from headlint.flow.assigning import set_instance_attribute, write_module
from headlint.flow.attributes import read
from headlint.flow.calls import call, call_instance
from headlint.flow.modes import set_mode
from headlint.flow.moves import move
from headlint.flow.parameters import as_parameter, own_parameters, pairs_of, parameters_of, values_of
from headlint.flow.sequences import change
from headlint.flow.state import ExtractorObject, State
from headlint.flow.value import (
    NONE,
    TRUE,
    Constant,
    Function,
    Instance,
    Module,
    Symbol,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import LoadState, ModuleRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

# Methods that change what they are called on.
CHANGING = frozenset("append clear extend insert pop popitem register_parameter setdefault update".split())
ModuleHandler = Callable[["Interpreter", State, "Module | Instance", Arguments, cst.CSTNode], Value]


def _ref(receiver: Module | Instance) -> ModuleRef:
    return receiver.ref if isinstance(receiver, Module) else ModuleRef(receiver.identity, "")


def _visible(state: State, receiver: Module | Instance) -> bool:
    """Whether the analysis knows all that stands in a module."""
    return state.escaped.keys().isdisjoint(modules.objects_in(state, _ref(receiver)))


def _parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    if arguments.values == (Constant(False),) and arguments.get(0, "recurse") == Constant(False):
        return state.once(tuple(as_parameter(one) for _, one in own_parameters(state, _ref(receiver))))
    if arguments.values:
        return Unknown("some of the parameters of a module")
    return state.once(values_of(state, _ref(receiver)))


def _named_parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    ref = _ref(receiver)
    if ref not in state.compiled:
        return state.once(pairs_of(state, ref))
    unknown = Unknown("the name of a parameter that is not known")
    return state.once(tuple([Tuple((unknown, parameter)) for parameter in values_of(state, ref)]))


def _children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if _ref(receiver).object in state.escaped or _ref(receiver) in state.compiled:
        return Unknown("the children of a module that is not known")
    inside = _distinct_children(state, _ref(receiver))
    return state.once(tuple(modules.as_value(state, child) for child in inside))


def _named_children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if _ref(receiver).object in state.escaped or _ref(receiver) in state.compiled:
        return Unknown("the children of a module that is not known")
    inside = _distinct_children(state, _ref(receiver))
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
    return state.once(tuple(modules.as_value(state, inside) for _, inside in modules.walk(state, _ref(receiver))))


def _named_modules(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver) or _ref(receiver) in state.compiled:
        return Unknown("the modules of a module that is not known")
    pairs = modules.walk(state, _ref(receiver))
    return state.once(tuple(Tuple((Constant(path), modules.as_value(state, inside))) for path, inside in pairs))


def _requires_grad(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    value = run.settle(state, arguments.get(0, "requires_grad") or TRUE)
    flag = run.truth(state, value)
    record = state.heap.get(_ref(receiver).object)
    if isinstance(record, ExtractorObject) and not record.complete:
        # Which of these parameters it holds is not known.
        flag = None
    parameters = tuple(parameter for _, parameter in parameters_of(state, _ref(receiver)))
    changes.set_flags(state, parameters, flag, node)
    return receiver


def _itself(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    return receiver


def _load_state(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    state.trace.append(LoadState(_ref(receiver), site=node))
    origin = state.origin(node, text_of(node))
    if isinstance(receiver, Instance) or not _visible(state, receiver):
        return origin
    return Symbol("loaded", (receiver, origin), origin.text)


def _add_module(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    name, value = arguments.get(0, "name"), arguments.get(1, "module")
    name = None if name is None else run.settle(state, name)
    if value is None or not isinstance(name, Constant) or not isinstance(name.value, str):
        run.hand_over(state, receiver, "a module is added under a name that is not known", node)
        return NONE
    receiver = modules.built_on(state, receiver) or receiver
    if isinstance(receiver, Instance):
        set_instance_attribute(state, receiver, name.value, value)
        return NONE
    ref = modules.module_ref(value)
    if ref is None and value != NONE:
        write_module(run, state, receiver, name.value, value, node)
    else:
        changes.set_module(state, receiver.ref, name.value, ref, "add_module", node)
    return NONE


def _setattr(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    """`super().__setattr__(name, value)`: what an assignment does without the class's own method."""
    name, value = arguments.get(0, "name"), arguments.get(1, "value")
    receiver = modules.built_on(state, receiver) or receiver
    if not isinstance(name, Constant) or not isinstance(name.value, str) or value is None:
        for given in (receiver, *arguments.values):
            run.hand_over(state, given, "it is set under a name that is not known", node)
    elif isinstance(receiver, Module):
        write_module(run, state, receiver, name.value, value, node)
    else:
        set_instance_attribute(state, receiver, name.value, value)
    return NONE


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
        inside = [module for _, module in modules.walk(state, _ref(receiver))]
        for module in reversed(inside):
            call(run, state, arguments.positional[0], Arguments((modules.as_value(state, module),)), node)
    return receiver


def _get_submodule(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    path = arguments.get(0, "target")
    path = None if path is None else run.settle(state, path)
    if not isinstance(path, Constant) or not isinstance(path.value, str):
        return Unknown("a place that is not known")
    value: Value = receiver
    for step in path.value.split(".") if path.value else ():
        if isinstance(value, (Module, Instance)):
            inside = dict(modules.children_of(state, _ref(value)))
            if step in inside:
                value = modules.as_value(state, inside[step])
                continue
        return read(run, state, value, step, node)
    return value


def _set_submodule(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    found = _place(run, state, receiver, arguments, node)
    module = arguments.get(1, "module")
    if found is None or module is None or not isinstance(found[0], (Module, Instance)):
        run.hand_over(state, receiver, "a module is set at a place that is not known", node)
        return NONE
    return _add_module(run, state, found[0], Arguments((Constant(found[1]), module)), node)


def _get_parameter(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    found = _place(run, state, receiver, arguments, node)
    return Unknown("a parameter that is not known") if found is None else read(run, state, *found, node)


def _place(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> tuple[Value, str] | None:
    """What holds the place that `target` names, and its name in there."""
    path = run.settle(state, arguments.get(0, "target") or NONE)
    if not isinstance(path, Constant) or not isinstance(path.value, str):
        return None
    around, _, name = path.value.rpartition(".")
    return _get_submodule(run, state, receiver, Arguments((Constant(around),)), node), name


def _get_name(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    kind = modules.kind_of(state, _ref(receiver))
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
        changes.escape(state, _ref(receiver), f"'{name}' is not followed", node)
    elif name.endswith("_hook") and arguments.positional and _changes_modules(arguments.positional[0]):
        changes.escape(state, _ref(receiver), f"'{name}' is given what may change it", node)
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
    "add_module": _add_module,
    "register_module": _add_module,
    **{method: _of_container(method) for method in "append clear extend insert items keys pop update values".split()},
    "apply": _apply,
    "get_submodule": _get_submodule,
    "set_submodule": _set_submodule,
    "get_parameter": _get_parameter,
    "forward": _forward,
    "_get_name": _get_name,
    "__setattr__": _setattr,
    **{method: move(method) for method in ("to", "cuda", "cpu")},
    **dict.fromkeys("half float double bfloat16 type xpu share_memory compile to_empty".split(), _itself),
}
