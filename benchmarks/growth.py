"""How the cost of the analysis grows with the length of a file, with the branches in it and with its depth."""

from __future__ import annotations

import time
from collections.abc import Callable

import libcst

from benchmarks.report import figure, heading
from headlint.flow.histories import analyse

ROUNDS = 3
IMPORTS = "from torch import nn\nfrom torchvision import models\n"
SURGERY = "    net = models.resnet18(weights='DEFAULT')\n    net.fc = nn.Linear(512, n)\n"


def by_length_branches_and_depth() -> None:
    """The analysis of made programs, each of them twice as large as the one before; the parse is not counted."""
    for title, unit, make, sizes in (
        ("functions one after the other, a model in each", "functions", functions, (25, 50, 100, 200)),
        ("lines of one function that have nothing to do with its model", "lines", lines, (400, 800, 1600, 3200)),
        ("models made and changed in one function", "models", in_one_function, (50, 100, 200, 400)),
        ("branches in a row, each of which changes the model", "branches", branches, (8, 16, 32, 64)),
        ("branches in a row that leave the model alone", "branches", harmless_branches, (50, 100, 200, 400)),
        ("architectures in two chains with the same tests", "architectures", chains, (8, 16, 32, 64)),
        ("loops in loops around the surgery", "deep", loops, (2, 4, 8, 16)),
        ("calls in calls down to the surgery", "deep", calls, (2, 4, 8, 16)),
    ):
        _grow(title, unit, make, sizes)


def _grow(title: str, unit: str, make: Callable[[int], str], sizes: tuple[int, ...]) -> None:
    heading(f"the analysis of {title}, against half as many")
    before: float | None = None
    for size in sizes:
        tree = libcst.parse_module(IMPORTS + make(size))
        seconds = min(_timed(tree) for _ in range(ROUNDS))
        figure(f"{size} {unit}", seconds, before)
        before = seconds


def _timed(tree: libcst.Module) -> float:
    started = time.process_time()
    analyse(tree)
    return time.process_time() - started


# -- programs ------------------------------------------------------------------------------------------------------


def functions(n: int) -> str:
    """n functions, each of which makes a model."""
    return "".join(f"def build{i}(n):\n{SURGERY}    return net\n" for i in range(n))


def lines(n: int) -> str:
    """A function of n more lines than it needs."""
    return f"def build(n):\n    x = n\n{SURGERY}" + "    x = x + 1\n" * n + "    return net\n"


def in_one_function(n: int) -> str:
    """n models under one name, one after the other."""
    return f"def build(n):\n{SURGERY * n}    return net\n"


def branches(n: int) -> str:
    """n conditions that have nothing to do with each other."""
    tests = "".join(f"    if n[{i}]:\n        net.extra{i} = nn.Linear(512, {i})\n" for i in range(n))
    return f"def build(n):\n{SURGERY}{tests}    return net\n"


def harmless_branches(n: int) -> str:
    """n conditions around lines that do nothing to the model."""
    tests = "".join(f"    if n[{i}]:\n        x = {i}\n    else:\n        print({i})\n" for i in range(n))
    return f"def build(n):\n{SURGERY}{tests}    return net\n"


def chains(n: int) -> str:
    """The model is chosen in one chain of n tests, its head in another one."""
    text = "def build(arch):\n"
    for statement in ("net = models.resnet18()", "net.fc = nn.Linear(512, 10)"):
        for i in range(n):
            text += f"    {'el' * (i > 0)}if arch == 'a{i}':\n        {statement}\n"
        text += "    else:\n        raise ValueError(arch)\n"
    return f"{text}    return net\n"


def loops(n: int) -> str:
    """Surgery inside n loops over something unknown."""
    text = "def build(n, data):\n"
    for i in range(n):
        text += f"{'    ' * (i + 1)}for x{i} in data[{i}]:\n"
    return text + "".join(f"{'    ' * n}{line}\n" for line in SURGERY.splitlines())


def calls(n: int) -> str:
    """n functions, each of which calls the one before it."""
    text = f"def f0(n):\n{SURGERY}    return net\n"
    return text + "".join(f"def f{i}(n):\n    return f{i - 1}(n)\n" for i in range(1, n))
