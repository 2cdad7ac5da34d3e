"""Functions and classes of the file: arguments, scopes, recursion, inheritance, and what leaves the file."""

from __future__ import annotations

import pytest
from flow_helpers import builders, escapes, frozen, histories, is_unknown, known, known_on_paths

from headlint.history import Escape, SetModule


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("def f(a, b=2): return a, b\nx = f(1)", (1, 2)),
        ("def f(a, b=2): return a, b\nx = f(b=3, a=1)", (1, 3)),
        ("def f(a, /, b, *, c=3): return a, b, c\nx = f(1, b=2)", (1, 2, 3)),
        ("def f(*a): return a\nx = f(1, 2)", (1, 2)),
        ("def f(a, *b, **c): return a, b, c['d']\nx = f(1, 2, d=4)", (1, (2,), 4)),
        ("def f(a, b): return a, b\nx = f(*(1, 2))", (1, 2)),
        ("def f(a, b): return a, b\nx = f(**{'b': 2, 'a': 1})", (1, 2)),
        ("def f(a, b=2): return a, b\noptions = dict(b=5)\nx = f(1, **options)", (1, 5)),
        ("n = 1\ndef f(a=n): return a\nn = 2\nx = f()", 1),
        ("n = 1\ndef f(): return n\nn = 2\nx = f()", 2),
        ("n = 1\ndef f():\n    n = 2\nf()\nx = n", 1),
        ("n = 1\ndef f():\n    global n\n    n = 2\nf()\nx = n", 2),
        ("def f(n):\n    def g(k): return n + k\n    return g\nx = f(1)(2)", 3),
        ("def f():\n    n = 1\n    def g(): return n\n    n = 5\n    return g()\nx = f()", 5),
        ("def f(a): a.append(2)\nb = [1]\nf(b)\nx = tuple(b)", (1, 2)),
        ("def f(): pass\nx = f()", None),
        ("def f(): return g()\ndef g(): return 4\nx = f()", 4),
        ("f = lambda a, *b: (a, b)\nx = f(1, 2)", (1, (2,))),
        ("from functools import partial\ndef f(a, b, c=3): return a, b, c\nx = partial(f, 1, c=5)(2)", (1, 2, 5)),
        ("def f(k): return 0 if k == 0 else 1 + f(k - 1)\nx = f(0)", 0),
        ("class C:\n    n = 1\n    def __init__(self): self.n = 2\nx = C().n, C.n", (2, 1)),
        ("class C:\n    n = 1\nc = C()\nc.n = 5\nx = c.n, C().n", (5, 1)),
        ("class C:\n    n = 1\nC.n = 5\nx = C().n", 5),
        ("class C:\n    def __init__(self, a): self.a = a\n    def f(self): return self.a + 1\nx = C(2).f()", 3),
        ("class C:\n    def __init__(self): self._make()\n    def _make(self): self.a = 3\nx = C().a", 3),
        ("class C:\n    @property\n    def a(self): return 3\nx = C().a", 3),
        ("class C:\n    @staticmethod\n    def f(a): return a\nx = C.f(1), C().f(2)", (1, 2)),
        ("class C:\n    n = 4\n    @classmethod\n    def f(cls, a): return cls.n, a\nx = C().f(2)", (4, 2)),
        ("class C:\n    def __call__(self, a): return a\nx = C()(2)", 2),
        ("class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f() + 1\nx = B().f()", 2),
        (
            (
                "class A:\n    def __init__(self, n): self.n = n\nclass B(A):\n"
                "    def __init__(self): super().__init__(7)\nx = B().n"
            ),
            7,
        ),
        ("class A:\n    def __init__(self, n): self.n = n\nclass B(A): pass\nx = B(3).n", 3),
        ("class A:\n    def f(self): return self.g()\nclass B(A):\n    def g(self): return 2\nx = B().f()", 2),
        (
            (
                "from dataclasses import dataclass\n@dataclass\nclass C:\n"
                "    a: int\n    b: int = 2\nx = C(1).a, C(1).b, C(1, 5).b"
            ),
            (1, 2, 5),
        ),
        ("class C:\n    size = 3\n    area = size * size\nx = C.area", 9),
    ],
)
def test_calls_are_followed(text: str, value: object) -> None:
    assert known(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "def f(a): return a\nx = f(load())",
        "def f(a, b=2): return b\nx = f(1, **load())",
        "def f(a, b=2): return b\nx = f(*load())",
        "def f(n): return f(n + 1)\nx = f(0)",
        "def f(): return g()\ndef g(): return f()\nx = f()",
        "def f():\n    yield from nowhere\nx = list(f())",
        "class C: pass\nx = C().a",
        "from lib import Base\nclass C(Base): pass\nx = C().a",
    ],
)
def test_what_cannot_be_followed_is_unknown(text: str) -> None:
    assert is_unknown(text)


def test_both_returns_of_a_function_go_on() -> None:
    text = "def f(a):\n    if a: return models.resnet18()\n    return models.vgg16()\nm = f(load())\n"
    assert builders(text) == {"resnet18", "vgg16"}


def test_a_function_nobody_calls_is_entered_with_its_default_sizes() -> None:
    text = "def f(n=10, arch='resnet18'):\n    model = models.resnet18(num_classes=n)\n    return model\n"
    (one,) = histories(text)
    assert one.build.arguments == (("num_classes", 10),)


def test_a_function_that_is_called_is_not_entered_again() -> None:
    text = "def f(n):\n    return models.resnet18(num_classes=n)\nf(3)\n"
    assert [one.build.arguments for one in histories(text)] == [(("num_classes", 3),)]


def test_a_script_that_exits_has_come_to_its_end() -> None:
    text = (
        "import sys\ndef main():\n    m = models.resnet18()\n"
        "    return 0\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    assert [one.complete for one in histories(text)] == [True]


def test_methods_of_a_module_see_what_init_made() -> None:
    text = """
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = models.resnet18()
        self.head_width = self.body.fc.in_features
    def swap(self):
        self.body.fc = nn.Linear(self.head_width, 3)
net = Net(4)
net.swap()
"""
    assert any(isinstance(event, SetModule) and event.name == "fc" for one in histories(text) for event in one.events)


def test_parameters_of_an_instance_are_those_of_its_modules() -> None:
    text = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
net = Net()
for p in net.parameters():
    p.requires_grad = False
model = net.body
"""
    assert frozen(text) == 62


ESCAPES = [
    "use(model)",
    "lib.use(model)",
    "from lib import use\nuse(model=model)",
    "from lib import use\nuse([model])",
    "from lib import use\nuse({'m': model})",
    "from lib import use\nuse((1, model))",
    "from lib import use\nuse(*[model])",
    "from lib import Trainer\nTrainer(model).fit()",
    "from lib import use\nclass C:\n    def __init__(self, m): self.m = m\nuse(C(model))",
    "from lib import use\ndef f(m): use(m)\nf(model)",
    "from lib import init\nmodel.apply(init)",
    "setattr(model, load(), nn.Linear(1, 1))",
    "def f(m):\n    m.fc = nn.Identity()\n    yield m\nf(model)",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_what_is_handed_out_of_sight_escapes(text: str) -> None:
    text = f"model = models.resnet18()\n{text}\n"
    assert escapes(text)
    assert any(isinstance(event, Escape) for one in histories(text) for event in one.events)


STAYS = [
    "print(model, len(str(model)))",
    "out = model(load())",
    "model.to('cuda').train()",
    "model.eval()",
    "torch.save(model.state_dict(), 'm.pt')",
    "opt = torch.optim.SGD(model.parameters(), lr=0.1)\nopt.step()",
    "def f(m): return m\nf(model)",
    "nn.init.normal_(model.fc.weight)",
    "from torchsummary import summary\nsummary(model, (3, 224, 224))",
    "from tqdm import tqdm\nfor m in tqdm(model.children()):\n    print(m)",
    "from lib import use\nuse(model.fc.in_features)",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_stays_in_sight_does_not_escape(text: str) -> None:
    assert not escapes(f"model = models.resnet18()\n{text}\n")


def test_escaped_modules_are_read_with_care() -> None:
    text = "model = models.resnet18()\nuse(model)\nx = model.classifier\nif load():\n    x = 3\n"
    assert is_unknown(text)
    assert known_on_paths("model = models.resnet18()\nuse(model)\ny = model.classifier\nx = 4\n") == {4}
