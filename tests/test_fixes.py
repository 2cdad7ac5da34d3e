"""Fixes of whole programs: they parse, are clean of what was fixed, keep every other byte and are done in one pass."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import needs_torch
from expectations import expected

from headlint.lint import Linter, Settings
from headlint.rewrite import Fixed, fix_text

FIXTURES = Path(__file__).parent.parent / "fixtures"
# Their models take seconds for every replay.
SLOW = {"auxiliary_heads_gone.py", "class_counts_torchvision_allows.py"}
PROGRAMS = [
    path for path in sorted([*FIXTURES.glob("twins/*.py"), *FIXTURES.glob("quiz/*.py")]) if path.name not in SLOW
]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def confirming(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    with Linter(Settings(cache_directory=str(tmp_path_factory.mktemp("cache")))) as linter:
        yield linter


@pytest.fixture(scope="module")
def reading() -> Iterator[Linter]:
    """Without a worker: nothing is safe, and nothing takes long."""
    with Linter(Settings(confirm="off")) as linter:
        yield linter


def fixed(linter: Linter, text: str, *, unsafe: bool = True) -> Fixed:
    return fix_text(linter, text, "program.py", unsafe=unsafe)


def unfixed(linter: Linter, text: str) -> set[str]:
    """The codes of what is found and has no fix."""
    return {finding.code for finding in linter.lint_unguarded(text, "p.py", fixes=True).findings if not finding.fix}


@needs_torch
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_all_fixes_of_a_program(program: Path, confirming: Linter) -> None:
    text = read(program)
    done = fixed(confirming, text)
    ast.parse(done.text)
    assert len(done.fixed) + len(done.remaining) <= len(expected(text))
    again = fixed(confirming, done.text)
    assert (again.text, again.fixed) == (done.text, ())
    assert (done.text != text) == bool(done.fixed)
    # All lines of the old text are in the new one, but for those that a fix is about.
    kept = set(done.text.splitlines())
    changed = [line for line in text.splitlines() if line not in kept]
    assert len(changed) <= 2 * len(done.fixed)


def with_tabs(text: str) -> str:
    return re.sub(r"(?m)^(?: {4})+", lambda indent: "\t" * (len(indent[0]) // 4), text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r"),
    "tabs": with_tabs,
    "form feeds": lambda text: text.replace("\n\n\n", "\n\n\f\n"),
    "no end": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("name", ["children_unpacked", "freeze_all_but_the_head", "optimizer_order", "sizes_and_flags"])
def test_a_fix_does_the_same_however_lines_are_written(name: str, reading: Linter) -> None:
    text = read(FIXTURES / "twins" / f"{name}.py")
    done = fixed(reading, text)
    assert done.fixed
    for spelling, write in SPELLINGS.items():
        assert fixed(reading, write(text)).text == write(done.text), spelling


OPTIMIZER = """\
import torch
from torch import nn, optim
from torchvision import models

model = models.resnet18(weights="DEFAULT")
lr = 0.1
# all of it trains
optimizer = optim.SGD(
    model.parameters(),  # the head too
    lr=lr,
)
{between}
model.fc = nn.Linear(512, 10)
loss = nn.functional.cross_entropy(model(torch.randn(2, 3, 64, 64)), torch.tensor([0, 1]))
loss.backward()
optimizer.step()
"""


@pytest.mark.parametrize(
    ("between", "moved"),
    [
        ("", ["optimizer"]),
        ("print(model)", ["optimizer"]),
        ("scheduler = optim.lr_scheduler.StepLR(optimizer, 3)", ["optimizer", "scheduler"]),
        ("model = model.train()", ["optimizer"]),
    ],
)
def test_an_optimizer_moves_with_its_comments_and_what_depends_on_it(
    between: str, moved: list[str], reading: Linter
) -> None:
    done = fixed(reading, OPTIMIZER.format(between=between))
    head = done.text.index("model.fc =")
    assert done.text.index("# all of it trains\noptimizer = optim.SGD(\n    model.parameters(),  # the head too") > head
    assert [name for name in moved if done.text.index(f"{name} = ") < head] == []
    assert [finding.code for finding in done.fixed] == ["HL305"]


@pytest.mark.parametrize("between", ["lr = 0.01", "for group in optimizer.param_groups:\n    print(group)"])
def test_where_the_optimizer_cannot_move_the_head_does(between: str, reading: Linter) -> None:
    text = OPTIMIZER.format(between=between)
    done = fixed(reading, text)
    assert done.text.index("model.fc =") < done.text.index("# all of it trains")
    assert sorted(done.text.splitlines()) == sorted(text.splitlines())


def test_what_needs_both_stays_as_it_is(reading: Linter) -> None:
    text = OPTIMIZER.format(between="model.fc = optimizer.head = nn.Linear(model.fc.in_features, 3)")
    head = "classes = len(optimizer.param_groups)\nlr = 1\nmodel.fc = nn.Linear(512, classes)"
    blocked = OPTIMIZER.format(between="").replace("model.fc = nn.Linear(512, 10)", head)
    assert fixed(reading, blocked).text == blocked
    assert fixed(reading, text).text.count("optimizer = ") == 1


FROZEN = """\
from torch import nn, optim
from torchvision import models


def build(freeze=True):
    model = models.resnet18(weights="DEFAULT")
    model.fc = nn.Linear(512, 10)
    {freeze}
    return model


optimizer = optim.SGD(build().parameters(), lr=0.1)
"""


@pytest.mark.parametrize(
    "freeze",
    ["model.requires_grad_(False)", "[p.requires_grad_(False) for p in model.parameters()]"],
)
def test_a_freeze_goes_before_the_head(freeze: str, reading: Linter) -> None:
    lines = fixed(reading, FROZEN.format(freeze=freeze)).text.splitlines()
    assert lines.index(f"    {freeze}") < lines.index("    model.fc = nn.Linear(512, 10)")


@pytest.mark.parametrize(
    ("freeze", "behind"),
    [
        ("width = model.fc.in_features; model.requires_grad_(width is None)", "; "),
        ("head = model.fc\n    if head:\n        model.requires_grad_(False)", "\n    "),
    ],
)
def test_where_the_freeze_cannot_move_the_head_is_unfrozen(freeze: str, behind: str, reading: Linter) -> None:
    text = FROZEN.format(freeze=freeze)
    assert fixed(reading, text).text == text.replace(freeze, f"{freeze}{behind}model.fc.requires_grad_(True)")


@needs_torch
@pytest.mark.parametrize(
    "statement",
    [
        # A layer that tells no classes is no head, whatever its name.
        "model.dropout = nn.Dropout(0.5)",
        # There is more than one layer that this may be a slip for.
        "print(model.layer5)",
        # A name of its own is no place in the model.
        "head = model.fc\nhead.out_features = 10\nmodel(torch.randn(2, 3, 64, 64))",
    ],
)
def test_what_has_no_obvious_mend_has_no_fix(statement: str, confirming: Linter) -> None:
    imports = "import torch\nfrom torch import nn\nfrom torchvision import models\n"
    text = f"{imports}\nmodel = models.resnet18()\n{statement}\n"
    assert len(unfixed(confirming, text)) == 1
    assert fixed(confirming, text).text == text


UNRECORDED = """\
import torch
from torch import nn, optim
from torchvision import models

model = models.resnet18(weights="DEFAULT")
optimizer = optim.SGD(model.parameters(), lr=0.1)


{step}
    optimizer.step()


step(torch.randn(2, 3, 64, 64), torch.tensor([0, 1]))
"""


DECORATED = """\
@torch.no_grad()
def step(x, y):
    nn.functional.cross_entropy(model(x), y).backward()"""
IN_BLOCK = """\
def step(x, y):
    with torch.no_grad():
        # scores

        out = model(
            x
        )
    nn.functional.cross_entropy(out, y).backward()"""
OUT_OF_BLOCK = """\
def step(x, y):
    # scores

    out = model(
        x
    )
    nn.functional.cross_entropy(out, y).backward()"""


@pytest.mark.parametrize(
    ("step", "recorded"),
    [(DECORATED, DECORATED.removeprefix("@torch.no_grad()\n")), (IN_BLOCK, OUT_OF_BLOCK)],
    ids=["decorator", "block"],
)
@needs_torch
def test_code_is_taken_out_of_where_nothing_is_recorded(step: str, recorded: str, confirming: Linter) -> None:
    text = UNRECORDED.format(step=step)
    assert fixed(confirming, text, unsafe=False).text == text
    assert fixed(confirming, text).text == UNRECORDED.format(step=recorded)


@needs_torch
def test_fixes_that_are_right_alone_and_wrong_together_are_not_applied_together(confirming: Linter) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\n\nmodel = models.resnet18(weights='DEFAULT')\n"
        "model.avg_pool = nn.AdaptiveAvgPool2d((2, 2))\nmodel.fc = nn.Linear(2048, 7)\n"
    )
    offered = confirming.lint_unguarded(text, "p.py", fixes=True).findings
    assert [(finding.code, finding.fix is not None) for finding in offered] == [("HL101", True), ("HL201", True)]
    done = fixed(confirming, text, unsafe=False)
    assert done.text == text.replace("avg_pool", "avgpool")
    assert done.remaining == ()


@needs_torch
def test_what_changes_more_than_it_says_is_unsafe(confirming: Linter) -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\n\nmodel = models.vgg16(weights='DEFAULT')\n"
        "model.linear = nn.Linear(1000, 10)\n"
    )
    assert fixed(confirming, text, unsafe=False).text == text
    assert "classifier[6] = nn.Linear(model.classifier[6].in_features, 10)" in fixed(confirming, text).text


@needs_torch
def test_a_fix_that_another_rule_speaks_against_is_none_whatever_is_selected(confirming: Linter) -> None:
    # Where forward still raises for another reason, nothing is proven.
    text = (
        "from torch import nn\nfrom torchvision import models\n\nmodel = models.resnet18(weights='DEFAULT')\n"
        "for p in model.parameters():\n    p.require_grad = False\nmodel.fc = nn.Linear(511, 10)\n"
    )
    only = confirming.selecting(frozenset({"HL304"}))
    assert unfixed(only, text) == {"HL304"}
    assert unfixed(only, text.replace("511", "512")) == set()
    assert fixed(confirming, text).remaining == ()
