"""Walks a program along its paths: blocks, their budget and bounds, and the ways through one statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

import libcst as cst

from headlint.flow import calls, escape, expressions, scope
from headlint.flow.alike import first_with_history
from headlint.flow.arguments import Arguments
from headlint.flow.assume import assume, choices_of, known_truth, simplify, test_of
from headlint.flow.choice import Infeasible, Raised, TooManyWays, each_way
from headlint.flow.dispatch import text_of_constant
from headlint.flow.forks import can_fork
from headlint.flow.forwards import define
from headlint.flow.merge import join_states, merge
from headlint.flow.modules import ref_of
from headlint.flow.operations import apply
from headlint.flow.state import DictRecord, InstanceRecord, ListRecord, State
from headlint.flow.statements import execute
from headlint.flow.value import (
    FALSE,
    TRUE,
    Class,
    DictRef,
    Function,
    Instance,
    ListRef,
    Method,
    Module,
    Parameter,
    Symbol,
    Unknown,
    Value,
    join,
)
from headlint.history import ModuleRef, ParameterRef, Read, UseKeys
from headlint.source.nodes import text_of

# More paths than this at one point of the program are joined.
MOST_PATHS = 16
# Calls inside calls that are followed.
DEEPEST_CALL = 12
_FIRST_ID = 1 << 40

Result = TypeVar("Result")


class OutOfBudget(Exception):
    """The file asks for more steps than one file may take."""


@dataclass(frozen=True, slots=True)
class EndedPath:
    """A path at its end; `complete` is False where the program goes on but the analysis does not.

    `entry` is the function (the identity of its node) that was entered from outside, 0 for all else.
    """

    state: State
    complete: bool
    entry: int = 0


class Interpreter:
    """The interpretation of one program: what every statement and expression shares."""

    def __init__(self, most_steps: int = 60_000) -> None:
        self.most_steps = most_steps
        self.steps = 0
        # Functions and classes that are no methods.
        self.top_level: set[int] = set()
        self.ended: list[EndedPath] = []
        self.called: set[int] = set()
        # Those that were called as a trainer calls them, for want of one in the file.
        self.fitted: set[int] = set()
        # Those of them that the program calls itself.
        self.used: set[int] = set()
        self.executed: set[int] = set()
        self.functions: dict[int, Function] = {}
        self.classes: dict[int, Class] = {}
        self.methods: set[int] = set()
        self.visited: set[int] = set()
        self.stack: list[int] = []
        # Reads and assignments that succeed on some path, or that some path does to something unknown.
        self.may_be_right: set[int] = set()
        # From models of which builders an attribute is read; None for what may be any.
        self.read_from: dict[int, set[str | None]] = {}
        # Rounds of the outermost comprehension under way and of those inside it, None outside of any.
        self.rounds: int | None = None
        self.facts: dict[int, bool] = {}
        self.literals: dict[int, Value] = {}
        # The tests of names in loops over parameters, with the flags that they decide on.
        self.name_tests: dict[int, tuple[tuple[cst.BaseExpression, bool], ...]] = {}
        self.assigned: dict[int, tuple[frozenset[str], frozenset[str]]] = {}
        self.numbers: dict[ModuleRef | ParameterRef, int] = {}
        # The steps that regular expressions may have taken.
        self.matching = 0
        # Objects with smaller numbers were there when somebody outside made the call that is followed.
        self.first_own = 0
        self.deepest_call = DEEPEST_CALL
        self._may_choose: dict[int, bool] = {}

    # -- paths ---------------------------------------------------------------------------------------------

    def block(self, body: Sequence[cst.CSTNode], states: list[State]) -> list[State]:
        """Run statements one after the other; states that complete early (return, raise ...) come first."""
        running = states
        done: list[State] = []
        for statement in body:
            following: list[State] = []
            self.executed.add(id(statement))
            for state in running:
                self.steps += 1
                if self.steps > self.most_steps:
                    raise OutOfBudget
                for out in execute(self, statement, state):
                    (done if out.completion else following).append(out)
            running = self.bounded(following)
            if not running:
                break
        return self.bounded(done) + running

    def in_one_go(self, loop: cst.For) -> bool:
        """Whether the rounds of a loop may be run all at once."""
        return True

    def bounded(self, states: list[State]) -> list[State]:
        """At most `MOST_PATHS` states: equal ones become one, then the last ones are joined."""
        if len(states) <= MOST_PATHS:
            return states
        states = merge(states)
        first = first_with_history(states)
        index = len(states) - 1
        while len(states) > MOST_PATHS and index > 0:
            # Paths with one history lose only values when they are joined.
            if first[index] < index:
                states[first[index]] = self.join(states[first[index]], states.pop(index))
            index -= 1
        while len(states) > MOST_PATHS:
            last = states.pop()
            same = next((i for i in reversed(range(len(states))) if states[i].completion == last.completion), None)
            if same is None:
                states.append(last)
                break
            states[same] = self.join(states[same], last)
        return states

    def join(self, left: State, right: State) -> State:
        """One state for both; histories that the joined state no longer carries are kept as unfinished paths."""
        joined = join_states(left, right)
        for state in (left, right):
            if len(state.trace) > len(joined.trace):
                self.abandon(state)
        return joined

    def abandon(self, state: State) -> None:
        """Keep a path's history up to here, for what is certain already."""
        self.ended.append(EndedPath(state.fork(), complete=False))

    def shown(self) -> list[EndedPath]:
        """The paths that histories are made of, as they stand there."""
        return self.ended

    # -- ways through one statement ----------------------------------------------------------------------------

    def ways(
        self, state: State, node: cst.CSTNode, action: Callable[[State], Result]
    ) -> list[tuple[State, Result | None]]:
        """Run `action`, which evaluates `node`, once for every way through it."""
        if not self.may_choose(node):
            try:
                return [(state, action(state))]
            except Raised:
                state.completion = "raise"
                return [(state, None)]
            except Infeasible:
                return []
            except RecursionError:
                return self._lose_sight(state, node)
        try:
            return each_way(state, action)
        except (TooManyWays, RecursionError):
            return self._lose_sight(state, node)

    def _lose_sight(self, state: State, node: cst.CSTNode) -> list[tuple[State, Any]]:
        """Go on behind a statement that goes more ways than are followed: what it may have changed is unknown."""
        self.abandon(state)
        state.choices = None
        for identity, record in state.heap.items():
            if not isinstance(record, (ListRecord, DictRecord, InstanceRecord)):
                state.escaped.setdefault(identity, "a statement goes more ways than are followed")
        if isinstance(node, cst.Assign):
            for target in node.targets:
                self.forget(state, target.target, Unknown("one of too many ways"), node)
        return [(state, None)]

    def ways_of(self, state: State, action: Callable[[State], Value]) -> list[tuple[State, Value | None]]:
        """Every way through `action`; one that goes too many ways is kept as an unfinished path."""
        try:
            return each_way(state, action)
        except TooManyWays:
            self.abandon(state)
            return []

    def ways_of_call(
        self, state: State, function: Value, arguments: Sequence[Value], node: cst.CSTNode
    ) -> list[tuple[State, Value]]:
        """The paths behind a call from outside the file, which may give anything it likes."""
        given = Arguments(tuple(arguments), (), complete=False, outside=True)
        self.first_own = state.next_identity
        ways = self.ways_of(state, lambda s: calls.call(self, s, function, given, node))
        self.first_own = 0
        return [(path, value) for path, value in ways if path.completion is None and value is not None]

    def may_choose(self, node: cst.CSTNode) -> bool:
        """Whether evaluating `node` can fork, judged by its shape; only a hint, forks elsewhere are joined."""
        key = id(node)
        known = self._may_choose.get(key)
        if known is None:
            known = self._may_choose[key] = can_fork(node)
        return known

    def choose(self, state: State, make: Callable[[], list[tuple[State, Value]]]) -> Value:
        """Go on as one of the alternatives that `make` gives, and return its value.

        Where the statement cannot fork, go on as all of them joined.
        """
        if state.choices is None:
            return self._choose_all(state, make())
        if state.cursor >= len(state.choices):
            state.choices.append((make(), 0))
        alternatives, index = state.choices[state.cursor]
        state.cursor += 1
        if not alternatives:
            raise Infeasible
        path, value = alternatives[index]
        state.become(path)
        if state.completion == "raise":
            state.completion = None
            raise Raised
        return value

    def _choose_all(self, state: State, alternatives: list[tuple[State, Value]]) -> Value:
        going_on = [(path, value) for path, value in alternatives if path.completion != "raise"]
        if not going_on:
            raise Raised
        path, value = going_on[0]
        for other, other_value in going_on[1:]:
            path, value = self.join(path, other), join(value, other_value)
        state.become(path)
        return value

    def decide(self, state: State, value: Value) -> bool:
        """Whether `value` is true, going both ways where that is not known."""
        truth = self.truth(state, value)
        if truth is None:
            truth = self.choose(state, lambda: self.both_ways(state, value)) == TRUE
        return truth

    def truth(self, state: State, value: Value) -> bool | None:
        """Whether `value` is true on this path, None where that is not known."""
        if isinstance(value, (ListRef, DictRef)):
            record = state.heap.get(value.identity)
            if isinstance(record, (ListRecord, DictRecord)) and (record.complete or record.items):
                return bool(record.items)
            return None
        return known_truth(state, value)

    def both_ways(self, state: State, value: Value) -> list[tuple[State, Value]]:
        """The paths on which `value` is true and false, as far as there can be such."""
        value = test_of(value)
        if not isinstance(value, Symbol):
            return [(state.fork(), TRUE), (state.fork(), FALSE)]
        ways: list[tuple[State, Value]] = []
        for truth, answer in ((True, TRUE), (False, FALSE)):
            path = assume(state, value, truth)
            if path is not None:
                ways.append((path, answer))
        return ways

    def settle(self, state: State, value: Value, *, may_stay_open: bool = False) -> Value:
        """The value behind a conditional expression over constants, going both ways if need be.

        Where the statement cannot fork it is unknown, unless it `may_stay_open`: then it stays what it is.
        """
        value = simplify(state, value)
        while isinstance(value, Symbol) and value.op == "choice":
            if state.choices is None:
                return value if may_stay_open else Unknown("one of several constants")
            condition, first, second = value.operands
            value = simplify(state, first if self.decide(state, condition) else second)  # type: ignore[arg-type]
        return value

    def pinned(self, state: State, value: Value) -> Value:
        """`value` as one of the constants that the path knows it to be among, going each way."""
        value = self.settle(state, value)
        choices = choices_of(state, value) if state.choices is not None else ()
        for choice in choices:
            same = apply("==", (value, choice), f"{text_of_constant(value)} == {text_of_constant(choice)}")
            if self.decide(state, same):
                return choice
        return value

    def number_of(self, value: Module | Parameter) -> int:
        """What `id()` gives for a module or parameter."""
        return self.numbers.setdefault(value.ref, _FIRST_ID + len(self.numbers))

    # -- what statements and expressions ask of each other -----------------------------------------------------------

    def evaluate(self, state: State, node: cst.BaseExpression) -> Value:
        """The value of an expression, with its effects done to `state`."""
        return expressions.evaluate(self, state, node)

    def call(self, state: State, function: Value, arguments: Sequence[Value], node: cst.CSTNode) -> Value:
        """The value of calling `function` with positional arguments."""
        return calls.call(self, state, function, Arguments(tuple(arguments)), node)

    def call_method(self, state: State, receiver: Value, name: str, argument: Value, node: cst.CSTNode) -> Value:
        """The value of `receiver.name(argument)`."""
        return calls.call(self, state, Method(receiver, name), Arguments((argument,)), node)

    def forget(self, state: State, target: cst.BaseExpression, value: Value, site: cst.CSTNode) -> None:
        """Bind a target, and every name inside it, to something unknown."""
        if isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self.forget(state, element.value, state.origin(element, text_of(element.value)), site)
        else:
            scope.bind_target(self, state, target, value, site)

    def hand_over(self, state: State, value: Value, reason: str, site: cst.CSTNode) -> None:
        """`value` goes to code out of sight: whatever it leads to may change there."""
        escape.hand_over(self, state, value, reason, site)

    def raises_reading(self, state: State, target: ModuleRef, *steps: str | int, site: cst.CSTNode) -> NoReturn:
        """The analysed code reads what a module does not have: its path ends here."""
        if not state.guarded:
            state.trace.append(Read(target, steps, site=site))
            self.abandon(state)
        raise Raised

    def raises_using_keys(self, state: State, keys: Symbol, name: str, site: cst.CSTNode) -> NoReturn:
        """The analysed code takes what `load_state_dict` returns for a module: its path ends here."""
        receiver = keys.operands[0]
        if not state.guarded and isinstance(receiver, (Module, Instance)):
            if isinstance(receiver, Instance):
                # What its forward runs ties it to the models in it.
                define(self, state, receiver)
            state.trace.append(UseKeys(ref_of(receiver), name, site=site))
            self.abandon(state)
        raise Raised

    def exits(self, state: State) -> NoReturn:
        """The program ends here on purpose."""
        self.abandon(state)
        raise Raised
