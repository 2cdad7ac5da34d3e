"""Conditions: remembered, refined and correlated; early ends; what is chosen late."""

from __future__ import annotations

import pytest
from flow_helpers import builders, end, ends, is_unknown, known, known_on_paths

from headlint.history import Build, MakeLayer, SetModule

# RIGHT is reached in some run of Python, WRONG in none.
CORRELATED = [
    "if a:\n    if a: RIGHT\n    else: WRONG\n",
    "if a == 'r':\n    if a == 'r': RIGHT\n    if a != 'r': WRONG\n",
    "if a == 'r':\n    if a == 's': WRONG\nelse: RIGHT\n",
    "if a in ('r', 's'):\n    if a == 't': WRONG\n    else: RIGHT\n",
    "if a not in ('r', 's'):\n    if a == 'r' or a == 's': WRONG\n    else: RIGHT\n",
    "if a.startswith('res'):\n    if a == 'vgg16': WRONG\n    if a == 'resnet18': RIGHT\n",
    "if a.startswith('res'):\n    if not a.startswith('res'): WRONG\nelif a == 'resnet18': WRONG\nelse: RIGHT\n",
    "if 'net' in a:\n    if a == 'vgg': WRONG\nelif a == 'resnet': WRONG\nelif a == 'vgg': RIGHT\n",
    "if a == 'vgg16':\n    if a.startswith('vgg') and '16' in a: RIGHT\n    else: WRONG\n",
    "if not a:\n    if a: WRONG\n    else: RIGHT\n",
    "if a is None:\n    if a: WRONG\n    if a is not None: WRONG\n    RIGHT\n",
    "if a is None:\n    b = 1\nelse:\n    b = 2\nif a is None:\n    if b == 2: WRONG\n    else: RIGHT\n",
    "if a and b:\n    if not a or not b: WRONG\n    else: RIGHT\n",
    "if a or b:\n    if not a and not b: WRONG\n    else: RIGHT\n",
    "if a > 3:\n    if a <= 3 or not 3 < a: WRONG\n    else: RIGHT\nelif 3 < a: WRONG\n",
    "if 'r' == a:\n    if a != 'r': WRONG\nelif a == 'r': WRONG\nelse: RIGHT\n",
    "if a.lower() == 'r':\n    if a.lower() == 's': WRONG\n    else: RIGHT\n",
    "if a.kind == 1:\n    if a.kind != 1: WRONG\n    else: RIGHT\n",
    "if a['kind'] == 1:\n    if a['kind'] == 2: WRONG\n    else: RIGHT\n",
    "c = a == 'r'\nif c:\n    if a == 's': WRONG\n    else: RIGHT\n",
    "if a == 'r': k = 1\nelif a == 's': k = 2\nelse: k = 3\nif a == 's':\n    if k == 2: RIGHT\n    else: WRONG\n",
    "assert a in ('r', 's')\nif a == 'r': RIGHT\nelif a == 's': RIGHT\nelse: WRONG\n",
    "if a not in ('r', 's'):\n    raise ValueError\nif a == 't': WRONG\nelse: RIGHT\n",
    "def f(v):\n    if v == 'r': return 1\n    return 2\nif a == 'r':\n    if f(a) == 2: WRONG\n    else: RIGHT\n",
    "def f(v):\n    if v == 'r': raise E\n    return 2\nf(a)\nif a == 'r': WRONG\nelse: RIGHT\n",
    "import sys\nif a: sys.exit()\nif a: WRONG\nelse: RIGHT\n",
    (
        "match a:\n    case 'r':\n        if a == 's': WRONG\n        else: RIGHT\n"
        "    case 's' | 't':\n        if a == 'r': WRONG\n"
        "    case _:\n        if a == 't': WRONG\n"
    ),
    "while a:\n    if a: RIGHT\n    else: WRONG\n    break\n",
    "if a > 3: RIGHT\nelse:\n    if a > 3: WRONG\n",
    "if True: RIGHT\nelse: WRONG\n",
    "if __name__ == '__main__': RIGHT\nelse: WRONG\n",
    "if a and not a: WRONG\nelse: RIGHT\n",
    "if a == 'r' and a == 's': WRONG\nelse: RIGHT\n",
    "if a in ('r', 's') and a == 't': WRONG\nelse: RIGHT\n",
    "if a == 'r':\n    a = 's'\n    if a == 'r': WRONG\n    else: RIGHT\n",
    "if args.a is None:\n    args.a = 5\n    if args.a is None: WRONG\n    elif args.a == 5: RIGHT\n    else: WRONG\n",
]


@pytest.mark.parametrize("text", CORRELATED)
def test_conditions_that_belong_together_stay_together(text: str) -> None:
    marked = text.replace("RIGHT", "models.resnet18()").replace("WRONG", "models.alexnet()")
    assert builders(f"a, b, args = load(), load(), load()\n{marked}") == {"resnet18"}


def test_a_test_for_a_constant_pins_it() -> None:
    text = "a = load()\nif a == 'resnet50':\n    m = getattr(models, a)()\n"
    assert builders(text) == {"resnet50"}


def test_a_chain_over_the_name_of_a_model_gives_each_its_own_head() -> None:
    text = """
def make(arch, n):
    if arch == "resnet18":
        model = models.resnet18()
        width = model.fc.in_features
    elif arch == "vgg16":
        model = getattr(models, arch)()
        width = model.classifier[6].in_features
    elif arch.startswith("densenet"):
        model = models.densenet121()
        width = model.classifier.in_features
    else:
        raise ValueError(arch)
    if arch == "resnet18":
        model.fc = nn.Linear(width, n)
    elif arch in ("vgg16", "alexnet"):
        model.classifier[6] = nn.Linear(width, n)
    else:
        model.classifier = nn.Linear(width, n)
    return model
make(load(), 10)
"""
    states = ends(text)
    seen = set()
    for state in states:
        build, layer, put = state.trace
        assert isinstance(build, Build)
        assert isinstance(layer, MakeLayer)
        assert isinstance(put, SetModule)
        seen.add((build.builder, layer.arguments[0][1], put.name))
    assert seen == {
        ("resnet18", 512, "fc"),
        ("vgg16", 4096, "6"),
        ("densenet121", 1024, "classifier"),
    }


def test_a_path_that_raises_or_returns_goes_no_further() -> None:
    text = """
def width(deep):
    if deep is None:
        raise ValueError
    if deep:
        return models.resnet50()
    return models.resnet18()
deep = load()
model = width(deep)
x = model.fc.in_features, deep is None
"""
    assert known_on_paths(text) == {(2048, False), (512, False)}


@pytest.mark.parametrize(
    "choice", ["width = 2048 if a > 1 else 512\n", "if a > 1:\n    width = 2048\nelse:\n    width = 512\n"]
)
def test_two_constants_are_chosen_only_when_asked(choice: str) -> None:
    assert len(ends("a = load()\n" + choice)) == 1
    models_by_depth = "model = models.resnet50() if a > 1 else models.resnet18()\n"
    text = f"a = load()\n{choice}{models_by_depth}x = model.fc.in_features, width\n"
    assert known_on_paths(text) == {(2048, 2048), (512, 512)}


def test_sides_that_do_the_same_to_every_model_become_one() -> None:
    lines = "".join(f"if load():\n    a{i} = 1\nelse:\n    a{i} = 2\n" for i in range(30))
    assert len(ends(lines)) == 1


def test_both_sides_of_an_unknown_condition_are_kept() -> None:
    put = "    model.fc = nn.Linear(512, {})\n"
    text = f"model = models.resnet18()\nif load():\n{put.format(10)}else:\n{put.format(5)}"
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


# Reads of what is there: a model's own layers, and what an object of the file holds.
IN_A_TRY = """
class Maker:
    def __init__(self, count, more): self.count = count; self.more = more
    def make(self):
        m = models.resnet18()
        try:
            pass
            width = m.fc.in_features
            m.fc = nn.Linear(width, self.{name})
            x = 1
        except AttributeError:
            m.fc = nn.Linear(512, 5)
            x = 2
        return x
x = Maker(5, unknown.size).make()
"""


def test_a_handler_for_what_is_missing_is_not_entered_where_all_is_there() -> None:
    assert known(IN_A_TRY.format(name="count")) == 1
    of_a_dict = IN_A_TRY.replace("self.{name}", "CONFIG['classes']")
    assert known("CONFIG = {'classes': 5}\n" + of_a_dict) == 1
    assert known_on_paths(of_a_dict.replace("'classes'", "args.key")) != {1}
    assert known_on_paths(of_a_dict.replace("AttributeError", "(AttributeError, KeyError)")) != {1}
    assert known_on_paths(IN_A_TRY.format(name="absent")) != {1}


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
    text = (
        "model = models.resnet18()\nx = hasattr(model, 'fc'), hasattr(model, 'classifier'), hasattr(model, 'forward')\n"
    )
    assert known(text) == (True, False, True)


def test_isinstance_decides_over_modules() -> None:
    text = """
model = models.vgg16()
x = (
    isinstance(model.classifier, nn.Sequential), isinstance(model.classifier[6], nn.Linear),
    isinstance(model.classifier[5], nn.Linear), isinstance(model, nn.Module),
    isinstance(model, (nn.Linear, models.VGG)),
)
"""
    assert known(text) == (True, True, False, True, True)


def test_conditions_are_told_with_their_text() -> None:
    state = end("args = load()\nassert args.arch == 'vgg16'\n")
    assert [(symbol.text, truth) for symbol, truth in state.conditions] == [("args.arch == 'vgg16'", True)]


@pytest.mark.parametrize(
    ("asserted", "told"),
    [("a == 1", ("a == 1", True)), ("a != 1", ("a == 1", False)), ("a <= 3", ("a > 3", False))],
)
def test_what_is_the_opposite_of_a_test_is_told_as_that(asserted: str, told: tuple[str, bool]) -> None:
    state = end(f"a = load()\nassert {asserted}\n")
    assert [(symbol.text, truth) for symbol, truth in state.conditions] == [told]
