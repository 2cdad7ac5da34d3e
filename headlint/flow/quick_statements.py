"""Bodies of loops that run in one go, turned into functions over the plain values of the names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import libcst as cst

from headlint.flow.operations import BINARY, compute
from headlint.flow.quick_expressions import Expressions, Getter
from headlint.flow.quick_values import NotQuick, as_value, plain, small, truth
from headlint.flow.scope import look_up
from headlint.flow.state import ListRecord, State
from headlint.flow.value import External, ListRef, Parameter, Value
from headlint.history import ParameterRef
from headlint.source.nodes import descend, operator_text

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

Signal = Literal["continue", "break"]
Action = Callable[[dict[str, Any]], "Signal | None"]

# Methods of tensors and numbers that change nothing and whose result nobody decides by.
_IDLE_METHODS = frozenset("numel nelement element_size dim size item norm format join float tolist lower upper".split())
_IDLE_FUNCTIONS = frozenset("len str int float sum max min round type id tuple list repr".split())


class Statements(Expressions):
    """Turns the statements of one loop into actions.

    What the rounds do is to be done to the path once all have gone well: `written` are the flags and attributes of
    parameters, by statement and value, `appended` the new items of lists.
    """

    def __init__(self, run: Interpreter, state: State, names: frozenset[str], assigned: frozenset[str]) -> None:
        super().__init__(run, state, names, assigned)
        self.written: dict[tuple[int, Any], tuple[cst.CSTNode, str, list[ParameterRef]]] = {}
        self.appended: dict[int, list[Value]] = {}

    def block(self, body: Sequence[cst.CSTNode]) -> Action:
        actions: list[Action] = []
        for line in body:
            if type(line) is cst.SimpleStatementLine:
                actions.extend(self.small(part) for part in line.body)
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
            if truth(test(names)):
                return body(names)
            return None if otherwise is None else otherwise(names)

        return decide

    def small(self, node: Any) -> Action:
        kind = type(node)
        if kind is cst.Pass:
            return lambda names: None
        if kind is cst.Continue:
            return lambda names: "continue"
        if kind is cst.Break:
            return lambda names: "break"
        if kind is cst.Assign and len(node.targets) == 1:
            target = node.targets[0].target
            if type(target) is cst.Attribute:
                return self.write_flag(target, node.value, node)
            if type(target) is cst.Name:
                return self.rebind(target.value, self.expression(node.value))
        elif kind is cst.AugAssign and type(node.target) is cst.Name:
            return self.augmented(node.target.value, node)
        elif kind is cst.Expr:
            if type(node.value) is cst.SimpleString:
                return lambda names: None
            if type(node.value) is cst.Call:
                return self.call_statement(node.value)
        raise NotQuick

    def augmented(self, name: str, node: cst.AugAssign) -> Action:
        old, new = self.own_name(name), self.expression(node.value)
        op = operator_text(node.operator)
        if op not in BINARY:
            raise NotQuick
        return self.rebind(name, lambda names: small(compute(op, plain(old(names)), plain(new(names)))))

    def rebind(self, name: str, give: Getter) -> Action:
        def action(names: dict[str, Any]) -> None:
            names[name] = give(names)

        return action

    def write_flag(self, target: cst.Attribute, value: cst.BaseExpression, site: cst.CSTNode) -> Action:
        if target.attr.value in ("data", "grad"):
            raise NotQuick
        return self.set_flag(target.attr.value, self.expression(target.value), self.expression(value), site)

    def set_flag(self, name: str, owner: Getter, value: Getter, site: cst.CSTNode) -> Action:
        flags, written, key = self.flags, self.written, id(site)

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
        more = self.appended.setdefault(target.identity, [])

        def action(names: dict[str, Any]) -> None:
            more.append(as_value(give(names)))

        return action


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
