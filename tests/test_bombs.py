"""Programs that would take all memory or for ever if somebody ran them: reading them takes neither."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SURGERY = "import copy\nimport torch\nfrom torch import nn\nfrom torchvision import models\nm = models.resnet18()\n"
HEAD = "m.fc = nn.Linear(512, x)\n"
NAMED = "setattr(m, x, nn.Linear(1, 1))\n"


def again(statement: str, times: int = 60) -> str:
    """A statement that doubles something, many times."""
    return f"{statement}\n" * times


PROGRAMS = {
    "power": "x = 10 ** 10 ** 10\ny = 10 ** 1000000000\n" + HEAD,
    "shift": "x = 1 << 10**12\ny = 1 << -1\n" + HEAD,
    "squares": "x = 3\n" + again("x = x * x") + HEAD,
    "squares in a loop": "x = 3\nfor i in range(100):\n    x = x * x\n" + HEAD,
    "long number": f"x = {'9' * 100_000}\ny = int('{'9' * 100_000}')\nz = 0x{'f' * 100_000}\nprint(f'{{x}}{{z}}')\n"
    + HEAD,
    "number as text": "x = str(7 ** 100000)\n" + NAMED,
    "no numbers": "x = 1e999\ny = int(x)\nz = int(float('nan'))\nw = 10.0 ** 1000\nv = (-1) ** 0.5\n" + HEAD,
    "by zero": "x = 1 // 0\ny = 1 % 0\nz = 1 / 0\nw = divmod(1, 0)\nv = 0 ** -1\n" + HEAD,
    "repeated text": "x = 'a' * 10**10\n" + NAMED,
    "doubled text": "x = 'a'\n" + again("x = x + x") + NAMED,
    "doubled text in a loop": "x = 'a'\nfor i in range(100):\n    x = f'{x}{x}'\n" + NAMED,
    "joined text": "x = 'a'\n" + again("x = x.join([x, x, x])") + NAMED,
    "replaced text": "x = 'a'\n" + again("x = x.replace('a', 'aaaa')") + NAMED,
    "formatted text": "x = 'a'\n" + again("x = '{}{}'.format(x, x)") + again("x = '%s%s' % (x, x)") + NAMED,
    "wide fields": "x = f'{1:1000000000000}'\ny = '%1000000000d' % 1\nz = '{:>9999999999}'.format(1)\n" + NAMED,
    "padding": "x = 'a'.ljust(10**11)\ny = 'a'.zfill(10**11)\n" + NAMED,
    "symbols in a text": "x = n\n" + again("x = f'{x}{x}'") + NAMED + "if x == 'a':\n    m.fc = 3\n",
    "repeated list": "x = [nn.ReLU()] * 10**9\nm.fc = nn.Sequential(*x)\ny = [1] * 10**12\nz = (1,) * 10**12\n",
    "doubled list": "x = [nn.ReLU()]\n" + again("x = x + x") + "m.fc = nn.Sequential(*x)\n",
    "extended list": "x = [nn.ReLU()]\n" + again("x.extend(x)") + again("x += x") + "m.fc = nn.Sequential(*x)\n",
    "unpacked list": "x = [nn.ReLU()]\n" + again("x = [*x, *x]") + "m.fc = nn.Sequential(*x)\n",
    "tuples of tuples": "x = (a,)\n"
    + again("x = (x, x)")
    + "if b:\n    x = 1\nif x == x:\n    m.fc = nn.Linear(512, x)\n",
    "dicts of dicts": "x = {}\n" + again("x = {'a': x, 'b': x}") + "print(x)\n" + HEAD,
    "layers of layers": "x = nn.ReLU()\n" + again("x = nn.Sequential(x, x)", 40) + "m.fc = x\n",
    "copies of copies": "x = m\n" + again("x = nn.Sequential(copy.deepcopy(x), copy.deepcopy(x))", 25) + "x.fc = 1\n",
    "children of children": "x = m\n" + again("x = nn.Sequential(*list(x.children()) * 3)", 25) + "x.fc = 1\n",
    "ranges": (
        "x = list(range(10**12))\nfor i in range(10**12):\n    m.fc = nn.Linear(512, i)\nm.fc = nn.Linear(1, len(x))\n"
    ),
    "comprehension": (
        "x = [i for a in range(10**4) for b in range(10**4) for i in range(10**4)]\nm.fc = nn.Sequential(*x)\n"
    ),
    "loops in loops": (
        "for a in range(999):\n for b in range(999):\n  for c in range(999):\n   m.fc = nn.Linear(512, a)\n"
    ),
    "while": "i = 0\nwhile i < 10**12:\n    i += 1\nwhile True:\n    m.fc = nn.Linear(512, i)\n",
    "slices": (
        "x = [1, 2][10**30]\ny = 'abc'[-10**30:10**30:3]\nz = list(m.children())[::-10**30]\n"
        "w = [1][::0]\nv = 'a'[::0]\n"
    ),
    "recursion": "def f(n):\n    return f(n + 1) + f(n + 2)\nx = f(0)\n" + HEAD,
    "fibonacci": "def f(n):\n    if n < 2:\n        return n\n    return f(n - 1) + f(n - 2)\nx = f(80)\n" + HEAD,
    "ackermann": (
        "def a(m, n):\n    if m == 0: return n + 1\n    if n == 0: return a(m - 1, 1)\n"
        "    return a(m - 1, a(m, n - 1))\n"
        "x = a(4, 4)\n" + HEAD
    ),
    "omega": "(lambda x: x(x)(x))(lambda x: x(x)(x))\nf = lambda x: f(x)\nm.fc = f(m)\n",
    "generators": (
        "def g():\n    yield from g()\ndef h():\n"
        "    while True:\n        yield nn.ReLU()\nm.fc = nn.Sequential(*g(), *h())\n"
    ),
    "decorators": "@f\n@f\ndef f(f):\n    return f(f)\nm.fc = f(f)\n",
    "attributes": (
        "class A:\n    def __getattr__(self, n):\n        return getattr(self, n)\na = A()\na.b = a\nm.fc = a.b.b.c\n"
    ),
    "classes of themselves": "class A(A): pass\nclass B(C): pass\nclass C(B): pass\nm.fc = A()\nx = B()\n",
    "modules of themselves": (
        "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.b = A()\n"
        "    def forward(self, x):\n        return self.forward(self.b(x))\nm.fc = A()\nm.fc(1)\n"
    ),
    "inside itself": (
        "m.fc = m\nm.layer1 = nn.Sequential(m)\nx = []\nx.append(x)\ny = {}\ny['a'] = y\nprint(x == x, y)\nm.fc = x\n"
    ),
    "hooks": "def f(x):\n    x.apply(f)\nm.apply(f)\n",
    "branches": "".join(
        f"if a{i}:\n    m.fc = nn.Linear(512, {i})\nelse:\n    m.fc2 = nn.Linear(1, {i})\n" for i in range(40)
    ),
    "choices": "x = " + " + ".join(f"({i} if a{i} else {i + 1})" for i in range(40)) + "\n" + HEAD,
    "choices in choices": "x = 0\n" + "".join(f"x = x * 2 + (1 if a{i} else 0)\n" for i in range(40)) + HEAD,
    "conditions": "if " + " or ".join(f"(a{i} and b{i})" for i in range(60)) + ":\n    m.fc = nn.Linear(1, 1)\n",
    "cases": "match y:\n"
    + "".join(f"    case {{'a': {i}, **r}} | [{i}, *_]:\n        m.fc = nn.Linear(512, {i})\n" for i in range(200)),
    "symbols": "x = n\n" + again("x = x + x") + again("x = x * x") + "if x > 3:\n    m.fc = nn.Linear(x, x)\n",
    "arguments": "def f(" + ", ".join(f"a{i}=1" for i in range(2000)) + "):\n    m.fc = nn.Linear(a1, a2)\nf()\n",
    "models": "ms = [models.vit_h_14() for i in range(5000)]\nfor q in ms:\n    q.heads.head = nn.Linear(3, 4)\n",
    "layers": "m.fc = nn.Linear(10**9, 10**9)\nm.fc = nn.Linear(512, 10**400)\nm.fc = nn.Conv2d(-1, 0, 0, -1)\n",
    "names": "setattr(m, '\\ud800', nn.Linear(1, 1))\nsetattr(m, '\\x00', nn.Linear(1, 1))\nm.add_module('', m)\n",
}

CHILD = """
import json, signal, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
except ImportError:
    pass
from headlint.lint import Linter, Settings
for name, text in json.load(sys.stdin).items():
    if hasattr(signal, "alarm"):
        signal.alarm(90)
    with Linter(Settings(confirm="off")) as linter:
        linter.lint_unguarded(text, name)
    print(name, flush=True)
"""


@pytest.mark.parametrize("part", range(4))
def test_reading_takes_bounded_memory_and_time(part: int) -> None:
    programs = {name: SURGERY + text for name, text in [*PROGRAMS.items()][part::4]}
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(programs), text=True, capture_output=True, check=False
    )
    assert done.stdout.splitlines() == [*programs], done.stderr
    assert (done.returncode, done.stderr) == (0, "")
