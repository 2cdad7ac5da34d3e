"""Expressions of loops that run in one go, turned into functions over the plain values of the names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.iterating import iterate
from headlint.flow.operations import BINARY, STRING_METHODS, call_string_method, compute
from headlint.flow.quick_values import NotQuick, as_raw, assigner, names_of, plain, singleton, small, tensor, truth
from headlint.flow.scope import ELSEWHERE, look_up
from headlint.flow.state import State
from headlint.flow.value import Constant, External, Iterator, ListRef, Parameter, Tuple, Value
from headlint.history import ParameterRef
from headlint.source.nodes import operator_text

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter

Getter = Callable[[dict[str, Any]], Any]


class Expressions:
    """Turns the expressions of one loop into functions over its names.

    `flags` are those that the rounds have written so far, `read` the lists whose items they have looked at.
    """

    def __init__(self, run: Interpreter, state: State, names: frozenset[str], assigned: frozenset[str]) -> None:
        self.run = run
        self.state = state
        self.names = set(names)
        # Names that a round gives another value, for which the value before the loop is only the first.
        self.assigned = assigned
        self.flags: dict[ParameterRef, bool] = {}
        self.read: set[int] = set()
        if assigned and ELSEWHERE in state.frames[state.frame]:
            raise NotQuick

    def expression(self, node: Any) -> Getter:
        compile_one = _COMPILERS.get(type(node))
        if compile_one is None:
            raise NotQuick
        return compile_one(self, node)

    def name(self, node: cst.Name) -> Getter:
        name = node.value
        if name in self.names:
            return lambda names: names[name]
        return self.own_name(name) if name in self.assigned else self.constant(look_up(self.state, name))

    def literal(self, node: cst.SimpleString | cst.Integer) -> Getter:
        return self.constant(self.run.evaluate(self.state, node))

    def attribute(self, node: cst.Attribute) -> Getter:
        if node.attr.value != "requires_grad":
            raise NotQuick
        return self.flag(self.expression(node.value))

    def binary(self, node: cst.BinaryOperation) -> Getter:
        first, second = self.expression(node.left), self.expression(node.right)
        op = operator_text(node.operator)
        if op not in BINARY:
            raise NotQuick
        return lambda names: small(compute(op, plain(first(names)), plain(second(names))))

    def negation(self, node: cst.UnaryOperation) -> Getter:
        if type(node.operator) is not cst.Not:
            raise NotQuick
        inner = self.expression(node.expression)
        return lambda names: not truth(inner(names))

    def item(self, node: cst.Subscript) -> Getter:
        index = node.slice[0].slice
        if len(node.slice) > 1 or type(index) is not cst.Index:
            raise NotQuick
        owner, key = self.expression(node.value), self.expression(index.value)
        return lambda names: plain(owner(names))[plain(key(names))]

    def display(self, node: cst.Tuple | cst.List | cst.Set) -> Getter:
        inside = [self.expression(element.value) for element in node.elements]
        if any(type(element) is cst.StarredElement for element in node.elements):
            raise NotQuick
        return lambda names: tuple([one(names) for one in inside])

    def own_name(self, name: str) -> Getter:
        """A name of this very frame, which a round may assign."""
        known = self.state.frames[self.state.frame].get(name)
        if type(known) is Constant:
            first = known.value
            return lambda names: names.get(name, first)
        # Known only once a round has assigned it.
        return lambda names: names[name]

    def constant(self, value: Value) -> Getter:
        if isinstance(value, (ListRef, Tuple)):
            items = iterate(self.state, value)
            if items is None:
                raise NotQuick
            if isinstance(value, ListRef):
                self.read.add(value.identity)
            many = tuple(as_raw(item) for item in items)
            return lambda names: many
        if isinstance(value, Iterator):
            raise NotQuick
        one = as_raw(value)
        return lambda names: one

    def flag(self, owner: Getter) -> Getter:
        before, now = self.state.flags, self.flags

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

    def comparison(self, node: cst.Comparison) -> Getter:
        if len(node.comparisons) > 1:
            raise NotQuick
        target = node.comparisons[0]
        left, right = self.expression(node.left), self.expression(target.comparator)
        op = operator_text(target.operator)
        if op == "in":
            return lambda names: plain(left(names)) in plain(right(names))
        if op == "not in":
            return lambda names: plain(left(names)) not in plain(right(names))
        if op in ("is", "is not"):
            wanted = op == "is"
            return lambda names: (singleton(left(names)) is singleton(right(names))) is wanted
        return lambda names: compute(op, plain(left(names)), plain(right(names)))

    def boolean(self, node: cst.BooleanOperation) -> Getter:
        left, right = self.expression(node.left), self.expression(node.right)
        if type(node.operator) is cst.And:
            return lambda names: truth(left(names)) and truth(right(names))
        return lambda names: truth(left(names)) or truth(right(names))

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
            return lambda names: len(plain(argument(names)))
        if name == "id":
            return lambda names: self.run.number_of(tensor(argument(names)))
        raise NotQuick

    def string_method(self, owner: Getter, method: str, arguments: Sequence[cst.BaseExpression]) -> Getter:
        if method not in STRING_METHODS:
            raise NotQuick
        given = [self.expression(argument) for argument in arguments]

        def call(names: dict[str, Any]) -> Any:
            text = owner(names)
            if type(text) is not str:
                raise NotQuick
            result = call_string_method(text, method, [plain(one(names)) for one in given])
            return small(tuple(result) if isinstance(result, list) else result)

        return call

    def every(self, node: cst.BaseExpression, decide: Callable[[Any], bool]) -> Getter:
        """`any(... for word in words)`."""
        if not isinstance(node, (cst.GeneratorExp, cst.ListComp)) or node.for_in.inner_for_in is not None:
            raise NotQuick
        words, assign = self.expression(node.for_in.iter), assigner(node.for_in.target)
        inner = names_of(node.for_in.target)
        if inner & self.names:
            raise NotQuick
        self.names |= inner
        tests = [self.expression(test.test) for test in node.for_in.ifs]
        result = self.expression(node.elt)
        self.names -= inner

        def call(names: dict[str, Any]) -> bool:
            def outcomes() -> Any:
                for word in plain(words(names)):
                    assign(names, word)
                    if all(truth(test(names)) for test in tests):
                        yield truth(result(names))

            return decide(outcomes())

        return call


_COMPILERS: dict[type, Callable[[Expressions, Any], Getter]] = {
    cst.Name: Expressions.name,
    cst.SimpleString: Expressions.literal,
    cst.Integer: Expressions.literal,
    cst.Attribute: Expressions.attribute,
    cst.Comparison: Expressions.comparison,
    cst.BinaryOperation: Expressions.binary,
    cst.UnaryOperation: Expressions.negation,
    cst.BooleanOperation: Expressions.boolean,
    cst.Subscript: Expressions.item,
    cst.Tuple: Expressions.display,
    cst.List: Expressions.display,
    cst.Set: Expressions.display,
    cst.Call: Expressions.call,
}
