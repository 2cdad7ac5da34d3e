"""Loops over known items done in one go, where a round needs no path of its own.

Most rounds of real programs only look at a parameter's name or flag and write its flag. Such a body is turned into
plain Python functions over plain values once, and these are run for every item. Whatever else a body does, or a
condition that is not known, makes the loop an ordinary one: then nothing has happened yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import libcst as cst

from headlint.flow.items import iterate
from headlint.flow.modules import set_flags, set_parameter_attribute
from headlint.flow.operations import BINARY, STRING_METHODS, call_string_method, compute
from headlint.flow.scope import ELSEWHERE, bind_target, look_up
from headlint.flow.state import ListRecord, State
from headlint.flow.value import (
    Constant,
    External,
    Iterator,
    ListRef,
    Module,
    Parameter,
    Tuple,
    Unknown,
    Value,
)
from headlint.history import ParameterRef
from headlint.source.nodes import descend, names_assigned, operator_text

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


class NotQuick(Exception):
    """This loop is an ordinary one."""


Signal = Literal["continue", "break"]
Getter = Callable[[dict[str, Any]], Any]
Action = Callable[[dict[str, Any]], "Signal | None"]

_PLAIN = (str, int, float, tuple, type(None))
_NUMBERS = Unknown("a number that was not worked out")
# Methods of tensors and numbers that change nothing and whose result nobody decides by.
_IDLE_METHODS = frozenset("numel nelement element_size dim size item norm format join float tolist lower upper".split())
_IDLE_FUNCTIONS = frozenset("len str int float sum max min round type id tuple list repr".split())


@dataclass(slots=True)
class _Effects:
    """What the rounds have done so far, to be done to the path once all have gone well."""

    flags: dict[ParameterRef, bool] = field(default_factory=dict)
    written: dict[tuple[int, Any], tuple[cst.CSTNode, str, list[ParameterRef]]] = field(default_factory=dict)
    appended: dict[int, list[Value]] = field(default_factory=dict)


def run_loop(run: Interpreter, state: State, node: cst.For, items: tuple[Value, ...]) -> bool | None:
    """Run a loop in one go: whether it came to its end without a `break`, None if it is an ordinary loop."""
    if len(items) < 2 or node.asynchronous is not None or not run.in_one_go(node):
        return None
    try:
        compiler = _Compiler(run, state, _names_of(node.target), names_assigned(node.body.body))
        body = compiler.block(node.body.body)
        if not compiler.read.isdisjoint(compiler.effects.appended):
            return None
        names: dict[str, Any] = {}
        assign = _assigner(node.target)
        signal: Signal | None = None
        last = items[0]
        for last in items:
            assign(names, _raw(last))
            signal = body(names)
            if signal == "break":
                break
    except (NotQuick, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
    _commit(state, compiler.effects)
    bind_target(run, state, node.target, last, node)
    own = state.frames[state.frame]
    for name in compiler.assigned:
        if name in names:
            own[name] = _value(names[name])
    return signal != "break"


def _commit(state: State, effects: _Effects) -> None:
    for (_, value), (site, name, parameters) in effects.written.items():
        if name == "requires_grad":
            set_flags(state, tuple(parameters), value, site)
        else:
            set_parameter_attribute(state, tuple(parameters), name, value, site)
    for identity, more in effects.appended.items():
        record = state.heap[identity]
        assert isinstance(record, ListRecord)
        state.heap[identity] = ListRecord((*record.items, *more), record.complete)


def run_clause(
    run: Interpreter, state: State, clause: cst.CompFor, result: cst.BaseExpression | None, items: tuple[Value, ...]
) -> list[Value] | None:
    """The results of `result for ... in ... if ...` over known items, None if they must be evaluated one by one."""
    if len(items) < 2 or clause.inner_for_in is not None or result is None:
        return None
    found: list[Value] = []
    try:
        compiler = _Compiler(run, state, _names_of(clause.target), frozenset())
        tests = [compiler.expression(test.test) for test in clause.ifs]
        idle = _is_idle_call(result)
        give = None if idle else compiler.expression(result)
        assign = _assigner(clause.target)
        names: dict[str, Any] = {}
        for item in items:
            assign(names, _raw(item))
            if all(_truth(test(names)) for test in tests):
                found.append(_NUMBERS if give is None else _value(give(names)))
    except (NotQuick, LookupError, TypeError, ValueError, ArithmeticError, AttributeError):
        return None
    return found


def _is_idle_call(node: cst.BaseExpression) -> bool:
    return (
        type(node) is cst.Call
        and type(node.func) is cst.Attribute
        and node.func.attr.value in ("numel", "nelement")
        and type(node.func.value) is cst.Name
    )


def _names_of(target: cst.CSTNode) -> frozenset[str]:
    if type(target) is cst.Name:
        return frozenset((target.value,))
    if type(target) is cst.Tuple:
        return frozenset[str]().union(*(_names_of(element.value) for element in target.elements))
    raise NotQuick


def _assigner(target: Any) -> Callable[[dict[str, Any], Any], None]:
    if type(target) is cst.Name:
        name = target.value
        return lambda names, value: names.__setitem__(name, value)
    inside = [_assigner(element.value) for element in target.elements]

    def assign(names: dict[str, Any], values: Any) -> None:
        if type(values) is not tuple or len(values) != len(inside):
            raise NotQuick
        for one, value in zip(inside, values, strict=True):
            one(names, value)

    return assign


def _raw(value: Value) -> Any:
    """A value as Python's own; parameters and modules stand for themselves."""
    kind = type(value)
    if kind is Constant:
        return value.value  # type: ignore[union-attr]
    if kind is Tuple:
        return tuple([_raw(item) for item in value.items])  # type: ignore[union-attr]
    if kind is Parameter or kind is Module:
        return value
    raise NotQuick


def _value(raw: Any) -> Value:
    if type(raw) is tuple:
        return Tuple(tuple(_value(item) for item in raw))
    return raw if isinstance(raw, (Parameter, Module)) else Constant(raw)


def _plain(raw: Any) -> Any:
    if not isinstance(raw, _PLAIN):
        raise NotQuick
    return raw


def _truth(raw: Any) -> bool:
    return bool(_plain(raw))


class _Compiler:
    """Turns the statements and expressions of one loop into functions over its names."""

    def __init__(self, run: Interpreter, state: State, names: frozenset[str], assigned: frozenset[str]) -> None:
        self.run = run
        self.state = state
        self.names = set(names)
        # Names that a round gives another value, for which the value before the loop is only the first.
        self.assigned = assigned
        self.effects = _Effects()
        self.read: set[int] = set()
        if assigned and ELSEWHERE in state.frames[state.frame]:
            raise NotQuick

    # -- statements ----------------------------------------------------------------------------------------------

    def block(self, body: Sequence[cst.CSTNode]) -> Action:
        actions: list[Action] = []
        for line in body:
            if type(line) is cst.SimpleStatementLine:
                actions.extend(self.small(small) for small in line.body)
            elif type(line) is cst.If:
                actions.append(self.condition(line))
            else:
                actions.append(self.small(line))
        if len(actions) == 1:
            return actions[0]

        def run_all(names: dict[str, Any]) -> Signal | None:
            for action in actions:
                signal = action(names)
                if signal is not None:
                    return signal
            return None

        return run_all

    def condition(self, node: cst.If) -> Action:
        test = self.expression(node.test)
        body = self.block(node.body.body)
        otherwise: Action | None = None
        if isinstance(node.orelse, cst.If):
            otherwise = self.condition(node.orelse)
        elif node.orelse is not None:
            otherwise = self.block(node.orelse.body.body)

        def decide(names: dict[str, Any]) -> Signal | None:
            if _truth(test(names)):
                return body(names)
            return None if otherwise is None else otherwise(names)

        return decide

    def small(self, node: cst.CSTNode) -> Action:
        match node:
            case cst.Pass():
                return lambda names: None
            case cst.Continue():
                return lambda names: "continue"
            case cst.Break():
                return lambda names: "break"
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute() as target)]):
                return self.write_flag(target, node.value, node)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
                return self.rebind(name, self.expression(node.value))
            case cst.AugAssign(target=cst.Name(value=name)):
                old, new = self.own_name(name), self.expression(node.value)
                op = operator_text(node.operator)
                if op not in BINARY:
                    raise NotQuick
                return self.rebind(name, lambda names: _small(compute(op, _plain(old(names)), _plain(new(names)))))
            case cst.Expr(value=cst.SimpleString()):
                return lambda names: None
            case cst.Expr(value=cst.Call() as call):
                return self.call_statement(call)
        raise NotQuick

    def rebind(self, name: str, give: Getter) -> Action:
        def action(names: dict[str, Any]) -> None:
            names[name] = give(names)

        return action

    def own_name(self, name: str) -> Getter:
        """A name of this very frame, which a round may assign."""
        known = self.state.frames[self.state.frame].get(name)
        if type(known) is Constant:
            first = known.value
            return lambda names: names.get(name, first)
        # Known only once a round has assigned it.
        return lambda names: names[name]

    def write_flag(self, target: cst.Attribute, value: cst.BaseExpression, site: cst.CSTNode) -> Action:
        if target.attr.value in ("data", "grad"):
            raise NotQuick
        return self.set_flag(target.attr.value, self.expression(target.value), self.expression(value), site)

    def set_flag(self, name: str, owner: Getter, value: Getter, site: cst.CSTNode) -> Action:
        flags, written, key = self.effects.flags, self.effects.written, id(site)

        def action(names: dict[str, Any]) -> None:
            parameter, flag = owner(names), value(names)
            if type(parameter) is not Parameter or type(flag) is not bool:
                raise NotQuick
            if name == "requires_grad":
                flags[parameter.ref] = flag
            known = written.get((key, flag))
            if known is None:
                written[key, flag] = (site, name, [parameter.ref])
            else:
                known[2].append(parameter.ref)

        return action

    def call_statement(self, node: cst.Call) -> Action:
        function = node.func
        if type(function) is cst.Attribute and type(function.value) is cst.Name:
            owner, method = function.value.value, function.attr.value
            if method == "requires_grad_" and owner in self.names:
                value: Getter = lambda names: True  # noqa: E731
                if node.args:
                    value = self.expression(node.args[0].value)
                return self.set_flag("requires_grad", self.expression(function.value), value, node)
            if method == "append" and owner not in self.names and len(node.args) == 1:
                return self.append(look_up(self.state, owner), self.expression(node.args[0].value))
        called = self.run.evaluate(self.state, function) if _is_dotted(function) else None
        if isinstance(called, External) and _only_shows(called.name) and all(_is_idle(arg.value) for arg in node.args):
            return lambda names: None
        raise NotQuick

    def append(self, target: Value, give: Getter) -> Action:
        record = self.state.heap.get(target.identity) if isinstance(target, ListRef) else None
        if not isinstance(target, ListRef) or not isinstance(record, ListRecord):
            raise NotQuick
        more = self.effects.appended.setdefault(target.identity, [])

        def action(names: dict[str, Any]) -> None:
            more.append(_value(give(names)))

        return action

    # -- expressions ---------------------------------------------------------------------------------------------

    def expression(self, node: cst.BaseExpression) -> Getter:
        match node:
            case cst.Name(value=name):
                if name in self.names:
                    return lambda names: names[name]
                return self.own_name(name) if name in self.assigned else self.constant(look_up(self.state, name))
            case cst.SimpleString() | cst.Integer():
                return self.constant(self.run.evaluate(self.state, node))
            case cst.Attribute(attr=cst.Name(value="requires_grad")):
                return self.flag(self.expression(node.value))
            case cst.Comparison(comparisons=[only]):
                return self.comparison(node.left, only)
            case cst.BinaryOperation():
                first, second = self.expression(node.left), self.expression(node.right)
                op = operator_text(node.operator)
                if op not in BINARY:
                    raise NotQuick
                return lambda names: _small(compute(op, _plain(first(names)), _plain(second(names))))
            case cst.UnaryOperation(operator=cst.Not()):
                inner = self.expression(node.expression)
                return lambda names: not _truth(inner(names))
            case cst.BooleanOperation():
                return self.boolean(node)
            case cst.Subscript(slice=[cst.SubscriptElement(slice=cst.Index(value=index))]):
                owner, key = self.expression(node.value), self.expression(index)
                return lambda names: _plain(owner(names))[_plain(key(names))]
            case cst.Tuple() | cst.List() | cst.Set():
                inside = [self.expression(element.value) for element in node.elements]
                if any(isinstance(element, cst.StarredElement) for element in node.elements):
                    raise NotQuick
                return lambda names: tuple([one(names) for one in inside])
            case cst.Call():
                return self.call(node)
        raise NotQuick

    def constant(self, value: Value) -> Getter:
        if isinstance(value, (ListRef, Tuple)):
            items = iterate(self.state, value)
            if items is None:
                raise NotQuick
            if isinstance(value, ListRef):
                self.read.add(value.identity)
            many = tuple(_raw(item) for item in items)
            return lambda names: many
        if isinstance(value, Iterator):
            raise NotQuick
        one = _raw(value)
        return lambda names: one

    def flag(self, owner: Getter) -> Getter:
        before, now = self.state.flags, self.effects.flags

        def read(names: dict[str, Any]) -> bool:
            parameter = owner(names)
            if type(parameter) is not Parameter:
                raise NotQuick
            flag = now.get(parameter.ref)
            if flag is None:
                flag = before.get(parameter.ref, True)
            if flag is None:
                raise NotQuick
            return flag

        return read

    def comparison(self, first: cst.BaseExpression, target: cst.ComparisonTarget) -> Getter:
        left, right = self.expression(first), self.expression(target.comparator)
        op = operator_text(target.operator)
        if op == "in":
            return lambda names: _plain(left(names)) in _plain(right(names))
        if op == "not in":
            return lambda names: _plain(left(names)) not in _plain(right(names))
        if op in ("is", "is not"):
            wanted = op == "is"
            return lambda names: (_singleton(left(names)) is _singleton(right(names))) is wanted
        return lambda names: compute(op, _plain(left(names)), _plain(right(names)))

    def boolean(self, node: cst.BooleanOperation) -> Getter:
        left, right = self.expression(node.left), self.expression(node.right)
        if isinstance(node.operator, cst.And):
            return lambda names: _truth(left(names)) and _truth(right(names))
        return lambda names: _truth(left(names)) or _truth(right(names))

    def call(self, node: cst.Call) -> Getter:
        function = node.func
        arguments = [arg.value for arg in node.args if arg.keyword is None and not arg.star]
        if len(arguments) != len(node.args):
            raise NotQuick
        if type(function) is cst.Attribute:
            return self.string_method(self.expression(function.value), function.attr.value, arguments)
        name = function.value if type(function) is cst.Name else ""
        if name in self.names or look_up(self.state, name) != External(f"builtins.{name}") or len(arguments) != 1:
            raise NotQuick
        if name in ("any", "all"):
            return self.every(arguments[0], any if name == "any" else all)
        argument = self.expression(arguments[0])
        if name == "len":
            return lambda names: len(_plain(argument(names)))
        if name == "id":
            return lambda names: self.run.number_of(_tensor(argument(names)))
        raise NotQuick

    def string_method(self, owner: Getter, method: str, arguments: Sequence[cst.BaseExpression]) -> Getter:
        if method not in STRING_METHODS:
            raise NotQuick
        given = [self.expression(argument) for argument in arguments]

        def call(names: dict[str, Any]) -> Any:
            text = owner(names)
            if type(text) is not str:
                raise NotQuick
            result = call_string_method(text, method, [_plain(one(names)) for one in given])
            return _small(tuple(result) if isinstance(result, list) else result)

        return call

    def every(self, node: cst.BaseExpression, decide: Callable[[Any], bool]) -> Getter:
        """`any(... for word in words)`."""
        if not isinstance(node, (cst.GeneratorExp, cst.ListComp)) or node.for_in.inner_for_in is not None:
            raise NotQuick
        words, assign = self.expression(node.for_in.iter), _assigner(node.for_in.target)
        inner = _names_of(node.for_in.target)
        if inner & self.names:
            raise NotQuick
        self.names |= inner
        tests = [self.expression(test.test) for test in node.for_in.ifs]
        result = self.expression(node.elt)
        self.names -= inner

        def call(names: dict[str, Any]) -> bool:
            def outcomes() -> Any:
                for word in _plain(words(names)):
                    assign(names, word)
                    if all(_truth(test(names)) for test in tests):
                        yield _truth(result(names))

            return decide(outcomes())

        return call


def _small(raw: Any) -> Any:
    too_long = isinstance(raw, (str, tuple)) and len(raw) > 10_000
    if too_long or (isinstance(raw, int) and raw.bit_length() > 80):
        raise NotQuick
    return _plain(raw)


def _singleton(raw: Any) -> Any:
    if raw is not None and not isinstance(raw, bool):
        raise NotQuick
    return raw


def _tensor(raw: Any) -> Parameter | Module:
    if not isinstance(raw, (Parameter, Module)):
        raise NotQuick
    return raw


def _only_shows(name: str) -> bool:
    """Whether a function writes its arguments somewhere and does nothing else."""
    return name == "builtins.print" or name.startswith("logging.")


def _is_dotted(node: cst.BaseExpression) -> bool:
    while type(node) is cst.Attribute:
        node = node.value
    return type(node) is cst.Name


_BUSY = frozenset({cst.NamedExpr, cst.Await, cst.Yield, cst.Lambda})


def _is_idle(node: cst.BaseExpression) -> bool:
    """Whether evaluating an expression changes nothing, whatever its value is."""
    for here in descend((node,)):
        kind = type(here)
        if kind is cst.Call:
            function = here.func
            if type(function) is cst.Attribute:
                if function.attr.value not in _IDLE_METHODS:
                    return False
            elif type(function) is not cst.Name or function.value not in _IDLE_FUNCTIONS:
                return False
        elif kind in _BUSY:
            return False
    return True
