"""Conditions: remembered, refined and correlated; early ends; what is chosen late."""

from __future__ import annotations

import pytest
from flow_helpers import builders, end, ends, is_unknown, known, known_on_paths, sizes

CORRELATED = [
    # The same test twice decides the same way.
    "if a:\n    x, y = 1, 1\nelse:\n    x, y = 2, 2\nz = 1 if a else 2\nx = x == z\n",
    "if a == 'r':\n    y = 1\nelse:\n    y = 2\nif a == 'r':\n    x = y == 1\nelse:\n    x = y == 2\n",
    "if a == 'r':\n    x = a == 'r'\nelse:\n    x = a != 'r'\n",
    "if a in ('r', 's'):\n    x = a != 't'\nelse:\n    x = a != 'r' and a != 's'\n",
    "if a.startswith('res'):\n    x = a != 'vgg16'\nelse:\n    x = a != 'resnet18'\n",
    "if a.startswith('res'):\n    x = a.startswith('res')\nelse:\n    x = not a.startswith('res')\n",
    "if 'net' in a:\n    x = a != 'vgg'\nelse:\n    x = a != 'resnet'\n",
    "if not a:\n    x = not a\nelse:\n    x = bool(a)\n",
    "if a is None:\n    x = a is None\nelse:\n    x = a is not None\n",
    "if a is None:\n    x = not a\nelse:\n    x = True\n",
    "if a and b:\n    x = bool(a) and bool(b)\nelse:\n    x = not (a and b)\n",
    "if a or b:\n    x = bool(a or b)\nelse:\n    x = not a and not b\n",
    "if a.lower() == 'r':\n    x = a.lower() == 'r'\nelse:\n    x = a.lower() != 'r'\n",
    "if a.kind == 1:\n    x = a.kind == 1\nelse:\n    x = a.kind != 1\n",
    "c = a == 'r'\nif c:\n    x = a == 'r'\nelse:\n    x = a != 'r'\n",
    "if a == 'r':\n    k = 1\nelif a == 's':\n    k = 2\nelse:\n    k = 3\n"
    "if a == 's':\n    x = k == 2\nelif a == 'r':\n    x = k == 1\nelse:\n    x = k == 3\n",
    "assert a in ('r', 's')\nif a == 'r':\n    x = True\nelse:\n    x = a == 's'\n",
    "if a not in ('r', 's'):\n    raise ValueError\nif a != 'r':\n    x = a == 's'\nelse:\n    x = True\n",
    "def f(v):\n    return 1 if v == 'r' else 2\nx = f(a) == f(a)\n",
    "n = 1 if a else 2\nm = 1 if a else 2\nx = n == m\n",
    "match a:\n    case 'r':\n        x = a == 'r'\n    case 's' | 't':\n        x = a in ('s', 't')\n"
    "    case _:\n        x = a not in ('r', 's', 't')\n",
    "x = {'r': 1, 's': 2}[a] == (1 if a == 'r' else 2)\n",
    "while a:\n    x = bool(a)\n    break\nelse:\n    x = not a\n",
    "if a == 1 == b:\n    x = b == 1 and a == 1\nelse:\n    x = True\n",
]


@pytest.mark.parametrize("text", CORRELATED)
def test_conditions_that_belong_together_stay_together(text: str) -> None:
    assert known_on_paths(f"a, b = load(), load()\n{text}x = bool(x)\n") == {True}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("if a:\n    x = 1\nelse:\n    x = 2\nif x == 1:\n    x = 3\n", {2, 3}),
        ("if a:\n    x = 1\nelif b:\n    x = 2\nelse:\n    x = 3\nif x: pass\n", {1, 2, 3}),
        ("if a == 'r':\n    x = 1\nif a == 's':\n    x = 2\nif a not in ('r', 's'):\n    x = 3\nif x: pass\n", {1, 2, 3}),
        ("if a > 3:\n    x = 1\nelse:\n    raise ValueError\n", {1}),
        ("x = 1\nif a:\n    import sys\n    sys.exit()\n    x = 2\n", {1}),
        ("if True:\n    x = 1\nelse:\n    x = 2\n", {1}),
        ("if __name__ == '__main__':\n    x = 1\n", {1}),
        ("x = 1\nif a and not a:\n    x = 2\n", {1}),
        ("x = 1\nif a == 'r' and a == 's':\n    x = 2\n", {1}),
        ("x = 1\nif a is None and a:\n    x = 2\n", {1}),
        ("x = 1\nif a in ('r', 's') and a == 't':\n    x = 2\n", {1}),
        ("x = 1\nif a == 'resnet18' and a.startswith('vgg'):\n    x = 2\n", {1}),
    ],
)
def test_what_is_left_on_the_paths(text: str, found: set[object]) -> None:
    # Asking for the name makes a choice that was put off.
    settled = "x = {1: 1, 2: 2, 3: 3}[x]\n"
    assert known_on_paths(f"a, b = load(), load()\n{text}{settled}") == found


def test_a_test_for_a_constant_pins_it() -> None:
    text = "a = load()\nif a == 'resnet50':\n    m = getattr(models, a)()\n"
    assert builders(text) == {"resnet50"}


def test_a_chain_over_the_name_of_a_model_gives_each_its_own_head() -> None:
    text = """
def make(arch, n):
    if arch == "resnet18":
        model = models.resnet18()
        width = model.fc.in_features
    elif arch in ("vgg16", "alexnet"):
        model = getattr(models, arch)()
        width = model.classifier[6].in_features
    elif arch.startswith("densenet"):
        model = models.densenet121()
        width = model.classifier.in_features
    else:
        raise ValueError(arch)
    if arch == "resnet18":
        model.fc = nn.Linear(width, n)
    elif arch == "vgg16" or arch == "alexnet":
        model.classifier[6] = nn.Linear(width, n)
    else:
        model.classifier = nn.Linear(width, n)
    return model
make(load(), 10)
"""
    states = ends(text)
    seen = set()
    for state in states:
        build, layer = state.trace[0], state.trace[1]
        seen.add((build.builder, layer.arguments[0][1], state.trace[2].name))  # type: ignore[union-attr]
    assert seen == {
        ("resnet18", 512, "fc"),
        ("vgg16", 4096, "6"),
        ("alexnet", 4096, "6"),
        ("densenet121", 1024, "classifier"),
    }


def test_a_path_that_raises_or_returns_goes_no_further() -> None:
    text = """
def width(deep):
    if deep is None:
        raise ValueError
    if deep:
        return 2048
    return 512
deep = load()
x = width(deep)
x = (x, bool(deep), deep is None)
"""
    assert known_on_paths(text) == {(2048, True, False), (512, False, False)}


def test_two_constants_are_chosen_only_when_asked() -> None:
    text = "a = load()\nn = 512 if a else 2048\n"
    assert len(ends(text)) == 1
    assert known_on_paths(text + "if n == 512:\n    x = bool(a)\nelse:\n    x = not a\n") == {True}


def test_a_chosen_width_goes_with_its_model() -> None:
    for choice in ("width = 2048 if a else 512\n", "if a:\n    width = 2048\nelse:\n    width = 512\n"):
        text = f"a = load()\n{choice}model = models.resnet50() if a else models.resnet18()\nx = model.fc.in_features == width\n"
        assert known_on_paths(text) == {True}


def test_sides_that_do_the_same_to_every_model_become_one() -> None:
    lines = "".join(f"if load():\n    a{i} = 1\nelse:\n    a{i} = 2\n" for i in range(30))
    assert len(ends(lines)) == 1


def test_both_sides_of_an_unknown_condition_are_kept() -> None:
    text = "model = models.resnet18()\nif load():\n    model.fc = nn.Linear(512, 10)\nelse:\n    model.fc = nn.Linear(512, 5)\n"
    assert len(ends(text)) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("match 'b':\n    case 'a':\n        x = 1\n    case 'b':\n        x = 2\n    case _:\n        x = 3\n", 2),
        ("match 5:\n    case 1 | 5:\n        x = 1\n    case _:\n        x = 2\n", 1),
        ("match None:\n    case None:\n        x = 1\n    case _:\n        x = 2\n", 1),
        ("match 5:\n    case n if n > 7:\n        x = 1\n    case n:\n        x = n\n", 5),
    ],
)
def test_match(text: str, value: object) -> None:
    assert known(text) == value


def test_dict_dispatch_follows_every_key() -> None:
    text = "BUILD = {'a': models.resnet18, 'b': models.vgg16}\nm = BUILD[load()]()\n"
    assert builders(text) == {"resnet18", "vgg16"}


def test_try_may_end_in_its_handler() -> None:
    text = "try:\n    risky()\n    x = 1\nexcept ValueError:\n    x = 2\n"
    assert known_on_paths(text) == {1, 2}


def test_else_and_finally() -> None:
    assert known_on_paths("try:\n    pass\nexcept E:\n    raise\nelse:\n    x = 1\n") == {1}
    assert known("try:\n    x = 1\nfinally:\n    y = 2\nx = x + y\n") == 3
    text = "def f():\n    global y\n    try:\n        return 1\n    finally:\n        y = 5\nr = f()\nx = r, y\n"
    assert known(text) == (1, 5)


def test_a_handler_forgets_what_the_block_may_have_done() -> None:
    text = "x = 1\ntry:\n    x = 2\n    risky()\n    raise E\nexcept E:\n    pass\n"
    assert is_unknown(text)


def test_with_runs_its_block() -> None:
    assert known("with torch.no_grad():\n    x = 1\n") == 1
    assert is_unknown("with open('f') as x:\n    pass\n")


def test_reading_what_a_model_lacks_ends_the_path() -> None:
    text = "model = models.resnet18()\nif load():\n    model.classifier\nx = 1\n"
    (state,) = ends(text)
    assert [truth for _, truth in state.conditions] == [False]


def test_hasattr_decides() -> None:
    text = "model = models.resnet18()\nx = hasattr(model, 'fc'), hasattr(model, 'classifier'), hasattr(model, 'forward')\n"
    assert known(text) == (True, False, True)


def test_isinstance_decides_over_modules() -> None:
    text = """
model = models.vgg16()
x = (
    isinstance(model.classifier, nn.Sequential), isinstance(model.classifier[6], nn.Linear),
    isinstance(model.classifier[5], nn.Linear), isinstance(model, nn.Module), isinstance(model, (nn.Linear, models.VGG)),
)
"""
    assert known(text) == (True, True, False, True, True)


def test_conditions_are_told_with_their_text() -> None:
    state = end("args = load()\nassert args.arch == 'vgg16'\n")
    assert [(symbol.text, truth) for symbol, truth in state.conditions] == [("args.arch == 'vgg16'", True)]


def test_settled_choices_are_sizes() -> None:
    text = "a = load()\nn = 3 if a else 5\nif n == 3:\n    layer = nn.Linear(4, n)\nelse:\n    raise E\n"
    assert sizes(text) == [(4, 3)]
