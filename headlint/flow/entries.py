"""Where a program is entered: at its first line, and by whoever may call its functions and classes from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import libcst as cst

from headlint.flow import modules
from headlint.flow.arguments import Arguments
from headlint.flow.classes import methods_of
from headlint.flow.forwards import define
from headlint.flow.instances import instantiate
from headlint.flow.interpreter import EndedPath, Interpreter, OutOfBudget
from headlint.flow.merge import join_states
from headlint.flow.outputs import forget_modes
from headlint.flow.reach import identifiers, reaching
from headlint.flow.state import InstanceRecord, State
from headlint.flow.value import Class, Function, Instance, Method, Value
from headlint.history import Read, UseKeys
from headlint.source.nodes import descend
from headlint.zoo import builder_names

# Entry points analysed for one file; a file of more functions than this is a library, not a training script.
MOST_ENTRIES = 400

# Why a model escapes that a function returns which nothing in the file calls.
RETURNED = "it is returned to a caller that is not visible"


def follow(run: Interpreter, tree: cst.Module) -> None:
    """Follow the module from its first line, then every function and class that nothing in it uses."""
    paths = run.block(tree.body, [State()])
    ends = [path for path in paths if path.completion is None]
    if not ends:
        # A script that ends in sys.exit(main()) has come to its end all the same.
        run.ended = [EndedPath(path.state, complete=not _has_raised(path.state)) for path in run.ended]
    for path in ends:
        define_all(run, path)
        run.ended.append(EndedPath(path, complete=True))
    start = _start_of_entries(ends or paths)
    entries = 0
    reached: set[int] = set()
    while entries < MOST_ENTRIES:
        waiting = [key for key in (*run.functions, *run.classes) if key not in run.called and key not in run.visited]
        if not waiting:
            break
        if not reached:
            definitions = [owner.node for owner in run.classes.values()]
            reached = reaching(start, [*definitions, *_definitions(run)])
        for key in waiting:
            run.visited.add(key)
            if key not in reached and key in run.top_level:
                continue
            entries += 1
            _enter(run, start, key)
    _try_other_branches(run, start)


def _enter(run: Interpreter, start: State, key: int) -> None:
    """Follow a function or class as somebody outside would use it."""
    before = len(run.ended)
    if key in run.classes:
        _enter_class(run, start, run.classes[key])
    elif run.functions[key].owner is None and not _is_method(run, key):
        _enter_function(run, start, run.functions[key])
        run.ended[before:] = [replace(path, entry=key) for path in run.ended[before:]]
    for path in run.ended[before:]:
        if path.state.steps.keys() == start.steps.keys():
            # Whoever calls this may do so before the program trains.
            path.state.trained = start.trained


def _try_other_branches(run: Interpreter, start: State) -> None:
    """Enter functions that the program calls itself from outside too, where a builder waits in a branch not taken.

    A factory is there for all its models, and the call in the file is often only the one of today.
    """
    known = len(run.ended)
    _definitions(run)
    used = [run.functions[key] for key in run.functions if key in run.used & run.top_level and key not in run.visited]
    try:
        for function in _outermost(_leading_to_other_models(run, used)):
            _enter(run, start, id(function.node))
        for function in used:
            if _has_other_models(run, function):
                _enter(run, start, id(function.node))
    except (OutOfBudget, RecursionError):
        del run.ended[known:]


def _leading_to_other_models(run: Interpreter, functions: Sequence[Function]) -> list[Function]:
    """Those in which a branch with a builder was not taken, and those that name them, as far as they take anything."""
    names: set[str] = set()
    found: list[Function] = []
    grown = True
    while grown:
        grown = False
        for function in functions:
            node = function.node
            if function in found or not isinstance(node, cst.FunctionDef) or not node.params.params:
                continue
            if _has_other_models(run, function) or not identifiers(node.body).isdisjoint(names):
                found.append(function)
                names.add(node.name.value)
                grown = True
    return found


def _outermost(functions: Sequence[Function]) -> list[Function]:
    """Those that none of the others names: the rest is followed from there."""
    inside = {other: identifiers(other.node.body) for other in functions}
    return [
        function
        for function in functions
        if isinstance(function.node, cst.FunctionDef)
        and not any(function.node.name.value in names for other, names in inside.items() if other != function)
    ]


def _has_other_models(run: Interpreter, function: Function) -> bool:
    """Whether a builder waits in a branch that no path has taken."""
    for branch in descend((function.node,), past=_WITHOUT_BRANCHES):
        if type(branch) in _BRANCHES and branch.body.body:
            left_out = id(branch.body.body[0]) not in run.executed
            if left_out and not identifiers(branch.body).isdisjoint(builder_names()):
                return True
    return False


_BRANCHES = frozenset({cst.If, cst.Else, cst.MatchCase})
_WITHOUT_BRANCHES = frozenset({cst.SimpleStatementLine, cst.SimpleStatementSuite, cst.Parameters})


def _definitions(run: Interpreter) -> list[cst.FunctionDef]:
    nodes = (function.node for key, function in run.functions.items() if key not in run.methods)
    found = [node for node in nodes if isinstance(node, cst.FunctionDef)]
    run.top_level.update(id(node) for node in found)
    run.top_level.update(run.classes)
    return found


def _start_of_entries(ends: Sequence[State]) -> State:
    """What holds at module level when somebody calls a function from outside."""
    start = _before_it_raised(ends[0]) if ends else State()
    for other in ends[1:]:
        # The histories of these paths are there already.
        start = join_states(start, _before_it_raised(other))
    start.completion = None
    return start


def _before_it_raised(path: State) -> State:
    """A path of its own, without the event that ended it, which nothing can come behind."""
    before = path.fork()
    if _has_raised(before):
        before.trace.pop()
    return before


def _has_raised(path: State) -> bool:
    """Whether a path has come to what is known to raise."""
    return bool(path.trace) and isinstance(path.trace[-1], (Read, UseKeys))


def _is_method(run: Interpreter, key: int) -> bool:
    """Whether a function stands in a class body: it is entered with its class."""
    return key in run.methods


def _enter_function(run: Interpreter, start: State, function: Function) -> None:
    node = function.node
    for path, value in run.ways_of_call(forget_modes(start.fork()), function, (), node):
        _leave(run, path, value, node)


def define_all(run: Interpreter, path: State) -> None:
    """Note what the forwards of the objects do that the path has made."""
    for identity, record in list(path.heap.items()):
        if isinstance(record, InstanceRecord):
            define(run, path, Instance(identity))


def _leave(run: Interpreter, path: State, value: Value, node: cst.CSTNode) -> None:
    define_all(run, path)
    run.hand_over(path, value, RETURNED, node)
    run.ended.append(EndedPath(path, complete=True))


def _enter_class(run: Interpreter, start: State, owner: Class) -> None:
    """Every method of a class that nothing calls, on an instance as the program makes it or a new one."""
    node = owner.node
    if any(owner in other.bases for other in run.classes.values()) and all(
        made != owner for _, made in _instantiated(start)
    ):
        # Its subclasses are entered; on its own it is not meant to be used.
        return
    known = [(start, Instance(identity)) for identity, made in _instantiated(start) if made == owner][:1]
    made = known or [
        (path, value)
        for path, value in run.ways_of(start.fork(), lambda s: instantiate(run, s, owner, _ANYTHING, node))
        if path.completion is None and isinstance(value, Instance)
    ]
    for path, instance in made:
        define(run, path, instance)
        if not known:
            ended = path.fork()
            run.hand_over(ended, instance, "its class is used out of sight", node)
            run.ended.append(EndedPath(ended, complete=True))
        for name, function in methods_of(path, owner):
            if name != "__init__" and id(function.node) not in run.called:
                method = Method(instance, name, function)
                for out, result in run.ways_of_call(forget_modes(path.fork()), method, (), node):
                    run.hand_over(out, instance, "its class is used out of sight", node)
                    _leave(run, out, result, node)


def _instantiated(state: State) -> Iterator[tuple[int, Class]]:
    """The objects of classes of the file that the program has made, without those whose constructor raised."""
    for identity in sorted(state.heap.keys() - state.unmade):
        owner = modules.owner_of(state, identity)
        if owner is not None:
            yield identity, owner


_ANYTHING = Arguments((), (), complete=False, outside=True)
