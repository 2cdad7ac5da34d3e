"""HL404: which uses of what `load_state_dict` returns raise, and which are right."""

from __future__ import annotations

import pytest
from check_helpers import messages
from probe_helpers import build, failed, needs_torch, prober, recipe, seen

from headlint.claims import ReadRaises
from headlint.history import AnyEvent, Build, ModuleRef, UseKeys, choose_witnesses
from headlint.history import recipe as recipe_of
from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\nm = models.resnet18()\n"
LOAD = "k = m.load_state_dict(torch.load('a.pt'))\n"


def lines(text: str, confirm: str = "off") -> list[str]:
    """What HL404 says of a program."""
    settings = Settings(confirm=confirm, select=frozenset({"HL404"}), cache_directory="")  # type: ignore[arg-type]
    with Linter(settings) as linter:
        return [finding.line for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def test_messages() -> None:
    (line,) = lines(LOAD + "k.eval()")
    assert line == (
        "HL404 load_state_dict loads into resnet18 and returns the missing and unexpected keys: 'eval' is read from it"
        " later and raises; call load_state_dict without assigning its result [unconfirmed: confirmation is off]"
    )
    (line,) = lines(LOAD + "k(torch.zeros(1))")
    assert "keys: it is called like a model later and raises; call" in line


@pytest.mark.parametrize(
    "use", ["k.to('cpu')", "k.fc", "k.parameters()", "k.state_dict()", "k(x)", "list(k.modules())"]
)
def test_uses_that_raise(use: str) -> None:
    assert len(lines(LOAD + use)) == 1


def test_only_one_way_through() -> None:
    (line,) = lines(
        "def f(resume):\n    m = models.resnet18()\n    if resume == 'yes': m = m.load_state_dict(1)\n    m.eval()"
    )
    assert line.startswith("HL404 when resume == 'yes', load_state_dict loads into resnet18")


NET = """class Net({base}):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
{forward}"""
FORWARD = "    def forward(self, x): return self.net(x)\n"


@pytest.mark.parametrize("use", ["k(torch.zeros(1))", "k.eval()", "k.net"])
def test_a_class_of_the_file(use: str) -> None:
    text = NET.format(base="nn.Module", forward=FORWARD) + "n = Net()\nk = n.load_state_dict(torch.load('a.pt'))\n"
    (line,) = lines(text + use)
    assert line.startswith("HL404 load_state_dict loads into Net and returns the missing")


def test_a_wrapper_around_the_model() -> None:
    (line,) = lines("n = nn.DataParallel(m)\nn = n.load_state_dict(torch.load('a.pt'))\nn.train()")
    assert "loads into DataParallel and" in line


SILENT = {
    "not used": LOAD,
    "used for what it is": LOAD + "print(k.missing_keys, k[0], len(k), k.count('a'), k.index([]))",
    "of something unknown": "n = wrap(m)\nn = n.load_state_dict(torch.load('a.pt'))\nn.eval()",
    "of a model that is out of sight": "wrap(m)\nm = m.load_state_dict(torch.load('a.pt'))\nm.eval()",
    "of another method": "m.load_state_dict = load\nm = m.load_state_dict(torch.load('a.pt'))\nm.eval()",
    "guarded": LOAD + "try:\n    k.eval()\nexcept AttributeError:\n    pass",
    "of a class": "class A(nn.Module):\n    def load_state_dict(self, s): return self\nA().load_state_dict(1).eval()",
    "of a class that is built on something out of sight": (
        "from package import Base\n"
        + NET.format(base="nn.Module, Base", forward=FORWARD)
        + "n = Net()\nk = n.load_state_dict(1)\nk.eval()"
    ),
    "of a class, for what it is": (
        NET.format(base="nn.Module", forward=FORWARD) + "k = Net().load_state_dict(1, strict=False)\nk.missing_keys"
    ),
    "the model itself": LOAD + "m.eval()",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert lines(text) == []


@needs_torch
def test_torch_itself_raises() -> None:
    (line,) = lines(LOAD + "k(torch.zeros(1))", "auto")
    assert "[confirmed: TypeError: '_IncompatibleKeys' object is not callable (torchvision" in line


@needs_torch
def test_torch_itself_raises_for_a_class() -> None:
    text = NET.format(base="nn.Module", forward=FORWARD) + "k = Net().load_state_dict(torch.load('a.pt'))\nk.eval()"
    (line,) = lines(text, "auto")
    assert "[confirmed: AttributeError: '_IncompatibleKeys' object has no attribute 'eval' (torchvision" in line


@needs_torch
def test_a_use_that_does_not_raise_is_refuted() -> None:
    def verdict(use: str) -> str:
        events: list[AnyEvent] = [Build(1, "resnet18", (), False, site=None), UseKeys(ModuleRef(1, ""), use, site=None)]
        witnesses = choose_witnesses(events)
        made = recipe_of(events, model=ModuleRef(1, ""), watch=(), input_shape=None, witnesses=witnesses)
        return ReadRaises().judge(made, seen(prober().observe(made.body))).verdict.kind

    assert verdict("missing_keys") == "refuted"
    assert verdict("eval") == "confirmed"


@needs_torch
def test_names_that_are_not_replayed() -> None:
    for use in ("__class__", "a.b", "", 1, None):
        event = {"do": "load", "target": [0, ""], "use": use}
        assert failed(prober().observe(recipe(build("resnet18"), event))).kind == "refused"


@pytest.mark.parametrize(
    ("code", "before"),
    [
        ("HL103", "m.fc.out_features = 5\n"),
        ("HL308", "for n, p in m.named_parameters():\n    if 'nothing' in n: p.requires_grad = False\n"),
        ("HL303", "m.layer1.requires_grad = False\n"),
    ],
)
def test_what_was_wrong_before_is_told_too(code: str, before: str) -> None:
    found = messages(code, IMPORTS + before + LOAD + "k.eval()\n")
    assert len(found) == 1
    assert found == messages(code, IMPORTS + before)
