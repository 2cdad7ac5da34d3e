"""Calls to what is imported: torchvision's builders, `torch.nn` layers, optimizers, builtins and a few helpers.

Handlers are found by dotted name. What has no handler and is not known to be harmless may change every
module that it is given.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow import extractors, hyperparameters, introspection, iterables, options, records, regexes
from headlint.flow.arguments import Arguments, Handler
from headlint.flow.builders import build, builder_by_name, construct, hub_load
from headlint.flow.copies import deep_copy, shallow_copy
from headlint.flow.gradients import NAMES as GRAD_MODES
from headlint.flow.gradients import grad_mode
from headlint.flow.instances import initialise_as
from headlint.flow.iterating import lose_sight
from headlint.flow.layers import make_module, make_part
from headlint.flow.moves import accelerator
from headlint.flow.optimizers import make_optimizer, make_scaler
from headlint.flow.outputs import note_function
from headlint.flow.scope import look_up
from headlint.flow.state import State
from headlint.flow.tensors import call_function
from headlint.flow.trainers import make_trainer
from headlint.flow.value import NONE, TRUE, Constant, External, Instance, Module, Partial, Symbol, Tuple, Unknown, Value
from headlint.history import ModuleRef
from headlint.source.nodes import text_of
from headlint.torchlib.constructors import constructor_at
from headlint.torchlib.names import gives_back, is_harmless, is_optimizer, layer_kind
from headlint.torchlib.parts import part_at
from headlint.zoo import builder_at, find_builder

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def call_external(run: Interpreter, state: State, function: External, arguments: Arguments, node: cst.CSTNode) -> Value:
    """The value of calling something imported or built in."""
    name = function.name
    if state.operations is not None:
        result = call_function(state, name, arguments, node)
        if result is not None:
            return result
    result = note_function(state, name, arguments, node)
    if result is not None:
        return result
    return _handler_of(name)(run, state, arguments, node)


@lru_cache(maxsize=4_000)
def _handler_of(name: str) -> Handler:
    """What answers calls to the imported or built-in `name`."""
    handler = _HANDLERS.get(name)
    if handler is not None:
        return handler
    if name in GRAD_MODES:
        return lambda run, state, arguments, node: grad_mode(run, state, name, arguments, node)
    builder = builder_at(name)
    if builder is not None:
        return lambda run, state, arguments, node: build(run, state, builder, arguments, node)
    constructor = constructor_at(name)
    if constructor is not None:
        return lambda run, state, arguments, node: construct(run, state, constructor, arguments, node)
    kind = layer_kind(name)
    if kind is not None:
        return lambda run, state, arguments, node: make_module(run, state, kind, arguments, node)
    part = part_at(name)
    if part is not None:
        return lambda run, state, arguments, node: make_part(run, state, part, arguments, node)
    last = name.rpartition(".")[2]
    if is_optimizer(name):
        return lambda run, state, arguments, node: make_optimizer(run, state, last, arguments, node)
    if last == "__init__":
        return lambda run, state, arguments, node: _initialise(run, state, name, arguments, node)
    if gives_back(name):
        return _give_back
    return _leave_alone if is_harmless(name) else _hand_over


def _initialise(run: Interpreter, state: State, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    if initialise_as(run, state, name.removesuffix(".__init__"), arguments, node):
        return NONE
    return (_leave_alone if is_harmless(name) else _hand_over)(run, state, arguments, node)


def _give_back(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    lose_sight(run, state, arguments.values, node)
    return state.origin(node, text_of(node))


def _hand_over(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    for value in arguments.values:
        run.hand_over(state, value, f"'{text_of(node)}' is called with it", node)
    return state.origin(node, text_of(node))


def _leave_alone(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    return state.origin(node, text_of(node))


def _import_module(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    name = run.settle(state, arguments.positional[0]) if arguments.positional else NONE
    if isinstance(name, Constant) and isinstance(name.value, str):
        return External(name.value)
    return state.origin(node, text_of(node))


def _model_builder(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    name = run.pinned(state, arguments.get(0, "name") or NONE)
    builder = find_builder(name.value.lower()) if isinstance(name, Constant) and isinstance(name.value, str) else None
    return state.origin(node, text_of(node)) if builder is None else External(builder.qualified_name)


def _partial(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    if not arguments.positional:
        return Unknown("a partial of nothing")
    return Partial(arguments.positional[0], arguments.positional[1:], arguments.keywords)


def _exit(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    return run.exits(state)


def _rebind_anything(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`exec` and `globals()` may give any name of the module any value."""
    for name, value in list(state.frames[0].items()):
        if isinstance(value, (Constant, Symbol, Tuple)):
            state.names(0)[name] = Unknown(f"'{name}' may have been bound by '{text_of(node)}'")
        elif isinstance(value, (Module, Instance)):
            run.hand_over(state, value, f"'{text_of(node)}' may change it", node)
    return Unknown("anything")


def _evaluate_text(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`eval` may do what it likes with the models that its text names."""
    text = run.settle(state, arguments.positional[0]) if arguments.positional else NONE
    named = re.findall(r"[^\W\d]\w*", text.value) if isinstance(text, Constant) and isinstance(text.value, str) else ()
    for name in named:
        value = look_up(state, name)
        if isinstance(value, (Module, Instance)):
            run.hand_over(state, value, f"'{text_of(node)}' may change it", node)
    return state.origin(node, text_of(node))


def _device(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    given = arguments.get(0, "type")
    known = given is not None and accelerator(given) is not None
    return Symbol("device", (given,), text_of(node)) if known else state.origin(node, text_of(node))


def _compile(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`torch.compile`: what it gives passes reads and writes on to the model, and the names in it begin anew."""
    given = arguments.get(0, "model")
    if isinstance(given, (Module, Instance)):
        state.compiled[given.ref if isinstance(given, Module) else ModuleRef(given.identity, "")] = None
    return state.origin(node, text_of(node)) if given is None else given


def _new_parameter(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    """`nn.Parameter(...)`, with the flag that it has, Unknown if that is not known."""
    flag = run.settle(state, arguments.get(1, "requires_grad") or TRUE) if arguments.complete else Unknown("not given")
    return Symbol("parameter", (state.origin(node, ""), flag), text_of(node))


def _same(run: Interpreter, state: State, arguments: Arguments, node: cst.CSTNode) -> Value:
    return arguments.positional[0] if arguments.positional else state.origin(node, text_of(node))


_HANDLERS: dict[str, Handler] = {
    **records.HANDLERS,
    **iterables.HANDLERS,
    **introspection.HANDLERS,
    **extractors.HANDLERS,
    **options.HANDLERS,
    **hyperparameters.HANDLERS,
    **regexes.HANDLERS,
    "importlib.import_module": _import_module,
    "builtins.eval": _evaluate_text,
    "builtins.exec": _rebind_anything,
    "builtins.globals": _rebind_anything,
    "builtins.exit": _exit,
    "builtins.quit": _exit,
    "sys.exit": _exit,
    "os._exit": _exit,
    "functools.partial": _partial,
    "copy.deepcopy": deep_copy,
    "copy.copy": shallow_copy,
    "torchvision.models.get_model": builder_by_name,
    "torchvision.models._api.get_model": builder_by_name,
    "torchvision.models.get_model_builder": _model_builder,
    "torch.hub.load": hub_load,
    "torch.compile": _compile,
    "torch.device": _device,
    "torch.amp.GradScaler": make_scaler,
    "torch.amp.grad_scaler.GradScaler": make_scaler,
    "torch.cuda.amp.GradScaler": make_scaler,
    "torch.cuda.amp.grad_scaler.GradScaler": make_scaler,
    "lightning.Trainer": make_trainer,
    "lightning.pytorch.Trainer": make_trainer,
    "pytorch_lightning.Trainer": make_trainer,
    "torch.nn.Parameter": _new_parameter,
    "torch.nn.parameter.Parameter": _new_parameter,
    "torch.nn.UninitializedParameter": _new_parameter,
    "tqdm.tqdm": _same,
    "tqdm.auto.tqdm": _same,
    "tqdm.notebook.tqdm": _same,
    "rich.progress.track": _same,
}
