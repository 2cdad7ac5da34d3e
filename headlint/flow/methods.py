"""Methods of known kinds of value: modules, parameters, lists, dicts, strings and optimizers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import modules
from headlint.flow.attributes import read, write_module
from headlint.flow.calls import Arguments, as_list, call, call_instance, call_super
from headlint.flow.externals import parameters_in
from headlint.flow.items import can_dispatch, dispatch, iterate
from headlint.flow.modes import set_mode
from headlint.flow.moves import move
from headlint.flow.operations import STRING_METHODS, apply, check_widths
from headlint.flow.sequences import change
from headlint.flow.state import DictRecord, ListRecord, OptimizerRecord, State, Step
from headlint.flow.tensors import call_method as call_tensor_method
from headlint.flow.value import (
    NONE,
    TRUE,
    Constant,
    DictRef,
    Instance,
    Iterator,
    ListRef,
    Method,
    Module,
    Optimizer,
    Parameter,
    Super,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import LoadState, ModuleRef, ParameterRef
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

ModuleHandler = Callable[["Interpreter", State, "Module | Instance", Arguments, cst.CSTNode], Value]


def call_method(run: Interpreter, state: State, method: Method, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of `receiver.name(...)`, with its effects done to `state`."""
    receiver, name = method.receiver, method.name
    match receiver:
        case Module() | Instance():
            handler = _MODULE.get(name)
            if handler is not None:
                return handler(run, state, receiver, arguments, node)
            return _unknown_module_method(run, state, receiver, name, arguments, node)
        case Super():
            return call_super(run, state, receiver, name, arguments, node)
        case ListRef():
            return _list_method(run, state, receiver, name, arguments, node)
        case DictRef():
            return _dict_method(run, state, receiver, name, arguments, node)
        case Constant(str()):
            return _string_method(run, state, receiver, name, arguments, node)
        case Parameter():
            return _parameter_method(state, receiver, name, arguments, node)
        case Tensor():
            return call_tensor_method(state, receiver, name, arguments, node)
        case Optimizer():
            return _optimizer_method(state, receiver, name, arguments, node)
    return state.origin(node, text_of(node))


# -- modules ---------------------------------------------------------------------------------------------------


def _ref(receiver: Module | Instance) -> ModuleRef:
    return receiver.ref if isinstance(receiver, Module) else ModuleRef(receiver.identity, "")


def _visible(state: State, receiver: Module | Instance) -> bool:
    """Whether the analysis knows all that stands in a module."""
    return state.escaped.keys().isdisjoint(modules.objects_in(state, _ref(receiver)))


def _parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    return state.once(tuple([_parameter(parameter) for _, parameter in modules.parameters_of(state, _ref(receiver))]))


# Values are frozen, so the same ones serve every loop.
_parameter = lru_cache(maxsize=4_000)(Parameter)


@lru_cache(maxsize=4_000)
def _named(name: str, parameter: ParameterRef) -> Tuple:
    return Tuple((Constant(name), _parameter(parameter)))


def _named_parameters(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver):
        return Unknown("the parameters of a module that is not known")
    pairs: list[Value] = []
    for name, parameter in modules.parameters_of(state, _ref(receiver)):
        if name.endswith(modules.ALL_PARAMETERS):
            pairs.append(Tuple((Unknown("the name of a parameter that is not known"), _parameter(parameter))))
        else:
            pairs.append(_named(name, parameter))
    return state.once(tuple(pairs))


def _children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if _ref(receiver).object in state.escaped:
        return Unknown("the children of a module that is not known")
    inside = modules.children_of(state, _ref(receiver))
    return state.once(tuple(modules.as_value(state, child) for _, child in inside if child is not None))


def _named_children(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if _ref(receiver).object in state.escaped:
        return Unknown("the children of a module that is not known")
    inside = modules.children_of(state, _ref(receiver))
    named = ((name, child) for name, child in inside if child is not None)
    return state.once(tuple(Tuple((Constant(name), modules.as_value(state, child))) for name, child in named))


def _modules(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if not _visible(state, receiver):
        return Unknown("the modules of a module that is not known")
    return state.once(tuple(modules.as_value(state, inside) for _, inside in modules.walk(state, _ref(receiver))))


def _named_modules(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if arguments.values or not _visible(state, receiver):
        return Unknown("the modules of a module that is not known")
    pairs = modules.walk(state, _ref(receiver))
    return state.once(tuple(Tuple((Constant(path), modules.as_value(state, inside))) for path, inside in pairs))


def _requires_grad(
    run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
) -> Value:
    value = run.settle(state, arguments.get(0, "requires_grad") or TRUE)
    flag = run.truth(state, value)
    parameters = tuple(parameter for _, parameter in modules.parameters_of(state, _ref(receiver)))
    modules.set_flags(state, parameters, flag, node)
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
        from headlint.flow.attributes import set_instance_attribute

        set_instance_attribute(state, receiver, name.value, value)
        return NONE
    ref = modules.module_ref(value)
    if ref is None and value != NONE:
        write_module(run, state, receiver, name.value, value, node)
    else:
        modules.set_module(state, receiver.ref, name.value, ref, "add_module", node)
    return NONE


def _changing(method: str) -> ModuleHandler:
    def handler(
        run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
    ) -> Value:
        if isinstance(receiver, Module) and modules.container_kind(state, receiver.ref) in modules.LIST_CONTAINERS:
            result = change(run, state, receiver, method, arguments.values, node)
            if result is not None:
                return result
        return _unknown_module_method(run, state, receiver, method, arguments, node)

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


def _unknown_module_method(
    run: Interpreter, state: State, receiver: Module | Instance, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if name in _CHANGING:
        for value in arguments.values:
            run.hand_over(state, value, f"'{name}' is not followed", node)
        modules.escape(state, _ref(receiver), f"'{name}' is not followed", node)
    return state.origin(node, text_of(node))


_CHANGING = frozenset("append clear extend insert pop update register_parameter".split())

_MODULE: dict[str, ModuleHandler] = {
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
    **{method: _changing(method) for method in ("append", "extend", "insert", "pop")},
    "apply": _apply,
    "get_submodule": _get_submodule,
    "set_submodule": _set_submodule,
    "get_parameter": _get_parameter,
    "forward": _forward,
    "_get_name": _get_name,
    **{method: move(method) for method in ("to", "cuda", "cpu")},
    **dict.fromkeys("half float double bfloat16 type xpu share_memory compile to_empty".split(), _itself),
}


# -- everything else ---------------------------------------------------------------------------------------------


def _list_method(
    run: Interpreter, state: State, receiver: ListRef, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    record = state.heap.get(receiver.identity)
    if not isinstance(record, ListRecord):
        return Unknown("a list that is not known")
    items = list(record.items)
    complete = record.complete
    position = arguments.positional[0] if arguments.positional else None
    if name in ("append", "add") and position is not None:
        items.append(position)
    elif name in ("extend", "update") and position is not None:
        more = iterate(state, position)
        complete = complete and more is not None
        items.extend(more or ())
    elif name == "insert" and isinstance(position, Constant) and isinstance(position.value, int):
        items.insert(position.value, arguments.positional[1])
    elif name == "pop" and complete and items and (position is None or isinstance(position, Constant)):
        index = -1 if position is None else position.value
        if isinstance(index, int) and -len(items) <= index < len(items):
            value = items.pop(index)
            state.heap[receiver.identity] = ListRecord(tuple(items), complete)
            return value
        complete = False
    elif name == "reverse":
        items.reverse()
    elif name == "copy":
        return as_list(state, items) if complete else Unknown("a list that is not known")
    elif name == "clear":
        items, complete = [], True
    elif name not in ("index", "count"):
        complete = False
    state.heap[receiver.identity] = ListRecord(tuple(items), complete)
    return state.origin(node, text_of(node)) if name in ("index", "count", "pop") else NONE


def _dict_method(
    run: Interpreter, state: State, receiver: DictRef, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    record = state.heap.get(receiver.identity)
    if not isinstance(record, DictRecord):
        return Unknown("a dict that is not known")
    if name in ("keys", "values", "items"):
        if not record.complete:
            return Unknown("a dict that is not known")
        picked: dict[str, tuple[Value, ...]] = {
            "keys": tuple(key for key, _ in record.items),
            "values": tuple(value for _, value in record.items),
            "items": tuple(Tuple(pair) for pair in record.items),
        }
        return Iterator(picked[name])
    if name == "get" and arguments.positional:
        key = run.settle(state, arguments.positional[0])
        for known, value in record.items:
            if known == key and record.complete:
                return value
        if record.complete and isinstance(key, Constant):
            return arguments.positional[1] if len(arguments.positional) > 1 else NONE
        if isinstance(key, Symbol) and can_dispatch(record):
            otherwise = arguments.positional[1] if len(arguments.positional) > 1 else NONE
            return dispatch(run, state, record, key, otherwise)
        return Unknown("a key that is not known")
    if name == "update":
        items = dict(record.items)
        other = arguments.positional[0] if arguments.positional else None
        more = state.heap.get(other.identity) if isinstance(other, DictRef) else None
        complete = record.complete and (other is None or (isinstance(more, DictRecord) and more.complete))
        items.update(more.items if isinstance(more, DictRecord) else ())
        items.update((Constant(key), value) for key, value in arguments.keywords)
        state.heap[receiver.identity] = DictRecord(tuple(items.items()), complete)
        return NONE
    if name == "copy":
        identity = state.identity()
        state.heap[identity] = record
        return DictRef(identity)
    state.heap[receiver.identity] = DictRecord(record.items, complete=False)
    return state.origin(node, text_of(node))


def _string_method(
    run: Interpreter, state: State, receiver: Constant, name: str, arguments: Arguments, node: cst.CSTNode
) -> Value:
    if name in STRING_METHODS and not arguments.keywords and arguments.complete:
        operands: list[Value] = [receiver]
        for value in arguments.positional:
            items = iterate(state, value) if isinstance(value, (ListRef, Iterator)) else None
            operands.append(run.settle(state, value) if items is None else Tuple(items))
        result = apply(f".{name}", tuple(operands), text_of(node))
        if isinstance(result, Tuple) and name in ("split", "rsplit", "splitlines"):
            return as_list(state, result.items)
        if not isinstance(result, Unknown):
            return result
    if name == "format" and arguments.complete:
        return _format(run, state, receiver, arguments, node)
    return state.origin(node, text_of(node))


def _format(run: Interpreter, state: State, receiver: Constant, arguments: Arguments, node: cst.CSTNode) -> Value:
    positional = [run.settle(state, value) for value in arguments.positional]
    keywords = {name: run.settle(state, value) for name, value in arguments.keywords}
    given = [value.value for value in (*positional, *keywords.values()) if isinstance(value, Constant)]
    plain = all(isinstance(value, (str, int, float)) for value in given)
    if plain and len(given) == len(arguments.values):
        names = dict(zip(keywords, given[len(positional) :], strict=True))
        try:
            check_widths(str(receiver.value))
            text = str(receiver.value).format(*given[: len(positional)], **names)
        except (LookupError, ValueError, AttributeError, OverflowError):
            return state.origin(node, text_of(node))
        return Constant(text) if len(text) < 10_000 else state.origin(node, text_of(node))
    return state.origin(node, text_of(node))


def _parameter_method(state: State, receiver: Parameter, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    if name == "requires_grad_":
        value = arguments.get(0, "requires_grad") or TRUE
        flag = value.value if isinstance(value, Constant) and isinstance(value.value, bool) else None
        modules.set_flags(state, (receiver.ref,), flag, node)
        return receiver
    if name in ("size", "numel", "dim"):
        return _parameter_size(state, receiver.ref, name, arguments, node)
    return state.origin(node, text_of(node))


def _parameter_size(state: State, parameter: ParameterRef, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    shape = modules.parameter_shape(state, parameter)
    if shape is None:
        return state.origin(node, text_of(node))
    sizes = modules.from_argument(shape)
    assert isinstance(sizes, Tuple)
    if name == "dim":
        return Constant(len(sizes.items))
    if name == "size":
        axis = arguments.get(0, "dim")
        if axis is None:
            return sizes
        if isinstance(axis, Constant) and isinstance(axis.value, int) and -len(shape) <= axis.value < len(shape):
            return sizes.items[axis.value]
    return state.origin(node, text_of(node))


def _optimizer_method(state: State, receiver: Optimizer, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    record = state.heap.get(receiver.identity)
    if name == "add_param_group" and isinstance(record, OptimizerRecord):
        more = parameters_in(state, arguments.positional[0]) if arguments.positional else None
        known = None if more is None or record.parameters is None else (*record.parameters, *more)
        state.heap[receiver.identity] = OptimizerRecord(known, record.escaped)
    elif name == "step" and isinstance(record, OptimizerRecord) and not record.escaped:
        by_eval = tuple((ref, *how) for ref, how in state.frozen_by_eval.items())
        state.steps[Step(receiver.identity, len(state.trace), tuple(state.undone.items()), by_eval)] = None
    return state.origin(node, text_of(node))


def symbol_method(state: State, owner: Symbol, name: str, arguments: Arguments, node: cst.CSTNode) -> Value | None:
    """A string method of a symbol as a symbol, None if it may be any other method."""
    if name not in STRING_METHODS or arguments.keywords or not arguments.complete:
        return None
    result = apply(f".{name}", (owner, *arguments.values), text_of(node))
    return None if isinstance(result, Unknown) else result
