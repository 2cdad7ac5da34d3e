"""The analysis ends on every program, and its work grows with the length of the program: counted, never timed.

Work is counted in the statements that are interpreted and the expressions that are evaluated for them, or in calls of
functions, memory in what Python allocates at its peak. The programs are made here, from small to unreasonable.
"""

from __future__ import annotations

import cProfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
import pytest
from conftest import Run

from headlint.flow.histories import FIXED_STEPS, STEPS_PER_STATEMENT, Analysis, analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import State
from headlint.flow.value import Value
from headlint.source.nodes import count_statements

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\n"
SURGERY = "net = models.resnet18(weights='DEFAULT')\nnet.fc = nn.Linear(512, 10)\n"


@dataclass
class Cost:
    """What one analysis took."""

    steps: int = 0
    evaluations: int = 0


def cost_of(text: str) -> tuple[Cost, Analysis]:
    """The work that one program takes, and what came of it."""
    tree = cst.parse_module(IMPORTS + text)
    cost = Cost()

    class Counting(Interpreter):
        def evaluate(self, state: State, node: cst.BaseExpression) -> Value:
            cost.evaluations += 1
            cost.steps = self.steps
            return super().evaluate(state, node)

    analysis = analyse(tree, Counting)
    assert cost.steps <= FIXED_STEPS + STEPS_PER_STATEMENT * count_statements(tree.body)
    # What goes on inside one statement has no budget of its own.
    assert cost.evaluations <= 40 * (cost.steps + 100)
    return cost, analysis


def calls_for(text: str) -> int:
    """How many functions are called to analyse a program, Python's own among them."""
    tree = cst.parse_module(IMPORTS + text)
    profile = cProfile.Profile()
    profile.runcall(analyse, tree)
    return int(sum(entry.callcount for entry in profile.getstats()))


def memory_of(text: str) -> int:
    """The bytes that the analysis of a program needs at its peak, the tree apart."""
    tree = cst.parse_module(IMPORTS + text)
    analyse(tree)  # what is loaded once for all programs is loaded now
    tracemalloc.start()
    try:
        analyse(tree)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def indented(text: str, depth: int = 1) -> str:
    return "".join(f"{'    ' * depth}{line}\n" for line in text.splitlines())


# -- programs of any size ------------------------------------------------------------------------------------------


def long_function(n: int) -> str:
    """One function that makes and changes n models, ten lines for each."""
    others = "".join(f"x{i} = {i} + 1\n" for i in range(7))
    blocks = [
        f"net{i} = models.resnet18(weights='DEFAULT')\nwidth{i} = net{i}.fc.in_features\n{others}"
        f"net{i}.fc = nn.Sequential(nn.Linear(width{i}, 64), nn.ReLU(), nn.Linear(64, {i + 2}))\n"
        for i in range(n)
    ]
    return "def main():\n" + indented("".join(blocks)) + "main()\n"


def plain_function(n: int) -> str:
    """One function of many lines that have nothing to do with models, around one that has."""
    lines = [f"x{i} = {i} * 2 + x{i - 1}\n" if i else "x0 = 1\n" for i in range(n)]
    return "def main():\n" + indented(SURGERY + "".join(lines) + "return net\n") + "main()\n"


def symbolic_function(n: int) -> str:
    """One function of many lines, each of which works with the unknown number of the line before."""
    return "def main(x):\n" + indented(SURGERY + "x = x + 1\n" * n + "return net\n") + "main(int(input()))\n"


def many_functions(n: int) -> str:
    """Functions that nobody calls, each with a model of its own."""
    return "".join(f"def build{i}(n):\n{indented(SURGERY)}    return net\n\n\n" for i in range(n))


def many_classes(n: int) -> str:
    """Classes around a backbone."""
    body = (
        "def __init__(self, n):\n    super().__init__()\n    self.net = models.resnet18()\n    self.change(n)\n"
        "def change(self, n):\n    self.net.fc = nn.Linear(512, n)\n"
        "def forward(self, x):\n    return self.net(x)\n"
    )
    return "".join(f"class Net{i}(nn.Module):\n{indented(body)}\n\n" for i in range(n))


def cells(n: int) -> str:
    """The same cell of ten lines again and again, at module level."""
    others = "".join(f"print({i})\n" for i in range(6))
    return (SURGERY + "for p in net.parameters():\n    p.requires_grad = False\n" + others) * n


def build_with(tests: list[str]) -> str:
    """A function that makes a model and comes by these statements."""
    return "def build(options):\n" + indented(SURGERY + "".join(tests) + "return net\n")


def branches_in_a_row(n: int) -> str:
    """n independent conditions: twice as many paths with each."""
    tests = [f"if options[{i}]:\n    net.extra{i} = nn.Linear(512, {i + 1})\n" for i in range(n)]
    return build_with(tests)


def harmless_branches(n: int) -> str:
    """n independent conditions that have nothing to do with the model."""
    tests = [f"if options[{i}]:\n    print({i})\nelse:\n    x = {i}\n" for i in range(n)]
    return build_with(tests)


def early_returns(n: int) -> str:
    """n conditions, each of which leaves with a value of its own."""
    tests = [f"if options[{i}]:\n    x = {i}\n    return x\n" for i in range(n)]
    return build_with(tests)


def models_by_condition(n: int) -> str:
    """n conditions, each of which leaves with a model of its own."""
    tests = [f"if options[{i}]:\n    net.fc = nn.Linear(512, {i + 1})\n    return net\n" for i in range(n)]
    return build_with(tests)


def imported_switches(n: int) -> str:
    """n conditions that come from elsewhere, at module level."""
    tests = [f"if switches.s{i}:\n    x{i} = {i}\nelse:\n    x{i} = None\n" for i in range(n)]
    return "import switches\n" + SURGERY + "".join(tests)


def table(n: int) -> str:
    """A long table, asked with what is not known."""
    items = ", ".join(f"'key{i}': 'value{i}'" for i in range(n))
    asks = "".join(f"x{i} = names.get(name{i})\n" for i in range(5))
    parameters = ", ".join(f"name{i}" for i in range(5))
    return f"names = {{{items}}}\ndef build({parameters}):\n" + indented(SURGERY + asks + "return net\n")


def chain(n: int) -> str:
    """One if/elif chain of n architectures, and a second one with the same tests."""
    first = [f"{'el' * (i > 0)}if arch == 'a{i}':\n    net = models.resnet18()\n" for i in range(n)]
    second = [f"{'el' * (i > 0)}if arch == 'a{i}':\n    net.fc = nn.Linear(512, {i + 1})\n" for i in range(n)]
    otherwise = "else:\n    raise ValueError(arch)\n"
    text = "".join(first) + otherwise + "".join(second) + otherwise
    return "def build(arch):\n" + indented(text + "return net\n")


def nested_branches(n: int) -> str:
    """Conditions inside conditions."""
    text = SURGERY
    for i in range(n):
        text = f"if options[{i}]:\n{indented(text)}else:\n{indented(f'net = models.vgg11(num_classes={i + 1})')}"
    return "def build(options):\n" + indented(text + "return net\n")


def conditional_expressions(n: int) -> str:
    """Many choices in one statement."""
    terms = ", ".join(f"nn.Linear({i + 1}, 2) if options[{i}] else nn.ReLU()" for i in range(n))
    return f"def build(options):\n{indented(SURGERY)}    net.fc = nn.Sequential({terms})\n    return net\n"


def nested_loops(n: int) -> str:
    """Loops in loops over what is not known, with surgery inside."""
    text = "net.fc = nn.Linear(512, width)\nwidth = width + 1\n"
    for i in range(n):
        text = f"for x{i} in data{i}():\n{indented(text)}"
    return "from elsewhere import *\nwidth = 1\n" + SURGERY + text


def nested_known_loops(n: int) -> str:
    """Loops in loops over four known items each: four times as many rounds with each."""
    text = "net.fc = nn.Linear(512, width)\nwidth = width + 1\n"
    for i in range(n):
        text = f"for x{i} in (1, 2, 3, 4):\n{indented(text)}"
    return "width = 1\n" + SURGERY + text


def nested_while(n: int) -> str:
    """While loops in while loops, each with a way out and a way to go on."""
    text = "net.fc = nn.Linear(512, 5)\n"
    for i in range(n):
        ways_out = f"    if done({i}):\n        break\n    elif skip({i}):\n        continue\n"
        text = f"while running({i}):\n{indented(text)}{ways_out}"
    return "from elsewhere import running, done, skip\n" + SURGERY + text


def tries(n: int) -> str:
    """Try statements in try statements."""
    text = SURGERY
    for i in range(n):
        text = f"try:\n{indented(text)}except Error{i}:\n    net = models.vgg11()\nfinally:\n    print({i})\n"
    return text


def recursion(n: int) -> str:
    """n functions that call themselves on the children of a model."""
    flags = "for p in module.parameters(False):\n    p.requires_grad = False\n"
    body = f"for child in module.children():\n    freeze(child)\n{flags}"
    functions = [f"def freeze{i}(module):\n{indented(body.replace('freeze(', f'freeze{i}('))}\n\n" for i in range(n)]
    return "".join(functions) + SURGERY + "".join(f"freeze{i}(net)\n" for i in range(n))


def mutual_recursion(n: int) -> str:
    """n functions in a ring, each of which calls the next one twice."""
    functions = [
        f"def f{i}(net, n):\n    if n == 0:\n        return net\n    f{(i + 1) % n}(net, n - 1)\n"
        f"    net.fc = nn.Linear(512, n)\n    return f{(i + 1) % n}(net, n - 1)\n\n\n"
        for i in range(n)
    ]
    return "".join(functions) + SURGERY + "f0(net, int(input()))\n"


def calls_in_calls(n: int) -> str:
    """n functions, each of which calls the one before it twice: twice as many calls with each."""
    functions = ["def f0(net):\n    net.fc = nn.Linear(512, 5)\n\n\n"]
    functions += [f"def f{i}(net):\n    f{i - 1}(net)\n    f{i - 1}(net)\n\n\n" for i in range(1, n)]
    return "".join(functions) + SURGERY + f"f{n - 1}(net)\n"


def closures(n: int) -> str:
    """Functions in functions."""
    text = "net.fc = nn.Linear(512, 5)\nreturn net\n"
    for i in range(n):
        text = f"def inner{i}(net):\n{indented(text)}return inner{i}(net)\n"
    return SURGERY + f"def outer(net):\n{indented(text)}\n\nouter(net)\n"


def long_expressions(n: int) -> str:
    """Long sums, long lists and long chains of calls, in one statement each."""
    total = " + ".join(["1"] * n)
    items = ", ".join(f"nn.Linear({i + 1}, {i + 2})" for i in range(n))
    return f"{SURGERY}width = {total}\nnet.fc = nn.Sequential({items})\n"


# Programs of a few lines whose values would fill any memory if they were worked out.
BOMBS = {
    "list added to itself": "layers = [nn.ReLU()]\n"
    + "layers = layers + layers\n" * 40
    + "net.fc = nn.Sequential(*layers)\n",
    "list that extends itself": "x = [1]\n" + "x.extend(x)\n" * 40,
    "list in place": "x = [1]\n" + "x += x\n" * 40,
    "tuple added to itself": "x = (1,)\n" + "x = x + x\n" * 40,
    "text added to itself": "x = 'a'\n" + "x = x + x\n" * 40,
    "text in text": "x = 'a'\n" + "x = f'{x}{x}'\n" * 40,
    "symbol added to itself": "x = int(input())\n" + "x = x * x + x\n" * 40 + "net.fc = nn.Linear(512, x)\n",
    "tuples in tuples": "x = (1,)\n" + "x = (x, x)\n" * 40 + "print(x)\ny = x == x\n",
    "dicts in dicts": "x = {}\n" + "x = {'a': x, 'b': x}\n" * 40 + "print(x)\n",
    "modules in modules": "x = nn.Sequential()\n"
    + "x = nn.Sequential(x, x)\n" * 40
    + "net.fc = x\nnet.requires_grad_(False)\n",
    "module in itself": "x = nn.Sequential()\nx.append(x)\nnet.fc = x\nnet.requires_grad_(False)\n",
    "list in itself": "x = []\nx.append(x)\nnet.parts = x\nunknown(x)\n",
    "repeated list": "x = [nn.ReLU()] * 10**9\n",
    "repeated text": "x = 'a' * 10**10\n",
    "power": "x = 9 ** 9 ** 9\ny = 1 << 10**10\n",
    "squares in a loop": "x = 3\nfor p in net.parameters():\n    x = x * x\n",
    "list in a loop": "x = [1]\nfor p in net.parameters():\n    x = x + x\n",
    "modules in a loop": "for i in range(3000):\n    net.fc = nn.Sequential(net.fc, nn.ReLU())\n",
    "wide formats": "x = '%1000000000d' % 5\ny = f'{5:1000000000d}'\nz = 'a'.ljust(10**10)\n",
    "replaced text": "x = ('a' * 100000).replace('a', 'b' * 100000)\n",
    "endless range": "for i in range(10**9):\n    net.fc = nn.Linear(512, i)\n",
    "nested comprehension": "x = [a + b for a in range(3000) for b in range(3000)]\n",
    "comprehension in a comprehension": "x = [[a + b for a in range(3000)] for b in range(3000)]\n",
    "comprehension over parameters": "x = [p for n in range(3000) for p in net.parameters()]\n",
    "endless loop": "while True:\n    net.fc = nn.Linear(512, 5)\n",
}


# -- what must hold ------------------------------------------------------------------------------------------------

LINEAR: list[tuple[Callable[[int], str], int]] = [
    (long_function, 60),
    (plain_function, 400),
    (many_functions, 60),
    (many_classes, 40),
    (cells, 40),
    (harmless_branches, 40),
    (branches_in_a_row, 20),
    (chain, 12),
    (recursion, 6),
    (nested_while, 3),
    (long_expressions, 100),
]

# These are judged by all calls of functions, which the comparison of many paths or assumptions shows in.
COMPARED: list[tuple[Callable[[int], str], int]] = [
    (early_returns, 100),
    (models_by_condition, 100),
    (imported_switches, 100),
    (harmless_branches, 100),
    (table, 200),
    (long_function, 60),
]


@pytest.mark.parametrize(("make", "size"), LINEAR, ids=lambda one: getattr(one, "__name__", str(one)))
def test_twice_the_program_is_about_twice_the_work(make: Callable[[int], str], size: int) -> None:
    once, analysis = cost_of(make(size))
    twice, other = cost_of(make(2 * size))
    assert analysis.note == other.note == ""
    assert analysis.histories
    assert twice.steps <= 2.6 * once.steps
    assert twice.evaluations <= 2.6 * once.evaluations


@pytest.mark.parametrize(("make", "size"), COMPARED, ids=lambda one: getattr(one, "__name__", str(one)))
def test_what_is_compared_and_tried_is_bounded(make: Callable[[int], str], size: int) -> None:
    once, twice = calls_for(make(size)), calls_for(make(2 * size))
    assert twice <= 3 * once
    assert twice <= 60 * len(make(2 * size))


ENDLESS: list[tuple[Callable[[int], str], int]] = [
    (nested_branches, 12),
    (conditional_expressions, 12),
    (nested_loops, 8),
    (nested_known_loops, 7),
    (nested_while, 7),
    (mutual_recursion, 6),
    (calls_in_calls, 30),
    (closures, 20),
    (branches_in_a_row, 200),
    (chain, 100),
    (tries, 15),
]


@pytest.mark.parametrize(("make", "size"), ENDLESS, ids=lambda one: getattr(one, "__name__", str(one)))
def test_the_analysis_ends_within_its_budget(make: Callable[[int], str], size: int) -> None:
    _, analysis = cost_of(make(size))
    assert analysis.histories or analysis.note == "too many paths to follow them all"


def test_values_that_grow_without_bound_are_given_up(headlint: Run, tmp_path: Path) -> None:
    for name, text in BOMBS.items():
        (tmp_path / f"{name.replace(' ', '_')}.py").write_text(IMPORTS + SURGERY + text)
    done = headlint("check", "--confirm=off", tmp_path)
    assert (done.stdout, done.stderr) == (f"No findings in {len(BOMBS)} files\n", "")


@pytest.mark.parametrize(
    ("make", "size"),
    [(long_function, 300), (plain_function, 3000), (symbolic_function, 3000), (cells, 300), (harmless_branches, 750)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_three_thousand_lines_in_one_block_are_followed_to_the_end(make: Callable[[int], str], size: int) -> None:
    text = make(size)
    assert text.count("\n") >= 3000
    _, analysis = cost_of(text)
    assert analysis.note == ""
    assert all(history.complete for history in analysis.histories)


@pytest.mark.parametrize(
    ("make", "size"),
    [(long_function, 300), (plain_function, 3000), (symbolic_function, 3000), (branches_in_a_row, 100), (chain, 100)],
    ids=lambda one: getattr(one, "__name__", str(one)),
)
def test_memory_stays_small(make: Callable[[int], str], size: int) -> None:
    assert memory_of(make(size)) < 150_000_000


@pytest.mark.parametrize(("make", "size"), [(long_function, 60), (plain_function, 400), (symbolic_function, 400)])
def test_memory_grows_with_the_program(make: Callable[[int], str], size: int) -> None:
    assert memory_of(make(2 * size)) <= 2.6 * memory_of(make(size))
