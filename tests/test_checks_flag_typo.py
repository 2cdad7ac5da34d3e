"""HL304: which names are taken for `requires_grad`, and where they do no harm."""

from __future__ import annotations

import pytest

from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\nmodel = models.resnet18()\n"


def messages(text: str) -> list[str]:
    """What HL304 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL304"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


NEAR = """
require_grad required_grad requires_gradient requires_grads require_gradient requires_gard reqires_grad requiresgrad
required_gradient require_grads requries_grad requires_Grad
""".split()
FAR = "retain_grad grad_required requires no_grad trainable frozen is_leaf requires_update needs_weight_decay".split()


@pytest.mark.parametrize("name", NEAR)
def test_near_misses(name: str) -> None:
    assert len(messages(f"for p in model.parameters(): p.{name} = False")) == 1


@pytest.mark.parametrize("name", [*FAR, "requires_grad"])
def test_other_names(name: str) -> None:
    assert messages(f"for p in model.parameters(): p.{name} = False\nmodel.fc.{name} = False") == []


def test_messages() -> None:
    (message,) = messages("for n, p in model.named_parameters():\n    if 'layer1' in n: p.require_grad = False")
    assert message == (
        "'require_grad' is not 'requires_grad' and changes nothing: all 12 parameters of 'layer1' of resnet18 still"
        " require grad; write requires_grad = False"
    )
    (message,) = messages("model.fc.required_grad = False")
    assert message == (
        "'required_grad' is not 'requires_grad' and changes nothing: all 2 parameters of 'fc' of resnet18 still"
        " require grad; write requires_grad_(False)"
    )


SILENT = {
    "also written right": "for p in model.parameters():\n    p.require_grad = False\n    p.requires_grad = False",
    "written right before": "model.requires_grad_(False)\nfor p in model.parameters(): p.require_grad = False",
    "true where all trains": "for p in model.fc.parameters(): p.require_grad = True",
    "no flag": "for p in model.parameters(): p.require_grad = 'no'",
    "replaced behind": "for p in model.fc.parameters(): p.require_grad = False\nmodel.fc = nn.Linear(512, 10)",
    "handed away before": "freeze(model)\nmodel.require_grad = False",
    "of an object of its own": "class A:\n    require_grad = False\na = A()\na.require_grad = True",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []
