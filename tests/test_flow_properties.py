"""What holds for all programs: joining has no order, every run of Python is on some path, cost is bounded."""

from __future__ import annotations

import itertools
from typing import Any
from unittest.mock import patch

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headlint.flow import alike
from headlint.flow.histories import analyse
from headlint.flow.interpreter import MOST_PATHS, Interpreter
from headlint.flow.merge import join_states, merge
from headlint.flow.state import ListRecord, State
from headlint.flow.value import Constant, External, ListRef, Module, Symbol, Tuple, Unknown, Value, join
from headlint.history import Escape, ModuleRef

LEAVES: st.SearchStrategy[Value] = st.one_of(
    st.builds(Constant, st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["", "fc"]))),
    st.builds(Unknown, st.text(max_size=3)),
    st.builds(lambda i: Symbol("name", (i, 0), f"n{i}"), st.integers(0, 2)),
    st.builds(ListRef, st.integers(1, 2)),
    st.builds(External, st.sampled_from(["torch", "os"])),
    st.builds(lambda i, path: Module(ModuleRef(i, path)), st.integers(1, 2), st.sampled_from(["", "fc"])),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    LEAVES, lambda inside: st.builds(lambda items: Tuple(tuple(items)), st.lists(inside, max_size=3)), max_leaves=6
)


@given(VALUES)
def test_joining_a_value_with_itself_changes_nothing(value: Value) -> None:
    assert join(value, value) == value


@given(VALUES, VALUES)
def test_joining_has_no_order(left: Value, right: Value) -> None:
    assert join(left, right) == join(right, left)


@given(VALUES, VALUES, VALUES)
def test_joining_has_no_grouping(first: Value, second: Value, third: Value) -> None:
    assert join(join(first, second), third) == join(first, join(second, third))


@given(VALUES, VALUES)
def test_a_join_claims_no_more_than_both_sides(left: Value, right: Value) -> None:
    def allows(known: Value, value: Value) -> bool:
        if isinstance(known, Unknown):
            return True
        if isinstance(known, Tuple) and isinstance(value, Tuple):
            return len(known.items) == len(value.items) and all(map(allows, known.items, value.items))
        return known == value

    assert allows(join(left, right), left)
    assert allows(join(left, right), right)


def state_of(names: dict[str, Value], items: tuple[Value, ...]) -> State:
    state = State()
    state.names(0).update(names)
    state.heap[1] = ListRecord(items)
    return state


STATES = st.builds(
    state_of, st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), st.lists(LEAVES, max_size=2).map(tuple)
)


@given(STATES, STATES)
def test_joining_states_is_pure_and_has_no_order(left: State, right: State) -> None:
    before = left.fork(), right.fork()
    forwards, backwards = join_states(left, right), join_states(right, left)
    assert forwards.frames == backwards.frames
    assert forwards.heap == backwards.heap
    assert left.same_as(before[0])
    assert right.same_as(before[1])
    assert join_states(left, left.fork()).same_as(left)


def path_of(sides: list[bool], value: Value, returns: bool, models: int) -> State:
    state = state_of({"a": value}, ())
    symbols = [Symbol("name", (10 + level, 0), f"n{level}") for level in range(len(sides))]
    state.conditions = tuple(zip(symbols, sides, strict=True))
    state.assumptions = {symbol: Constant(truth) for symbol, truth in state.conditions}
    state.completion = "return" if returns else None
    state.trace = [Escape(ModuleRef(number, ""), "", site=None) for number in range(models)]
    return state


VALUE = st.builds(Constant, st.integers(0, 1))
PATHS = st.builds(path_of, st.lists(st.booleans(), max_size=3), VALUE, st.booleans(), st.integers(0, 1))
# Behind four conditions, with a value that hangs on the last two of them, in any order.
SIDES = list(itertools.product([False, True], repeat=4))
ALL_SIDES = st.builds(
    lambda values, order: [path_of(list(sides), values[2 * sides[2] + sides[3]], False, 0) for sides in order],
    st.lists(VALUE, min_size=4, max_size=4),
    st.permutations(SIDES),
)


@given(st.one_of(ALL_SIDES, st.lists(PATHS, max_size=20)))
def test_many_paths_are_merged_as_few_are(paths: list[State]) -> None:
    def seen(few: int) -> list[tuple[object, ...]]:
        with patch.object(alike, "FEW", few):
            merged = merge([path.fork() for path in paths])
        return [(path.frames, path.heap, path.conditions, path.assumptions, path.completion) for path in merged]

    assert seen(0) == seen(1000)


@given(st.lists(PATHS, max_size=12))
def test_the_first_path_with_the_same_history_is_found(paths: list[State]) -> None:
    histories = [(path.completion, path.trace) for path in paths]
    assert alike.first_with_history(paths) == [histories.index(history) for history in histories]


# -- every run of Python is on some path -------------------------------------------------------------------------

NAMES = ("a", "b", "c")
TARGETS = ("x", "y")
TESTS = st.recursive(
    st.sampled_from([*NAMES, "x == 1", "x == y", "y > 1", "x in (0, 2)", "True"]),
    lambda inside: st.one_of(
        inside.map("not ({})".format),
        st.tuples(inside, st.sampled_from(["and", "or"]), inside).map(lambda parts: "({}) {} ({})".format(*parts)),
    ),
    max_leaves=3,
)
EXPRESSIONS = st.one_of(
    st.sampled_from(["0", "1", "2", "x", "y", "x + 1", "f(a)", "f(b)", "len([x, y])", "(x, y)[0]"]),
    st.tuples(st.sampled_from("012xy"), TESTS, st.sampled_from("012xy")).map(lambda p: "({} if {} else {})".format(*p)),
)
SIMPLE = st.one_of(
    st.tuples(st.sampled_from(TARGETS), EXPRESSIONS).map("{0[0]} = {0[1]}".format),
    st.sampled_from(["x, y = y, x", "x += 1", "pass", "g(c)"]),
)


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def blocks(inside: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.one_of(
        st.tuples(TESTS, inside, inside).map(lambda p: [f"if {p[0]}:", *indented(p[1]), "else:", *indented(p[2])]),
        st.tuples(TESTS, inside).map(lambda p: [f"if {p[0]}:", *indented(p[1])]),
        inside.map(lambda body: ["for i in 'pq':", *indented(body)]),
        st.tuples(inside, inside).map(lambda p: ["try:", *indented(p[0]), "finally:", *indented(p[1])]),
        st.tuples(inside, inside).map(lambda p: [*p[0], *p[1]]),
    )


BODIES = st.recursive(SIMPLE.map(lambda line: [line]), blocks, max_leaves=6)
HEAD = """
def f(v):
    if v: return 1
    return 2
def g(v):
    if v: raise ValueError
a, b, c = load()
x, y = 0, 1
"""


def runs(body: str) -> list[tuple[object, ...] | None]:
    """What Python makes of the program for every truth of the unknowns; None where it raises."""
    results: list[tuple[object, ...] | None] = []
    for given_values in itertools.product([False, True], repeat=len(NAMES)):
        names: dict[str, Any] = {"load": lambda values=given_values: values}
        try:
            exec(HEAD + body, names)
        except ValueError:
            results.append(None)
        else:
            results.append(tuple(names[name] for name in (*NAMES, *TARGETS)))
    return results


def allows(value: Value | None, real: object, truths: dict[str, object]) -> bool:
    """Whether what the analysis knows of a value leaves `real` possible when the unknowns have these truths."""
    if isinstance(value, Constant):
        return bool(value == Constant(real)) or (isinstance(real, int) and value.value == real)
    if isinstance(value, Symbol) and value.op == "choice":
        return any(allows(branch, real, truths) for branch in value.operands[1:])  # type: ignore[arg-type]
    return value is not None


@settings(max_examples=150)
@given(BODIES)
def test_every_run_of_python_is_on_some_path(lines: list[str]) -> None:
    body = "\n".join(lines) + "\n"
    interpreter = Interpreter()
    states = interpreter.block(cst.parse_module(HEAD + body).body, [State()])
    finished = [state for state in states if state.completion is None]
    for real in runs(body):
        if real is None:
            continue
        truths = dict(zip(NAMES, real, strict=False))
        found = False
        for state in finished:
            consistent = all(
                symbol.text not in truths or bool(truths[symbol.text]) is truth for symbol, truth in state.conditions
            )
            names = state.frames[0]
            found = found or (
                consistent and all(allows(names.get(n), real[len(NAMES) + i], truths) for i, n in enumerate(TARGETS))
            )
        assert found, (body, real)


# -- cost --------------------------------------------------------------------------------------------------------


def paths_of(text: str) -> tuple[Interpreter, int]:
    interpreter = Interpreter()
    return interpreter, len(interpreter.block(cst.parse_module(text).body, [State()]))


MODEL = "from torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\n"
MANY = {
    "ifs that set values": MODEL + "".join(f"if c{i}: v{i} = 1\nelse: v{i} = 2\n" for i in range(200)),
    "ifs that change the model": MODEL + "".join(f"if load(): model.a{i} = nn.ReLU()\n" for i in range(60)),
    "ifs in ifs": MODEL
    + "".join("    " * i + f"if load():\n{'    ' * (i + 1)}model.a{i} = nn.ReLU()\n" for i in range(15)),
    "a long chain": MODEL
    + "n = load()\nif n == 0: pass\n"
    + "".join(f"elif n == {i}: model.fc = nn.Linear(512, {i})\n" for i in range(1, 150)),
    "ternaries": MODEL + "".join(f"v{i} = f() if load() else g()\n" for i in range(100)),
    "loops in loops": MODEL
    + "".join("    " * i + f"for i{i} in load():\n" for i in range(8))
    + "    " * 8
    + "if load(): model.fc = nn.Linear(512, 2)\n",
}


@pytest.mark.parametrize("text", MANY.values(), ids=MANY.keys())
def test_paths_are_bounded(text: str) -> None:
    interpreter, count = paths_of(text)
    assert 1 <= count <= MOST_PATHS + 1
    assert interpreter.steps < 20_000


def test_functions_that_call_each_other_end() -> None:
    text = (
        MODEL
        + "".join(f"def f{i}(n):\n    if n: f{(i + 1) % 9}(n)\n    return f{(i + 2) % 9}(n)\n" for i in range(9))
        + "f0(load())\n"
    )
    interpreter, count = paths_of(text)
    assert count >= 1
    assert interpreter.steps < 20_000


def test_a_file_without_end_is_given_up_with_a_note() -> None:
    text = (
        MODEL
        + "".join(
            f"def f{i}(n):\n    if n.a{i}: x = n.b()\n    else: x = n.c()\n"
            + (f"    f{i - 1}(x)\n    f{i - 1}(n)\n    f{i - 1}(n.d)\n" if i else "    model.fc = x\n")
            for i in range(11)
        )
        + "f10(load())\n"
    )
    analysis = analyse(cst.parse_module(text))
    assert analysis.note == "too many paths to follow them all"
    assert all(not history.complete for history in analysis.histories)


def test_a_long_file_takes_steps_by_its_length() -> None:
    block = "model = models.resnet18()\nmodel.fc = nn.Linear(512, {0})\nfor p in model.parameters():\n    n{0} = p\n"

    def steps(count: int) -> int:
        return paths_of(MODEL + "".join(block.format(i) for i in range(count)))[0].steps

    assert steps(40) - steps(20) == steps(20) - steps(0)
