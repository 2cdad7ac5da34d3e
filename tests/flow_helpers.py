"""What the tests of the flow ask the analysis: the values of names and the models at the end of a program."""

from __future__ import annotations

import libcst as cst

from headlint.flow import modules
from headlint.flow.histories import ModelHistory, analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.parameters import parameters_of
from headlint.flow.state import State
from headlint.flow.value import Constant, Module, Symbol, Tuple, Unknown, Value
from headlint.history import AnyEvent, Build, MakeContainer, MakeLayer, ModuleRef, SetModule

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\n"


def run(text: str) -> tuple[Interpreter, list[State]]:
    """The interpretation of a program's module level, with the paths that come to its end."""
    interpreter = Interpreter()
    states = interpreter.block(cst.parse_module(IMPORTS + text).body, [State()])
    return interpreter, [state for state in states if state.completion is None]


def ends(text: str) -> list[State]:
    """The paths that come to the end of a program."""
    return run(text)[1]


def end(text: str) -> State:
    """The one path that comes to the end of a program."""
    states = ends(text)
    assert len(states) == 1, [state.conditions for state in states]
    return states[0]


def values(text: str, name: str) -> list[Value | None]:
    """What a module-level name stands for at the end of every path."""
    return [state.frames[0].get(name) for state in ends(text)]


def final(text: str, name: str = "x") -> Value | None:
    """What a module-level name stands for at the end of the only path."""
    return end(text).frames[0].get(name)


def plain(value: Value | None) -> object:
    """A constant, or a tuple of constants, as Python's own; anything else fails."""
    if isinstance(value, Tuple):
        return tuple(plain(item) for item in value.items)
    assert isinstance(value, Constant), value
    return value.value


def known(text: str, name: str = "x") -> object:
    """The Python value of a name that the analysis must know on the only path."""
    return plain(final(text, name))


def known_on_paths(text: str, name: str = "x") -> set[object]:
    """The Python values of a name on all paths."""
    return {plain(value) for value in values(text, name)}


def is_unknown(text: str, name: str = "x") -> bool:
    """Whether the analysis claims nothing definite of a name."""
    return isinstance(final(text, name), (Unknown, Symbol))


def histories(text: str) -> tuple[ModelHistory, ...]:
    """The histories of a whole program."""
    return analyse(cst.parse_module(IMPORTS + text)).histories


def history(text: str) -> ModelHistory:
    """The only complete history of a program."""
    complete = [one for one in histories(text) if one.complete]
    assert len(complete) == 1, [(one.builder.name, one.conditions) for one in complete]
    return complete[0]


def builders(text: str) -> set[str]:
    """The builders of all complete histories of a program."""
    return {one.builder.name for one in histories(text) if one.complete}


def kinds(events: tuple[AnyEvent, ...]) -> list[str]:
    """The names of the types of events."""
    return [type(event).__name__ for event in events]


def sizes(text: str, kind: str = "Linear") -> list[tuple[object, ...]]:
    """The arguments of every layer of a kind that the only path makes, symbols by their text."""
    made = [event for event in end(text).trace if isinstance(event, MakeLayer) and event.kind == kind]
    return [tuple(getattr(value, "text", value) for _, value in event.arguments) for event in made]


def placed(text: str) -> list[tuple[str, str]]:
    """Where modules are put on the only path: path of the target when it was made, and name."""
    return [(event.target.path, event.name) for event in end(text).trace if isinstance(event, SetModule)]


def model_of(state: State, name: str = "model") -> ModuleRef:
    """The module that a name stands for."""
    value = state.frames[0][name]
    assert isinstance(value, Module), value
    return value.ref


def frozen(text: str, name: str = "model") -> int:
    """How many parameters of a model are certainly frozen at the end of the only path."""
    return sum(flag is False for flag in flags(text, name).values())


def flags(text: str, name: str = "model") -> dict[str, bool | None]:
    """`requires_grad` of every parameter of a model at the end of the only path, None where it is not known."""
    state = end(text)
    found = parameters_of(state, model_of(state, name))
    return {path: state.flags.get(parameter, True) for path, parameter in found}


def escapes(text: str, name: str = "model") -> bool:
    """Whether a model may have been changed out of sight on the only path."""
    state = end(text)
    return model_of(state, name).object in state.escaped


def tree(text: str, name: str) -> list[tuple[str, str]]:
    """Paths and kinds of the modules in a module that the program made."""
    state = end(text)
    return [(path, modules.kind_of(state, ref)) for path, ref in modules.walk(state, model_of(state, name))]


def built(text: str) -> list[Build]:
    """The builders' calls on the only path."""
    return [event for event in end(text).trace if isinstance(event, Build)]


def containers(text: str) -> list[MakeContainer]:
    """The containers made on the only path."""
    return [event for event in end(text).trace if isinstance(event, MakeContainer)]
