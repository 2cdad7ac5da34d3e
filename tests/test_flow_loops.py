"""Loops: over real parameter names, known sequences, counters, and over what is not known."""

from __future__ import annotations

import pytest
from flow_helpers import ends, flags, frozen, histories, is_unknown, known, known_on_paths, run, tree

FILTERS = [
    ("resnet18", "True", 62),
    ("resnet18", "'bn' in name", 34),
    ("resnet18", "not 'fc' in name", 60),
    ("resnet18", "'layer4' in name", 15),
    ("resnet50", "not name.startswith('fc')", 159),
    ("resnet50", "name.startswith(('layer1', 'fc'))", 32),
    ("resnet50", "name.split('.')[0] in ('layer1', 'fc')", 32),
    ("resnet50", "any(part in name for part in ['layer1', 'fc'])", 32),
    ("vgg16", "name.startswith('features')", 26),
    ("vgg16", "not name.startswith('classifier.6')", 30),
    ("vgg16", "'fc' in name", 0),
    ("efficientnet_b0", "'fc' in name", 64),
    ("efficientnet_b0", "not 'classifier' in name", 211),
    ("mobilenet_v2", "'bn' in name", 0),
    ("mobilenet_v2", "name.endswith('bias')", 53),
    ("mobilenet_v2", "p.dim() > 1", 53),
]


@pytest.mark.parametrize(("builder", "test", "count"), FILTERS)
def test_name_filters_over_real_names(builder: str, test: str, count: int) -> None:
    start = f"model = models.{builder}()\nfor name, p in model.named_parameters():\n    "
    assert frozen(f"{start}if {test}:\n        p.requires_grad = False\n") == count
    assert frozen(f"{start}p.requires_grad = not ({test})\n") == count
    assert frozen(f"{start}if not ({test}): continue\n    p.requires_grad_(False)\n") == count
    # Unfreezing the same ones leaves the rest.
    unfreeze = f"for name, p in model.named_parameters():\n    if {test}:\n        p.requires_grad = True\n"
    text = f"model = models.{builder}()\nmodel.requires_grad_(False)\n{unfreeze}"
    assert frozen(text) == len(flags(text)) - count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("for p in model.parameters():\n    p.requires_grad = False\n", 62),
        ("for p in list(model.parameters())[:10]:\n    p.requires_grad = False\n", 10),
        ("for i, p in enumerate(model.parameters()):\n    if i < 7:\n        p.requires_grad = False\n", 7),
        ("n = 0\nfor p in model.parameters():\n    n += 1\n    if n > 60:\n        p.requires_grad = False\n", 2),
        ("for i, p in enumerate(model.parameters()):\n    if i == 5:\n        break\n    p.requires_grad = False\n", 5),
        (
            (
                "for child in list(model.children())[:2]:\n"
                "    for p in child.parameters():\n        p.requires_grad = False\n"
            ),
            3,
        ),
        (
            (
                "for name, child in model.named_children():\n"
                "    if name in ['conv1', 'bn1']:\n        child.requires_grad_(False)\n"
            ),
            3,
        ),
        ("for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.requires_grad_(False)\n", 40),
        (
            (
                "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n"
                "        m.weight.requires_grad = False\n"
            ),
            20,
        ),
        (
            (
                "for name, m in model.named_modules():\n"
                "    if name.endswith('downsample'):\n        m.requires_grad_(False)\n"
            ),
            9,
        ),
        ("for p in [*model.layer3.parameters(), *model.fc.parameters()]:\n    p.requires_grad = False\n", 17),
        (
            (
                "import itertools\nfor p in itertools.chain(model.conv1.parameters(), model.fc.parameters()):\n"
                "    p.requires_grad = False\n"
            ),
            3,
        ),
        ("for layer in (model.conv1, model.fc):\n    layer.requires_grad_(False)\n", 3),
        (
            (
                "for name in ('conv1', 'fc'):\n    for p in getattr(model, name).parameters():\n"
                "        p.requires_grad = False\n"
            ),
            3,
        ),
        ("[p.requires_grad_(False) for p in model.fc.parameters()]\n", 2),
        ("model.requires_grad_(False)\nmodel.layer4.requires_grad_()\nmodel.fc.requires_grad_(True)\n", 45),
        ("model.fc.weight.requires_grad = False\n", 1),
        ("for p in filter(lambda p: p.requires_grad, model.fc.parameters()):\n    p.requires_grad = False\n", 2),
        ("def freeze(m):\n    for p in m.parameters():\n        p.requires_grad = False\nfreeze(model)\n", 62),
        ("def freeze(m):\n    if isinstance(m, nn.Linear):\n        m.requires_grad_(False)\nmodel.apply(freeze)\n", 2),
        ("for p in model.parameters():\n    setattr(p, 'requires_grad', False)\n", 62),
    ],
)
def test_ways_to_freeze(text: str, count: int) -> None:
    assert frozen("model = models.resnet18()\n" + text) == count


def test_a_flag_that_is_not_known_is_neither() -> None:
    text = "model = models.resnet18()\nfor p in model.parameters():\n    p.requires_grad = load()\n"
    assert set(flags(text).values()) == {None}


def test_a_filter_that_is_not_known_leaves_flags_open() -> None:
    text = (
        "model = models.resnet18()\nwanted = load()\n"
        "for name, p in model.named_parameters():\n    p.requires_grad = name in wanted\n"
    )
    assert set(flags(text).values()) == {None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = ''\nfor c in 'abc':\n    x = c + x\n", "cba"),
        ("x = 0\nfor a, b in [('a', 2), ('b', 5)]:\n    x += b\n", 7),
        ("for x in 'abc':\n    if x == 'b':\n        break\n", "b"),
        ("for c in 'abc':\n    if c == 'd':\n        break\nelse:\n    x = 1\n", 1),
        ("x = 1\nfor c in 'abc':\n    if c == 'b':\n        break\nelse:\n    x = 2\n", 1),
        ("x = 0\nfor c in 'abc':\n    if c == 'b':\n        continue\n    x += 1\n", 2),
        ("x = 1\nfor c in '':\n    x = 2\n", 1),
        ("x = 1\nwhile False:\n    x = 2\n", 1),
        ("x = 0\nfor a in 'ab':\n    for b in 'cde':\n        x += 1\n", 6),
        ("x = ()\nfor k, v in {'a': 1, 'b': 2}.items():\n    x += (k, v)\n", ("a", 1, "b", 2)),
        ("def f():\n    for c in 'abc':\n        if c == 'b':\n            return c\nx = f()\n", "b"),
    ],
)
def test_known_loops_run_as_python_runs_them(text: str, value: object) -> None:
    assert known(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "x = 0\nfor i in load():\n    x += 1\n",
        "x = 64\nwhile load():\n    x //= 2\n",
        "x = 0\nfor i in range(10 ** 9):\n    x += 1\n",
        "x = 'a'\nfor x in load():\n    pass\n",
        "x = 1\nfor line in load():\n    x = parse(line)\n",
    ],
)
def test_what_unknown_rounds_change_is_unknown(text: str) -> None:
    assert is_unknown(text)


def test_what_unknown_rounds_leave_alone_is_kept() -> None:
    assert known("x = 5\nfor i in load():\n    y = i\n") == 5


def test_a_loop_of_training_makes_no_paths() -> None:
    text = """
model = models.resnet18()
best = 0
for epoch in range(100):
    for phase in ("train", "val"):
        if phase == "train":
            model.train()
        else:
            model.eval()
        for x, y in load():
            loss = compute(model(x), y)
            if loss > 3 and epoch > 5:
                continue
        if phase == "val" and load() > best:
            best = load()
"""
    assert len(ends(text)) == 1


def test_a_head_built_in_a_loop() -> None:
    text = """
sizes = [2048, 512, 128]
layers = []
for a, b in zip(sizes, sizes[1:]):
    layers += [nn.Linear(a, b), nn.ReLU()]
layers.append(nn.Linear(sizes[-1], 10))
head = nn.Sequential(*layers)
x = head[0].out_features, head[2].in_features, head[-1].in_features
"""
    assert [kind for _, kind in tree(text, "head")] == ["Sequential", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert known(text) == (512, 512, 128)


def test_a_head_built_by_counting() -> None:
    text = (
        "head = nn.Sequential()\nw = 512\nfor i in range(3):\n"
        "    head.add_module(f'fc{i}', nn.Linear(w, w // 2))\n    w = w // 2\nx = w\n"
    )
    assert [path for path, _ in tree(text, "head")] == ["", "fc0", "fc1", "fc2"]
    assert known(text) == 64


def test_a_loop_over_builders_follows_each() -> None:
    text = (
        "x = 0\nfor name in ['resnet18', 'resnet50']:\n"
        "    model = getattr(models, name)()\n    x += model.fc.in_features\n"
    )
    assert known_on_paths(text) == {2560}


MISSING = """
model = models.resnet50()
missing, _ = model.load_state_dict(torch.load("a.pt"), strict=False)
for name, p in model.named_parameters():
    if name in missing: p.requires_grad = True
    else: p.requires_grad = False
"""


def test_a_test_that_is_not_known_for_any_of_many_items_leaves_all_of_them_open() -> None:
    assert set(flags(MISSING).values()) == {None}
    assert len(histories(MISSING)) == 1


def test_a_while_that_takes_parameters_off_a_list_runs_to_its_end() -> None:
    loop = "params = list(model.parameters())\nwhile len(params) > 4:\n    params.pop(0).requires_grad = False\n"
    assert frozen(f"model = models.resnet152()\n{loop}") == 463


def test_what_the_first_look_at_a_loop_did_not_know_is_forgotten() -> None:
    interpreter, _ = run(
        "model = models.resnet18()\nparams = list(model.parameters())\nwhile len(params) > 4:\n"
        "    params.pop(0).requires_grad = False\n"
    )
    assert interpreter.may_be_right == set()
