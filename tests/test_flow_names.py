"""Names: imports under any alias, unpacking, scopes, constants and sizes that the code does not give."""

from __future__ import annotations

import libcst as cst
import pytest
from flow_helpers import builders, end, is_unknown, known, sizes, values

from headlint.flow.value import Symbol

ALIASES = {
    "package": "import torchvision\nm = torchvision.models.resnet18()\n",
    "module": "import torchvision.models\nm = torchvision.models.resnet18()\n",
    "alias": "import torchvision.models as tvm\nm = tvm.resnet18()\n",
    "package alias": "import torchvision as tv\nm = tv.models.resnet18()\n",
    "from": "from torchvision.models import resnet18\nm = resnet18()\n",
    "from alias": "from torchvision.models import resnet18 as backbone\nm = backbone()\n",
    "submodule": "from torchvision.models import resnet\nm = resnet.resnet18()\n",
    "deep": "from torchvision.models.resnet import resnet18\nm = resnet18()\n",
    "star": "from torchvision.models import *\nm = resnet18()\n",
    "star of the package": "from torchvision import *\nm = models.resnet18()\n",
    "in a function": "def f():\n    from torchvision.models import resnet18 as r\n    return r()\nm = f()\n",
    "assigned": "make = models.resnet18\nm = make()\n",
    "several": "import os, torchvision.models as a, sys\nm = a.resnet18()\n",
    "in parentheses": "from torchvision.models import (\n    vgg16,\n    resnet18 as r,\n)\nm = r()\n",
    "guarded": "try:\n    from torchvision.models import resnet18\nexcept ImportError:\n    raise\nm = resnet18()\n",
    "getattr": 'm = getattr(models, "resnet18")()\n',
    "getattr of a name": 'name = "resnet" + str(18)\nm = getattr(models, name)()\n',
    "__dict__": 'm = models.__dict__["resnet18"](pretrained=True)\n',
    "get_model": 'm = models.get_model("resnet18", weights="DEFAULT")\n',
    "get_model by keyword": 'm = models.get_model(name="ResNet18")\n',
    "hub": 'm = torch.hub.load("pytorch/vision:v0.10.0", "resnet18", pretrained=True)\n',
    "hub by keyword": 'm = torch.hub.load(repo_or_dir="pytorch/vision", model="resnet18")\n',
    "partial": "from functools import partial\nmake = partial(models.resnet18, weights=None)\nm = make()\n",
    "dict of builders": 'BUILD = {"a": models.vgg16, "b": models.resnet18}\nm = BUILD["b"]()\n',
    "f-string": 'depth = 18\nm = getattr(models, f"resnet{depth}")()\n',
    "lambda": "make = lambda **options: models.resnet18(**options)\nm = make(weights=None)\n",
}
if hasattr(cst, "LazyImport"):
    # Of Python 3.15.
    ALIASES |= {
        "lazy": "lazy import torchvision.models as tvm\nm = tvm.resnet18()\n",
        "lazy from": "lazy from torchvision.models import resnet18\nm = resnet18()\n",
    }


@pytest.mark.parametrize("text", ALIASES.values(), ids=ALIASES.keys())
def test_every_way_to_name_a_builder(text: str) -> None:
    assert builders(text) == {"resnet18"}


@pytest.mark.parametrize(
    "text",
    [
        "from models import resnet18\nm = resnet18()\n",
        "from timm.models import *\nm = resnet18()\n",
        "from .models import resnet18\nm = resnet18()\n",
        "def resnet18(): return object()\nm = resnet18()\n",
        "class models:\n    resnet18 = dict\nm = models.resnet18()\n",
        "models = load()\nm = models.resnet18()\n",
        'm = torch.hub.load("someone/else", "resnet18")\n',
        "m = models.resnet17()\n",
    ],
)
def test_other_things_of_that_name_are_no_builders(text: str) -> None:
    assert builders(text) == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x, y = 1, 2", 1),
        ("(a, x), b = (1, 2), 3", 2),
        ("[a, x] = [1, 2]", 2),
        ("a, *b, x = 1, 2, 3, 4", 4),
        ("a, *x, b = 1, 2, 3, 4\nx = tuple(x)", (2, 3)),
        ("a = x = 5", 5),
        ("x = y = 1\ny = 2", 1),
        ("a, b = 1, 2\na, b = b, a\nx = (a, b)", (2, 1)),
        ("x: int = 4", 4),
        ("x = 4\nx += 3\nx *= 2", 14),
        ("x = 7 // 2 + 2 ** 3 - 5 % 3", 9),
        ("x = -(-3)", 3),
        ("x = 1 < 2 <= 2", True),
        ("x = 'res' 'net'", "resnet"),
        ("x = 'net'.upper() + f'-{3}'", "NET-3"),
        ("x = '%s%d' % ('resnet', 18)", "resnet18"),
        ("x = '{}-{}'.format('a', 1)", "a-1"),
        ("x = ','.join(['a', 'b'])", "a,b"),
        ("x = 'a,b'.split(',')[1]", "b"),
        ("x = len([1, 2, 3]) + len('ab') + len({'a': 1})", 6),
        ("x = max(1, 5, 3), min([4, 2])", (5, 2)),
        ("x = sum([1, 2, 3])", 6),
        ("x = int('12') + int(3.7)", 15),
        ("x = [1, 2, 3][-1]", 3),
        ("x = (1, 2, 3, 4)[1:3]", (2, 3)),
        ("x = tuple([1, 2, 3, 4][::-1])", (4, 3, 2, 1)),
        ("x = tuple([1] + [2, 3])", (1, 2, 3)),
        ("a = [1]\na.append(2)\na.extend((3, 4))\na.insert(0, 0)\nx = tuple(a)", (0, 1, 2, 3, 4)),
        ("a = [1, 2]\nx = a.pop(), len(a)", (2, 1)),
        ("a = b = [1]\nb += [2]\nx = len(a)", 2),
        ("a = [1, 2]\na[0] = 5\nx = a[0]", 5),
        ("d = {'a': 1}\nd['b'] = 2\nx = d['b'], d.get('a'), d.get('c', 9)", (2, 1, 9)),
        ("d = {'a': 1, **{'b': 2}}\nx = tuple(d.values())", (1, 2)),
        ("d = dict(a=1)\nd.update(a=2)\nx = d['a']", 2),
        ("x = (lambda a, b=2: a + b)(1)", 3),
        ("if (n := 5) > 3:\n    x = n", 5),
        ("x = 1 if 'fc' in 'fc.weight' else 2", 1),
        ("x = None is None, 1 is not None", (True, True)),
        ("x = isinstance(3, int), isinstance('a', (int, list))", (True, False)),
        ("x = not [], not (1,), bool({})", (True, False, False)),
        ("x = 0 or 'a', 1 and 'b'", ("a", "b")),
        ("x = any([0, 1]), all([1, 0])", (True, False)),
        ("x = next(iter([4, 5]))", 4),
        ("x = tuple(reversed((1, 2)))", (2, 1)),
        ("x = tuple(enumerate('ab', start=1))", ((1, "a"), (2, "b"))),
        ("x = tuple(zip((1, 2), 'ab'))", ((1, "a"), (2, "b"))),
        ("x = tuple(map(lambda a: a + 1, [1, 2]))", (2, 3)),
        ("x = tuple(filter(lambda a: a > 1, [1, 2, 3]))", (2, 3)),
    ],
)
def test_plain_python_is_computed(text: str, value: object) -> None:
    assert known(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "x = load()",
        "x, y = load()",
        "x = 1 / 0",
        "x = [1][3]",
        "x = 'a' + 1",
        "x = 2 ** 5000",
        "x = [1, *load()][1]",
        "x = {'a': 1, **load()}['a']",
        "a = [1]\nuse(a)\nx = a[0]",
        "x = int('many')",
        "x = not_defined",
        "import numpy as np\nx = np.prod((1, 2))",
    ],
)
def test_what_cannot_be_known_is_not_guessed(text: str) -> None:
    assert is_unknown(text)


SAME = [
    "a = n // 2\nb = n // 2",
    "a = len(names)\nb = len(names)",
    "a = args.hidden\nb = args.hidden",
    "a = args.hidden * 2 + 1\nb = args.hidden * 2 + 1",
    "m = n\na = m\nb = n",
    "a = args['hidden']\nb = args['hidden']",
    "a, = (n,)\nb = n",
    "a = name.lower()\nb = name.lower()",
]


@pytest.mark.parametrize("text", SAME)
def test_equal_expressions_are_the_same_symbol(text: str) -> None:
    start = "n, names, args, name = load(), load(), load(), load()\n"
    names = end(start + text).frames[0]
    first, second = names["a"], names["b"]
    assert isinstance(first, Symbol)
    assert first == second


DIFFERENT = [
    "a = n // 2\nb = n // 3",
    "a = load()\nb = load()",
    "a = args.hidden\nb = args.width",
    "a = n + 1\nb = n - 1",
    "a = n\nb = m",
    "a = args.hidden\nargs = load()\nb = args.hidden",
]


@pytest.mark.parametrize("text", DIFFERENT)
def test_other_expressions_are_other_symbols(text: str) -> None:
    start = "n, m, args = load(), load(), load()\n"
    names = end(start + text).frames[0]
    first, second = names["a"], names["b"]
    assert isinstance(first, Symbol)
    assert first != second


def test_an_attribute_that_is_written_is_read_again() -> None:
    assert known("args = load()\nargs.hidden = 5\nx = args.hidden") == 5
    assert known("args = load()\nsetattr(args, 'hidden', 6)\nx = args.hidden") == 6


def test_symbols_become_sizes_with_their_text() -> None:
    text = "args = load()\nhead = nn.Linear(args.hidden // 2, len(args.names))\n"
    assert sizes(text) == [("args.hidden // 2", "len(args.names)")]


def test_deleted_names_are_gone() -> None:
    assert "x" not in end("x = 1\ndel x").frames[0]


def test_comprehensions_keep_their_names_to_themselves() -> None:
    assert known("i = 7\ny = [i for i in range(3)]\nx = i") == 7
    assert "k" not in end("y = {k: 1 for k in 'ab'}").frames[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = tuple([i * i for i in range(4) if i % 2])", (1, 9)),
        ("x = tuple([a + b for a in 'ab' for b in 'cd'])", ("ac", "ad", "bc", "bd")),
        ("d = {k: len(k) for k in ('a', 'bb')}\nx = d['bb']", 2),
        ("x = sum(i for i in range(5))", 10),
        ("x = any('fc' in name for name in ('conv1', 'fc'))", True),
    ],
)
def test_comprehensions(text: str, value: object) -> None:
    assert known(text) == value


def test_a_comprehension_over_something_unknown_is_unknown() -> None:
    assert is_unknown("x = [i for i in load()][0]")
    assert values("y = [i for i in load()]\nx = len(y)", "x") != values("x = 0", "x")


@pytest.mark.parametrize("word", ["global", "nonlocal"])
def test_what_belongs_to_another_frame_does_so_on_every_path(word: str) -> None:
    inner = f"""
def outer():
    m = None
    def inner():
        try:
            {word} m
            m = models.resnet18()
        except OSError as error:
            m = models.resnet34()
        n = 1
        return n
    inner()
    return m
"""
    text = f"m = None{inner}kept = outer()\n" if word == "nonlocal" else f"m = None{inner}outer()\nkept = m\n"
    assert set(builders(text)) == {"resnet18", "resnet34"}
