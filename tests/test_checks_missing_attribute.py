"""HL102: what is said of a place that is not there, and that the real model decides."""

from __future__ import annotations

import pytest
from check_helpers import messages
from probe_helpers import needs_torch, prober, seen

from headlint.claims import ReadRaises
from headlint.history import AnyEvent, Build, ModuleRef, Read, choose_witnesses, recipe
from headlint.lint import Linter, Settings

MESSAGES = {
    "resnet18, class_to_idx": "resnet18 has no 'class_to_idx'",
    "densenet121, layer4": "densenet121 has no 'layer4'",
    "vgg16, fc": "vgg16 has no 'fc': the head of vgg16 is 'classifier[6]'",
    "vgg16, in_features": "vgg16 has no 'in_features': the head of vgg16 is 'classifier[6]'",
    "vgg16, clasifier": "vgg16 has no 'clasifier': the head of vgg16 is 'classifier[6]'",
    "resnet18, avgpoool": "resnet18 has no 'avgpoool': write 'avgpool'",
    "vgg16, classifier.in_features": (
        "'classifier' of vgg16 is a Sequential and has no 'in_features': the head of vgg16 is 'classifier[6]'"
    ),
    "vgg16, classifier[7]": (
        "'classifier' of vgg16 is a Sequential and has no index 7, its last one is 6:"
        " the head of vgg16 is 'classifier[6]'"
    ),
    "vgg16, features[50]": "'features' of vgg16 is a Sequential and has no index 50, its last one is 30",
    "vgg16, classifier.class_to_idx": "'classifier' of vgg16 is a Sequential and has no 'class_to_idx'",
}


@pytest.mark.parametrize(("read", "message"), MESSAGES.items())
def test_the_head_is_named_only_where_it_is_looked_for(read: str, message: str) -> None:
    builder, place = read.split(", ")
    text = f"from torchvision import models\nmodel = models.{builder}()\nmodel.{place}\n"
    with Linter(Settings(confirm="off", select=frozenset({"HL102"}))) as linter:
        (finding,) = linter.lint_unguarded(text, "program.py").findings
    assert finding.message == message


HALF_MADE = """
from torch import nn
from torchvision import models

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.backbone = models.inception_v3(weights="DEFAULT")
        self.backbone.fc = nn.Linear(self.backbone.classifier.in_features, classes)

    def forward(self, images):
        return self.backbone(images)

def main():
    net = Net(7)
    print(net)

USE
"""


@pytest.mark.parametrize("use", ["net = Net(7)", "main()", "raise SystemExit(main())", "class Other(Net):\n    pass"])
def test_an_object_whose_constructor_raises_is_used_by_nobody(use: str) -> None:
    with Linter(Settings(confirm="off", select=frozenset({"HL102"}))) as linter:
        (finding,) = linter.lint_unguarded(HALF_MADE.replace("USE", use), "program.py").findings
    assert finding.message == "inception_v3 has no 'classifier': the head of inception_v3 is 'fc'"


@needs_torch
@pytest.mark.parametrize(("name", "verdict"), [("classifier", "confirmed"), ("fc", "refuted")])
def test_the_real_model_decides(name: str, verdict: str) -> None:
    model = ModuleRef(1, "")
    events: list[AnyEvent] = [Build(1, "resnet18", (), False, site=None), Read(model, (name,), site=None)]
    claim = ReadRaises()
    made = recipe(events, model=model, watch=(), input_shape=None, witnesses=choose_witnesses(events))
    assert claim.judge(made, seen(prober().observe(made.body))).verdict.kind == verdict


def test_a_name_that_is_read_and_written_in_one_statement_is_not_unused() -> None:
    imports = "from torch import nn\nfrom torchvision import models\n"
    text = imports + "model = models.resnet18()\n{}model.head = nn.Linear({}, 5)\n"
    told = messages("HL101", text.format("prepare(model)\n", 512))
    assert len(told) == 1
    assert messages("HL101", text.format("", "model.head.in_features")) == []
    assert len(messages("HL102", text.format("", "model.head.in_features"))) == 1
    # Who has had the model may have given it a head.
    assert messages("HL101", text.format("prepare(model)\n", "model.head.in_features")) == []
    assert messages("HL101", text.format("prepare(model)\n", "model.fc.in_features")) == told


def test_an_object_of_the_file_at_module_level() -> None:
    text = HALF_MADE.replace("self.backbone.classifier.in_features", "2048").replace(
        "USE", "n = Net(5)\nn.backbone.head"
    )
    with Linter(Settings(confirm="off", select=frozenset({"HL102"}))) as linter:
        (finding,) = linter.lint_unguarded(text, "program.py").findings
    assert finding.message.startswith("inception_v3 has no 'head'")
