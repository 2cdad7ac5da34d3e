"""HL105: which auxiliary outputs are trained while they are as wide as before, and that the real widths decide."""

from __future__ import annotations

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import WidthsDiffer
from headlint.finding import Finding
from headlint.history import AnyEvent, Build, MakeLayer, ModuleRef, SetModule, choose_witnesses, recipe
from headlint.lint import Linter, Settings

IMPORTS = (
    "import torch\nfrom torch import nn\nfrom torchvision import models\nloss = nn.CrossEntropyLoss()\nn = count()\n"
)
INCEPTION = "model = models.inception_v3()\nmodel.fc = nn.Linear(2048, 5)\n"
GOOGLENET = "model = models.googlenet(aux_logits=True)\nmodel.fc = nn.Linear(1024, n)\n"
SEGMENTATION = "model = models.segmentation.fcn_resnet50(aux_loss=True)\nmodel.classifier[4] = nn.Conv2d(512, 3, 1)\n"


def findings(text: str, **settings: str) -> tuple[Finding, ...]:
    """What HL105 says of a program."""
    settings.setdefault("confirm", "off")
    with Linter(Settings(select=frozenset({"HL105"}), **settings)) as linter:  # type: ignore[arg-type]
        return linter.lint_unguarded(IMPORTS + text, "program.py").findings


def test_message() -> None:
    (finding,) = findings(INCEPTION + "out, aux = model(x)\nloss(out, y) + loss(aux, y)")
    assert finding.message == (
        "the auxiliary head 'AuxLogits.fc' of inception_v3 still has 1000 classes, the new head has 5,"
        " and CrossEntropyLoss gets the outputs of both; replace 'AuxLogits.fc' as well"
    )
    assert finding.span.line == 7


@pytest.mark.parametrize(
    ("part", "place"),
    [("[1]", "aux2"), ("[-2]", "aux2"), (".aux_logits2", "aux2"), ("[2]", "aux1"), (".aux_logits1", "aux1")],
)
def test_each_part_has_its_head(part: str, place: str) -> None:
    (finding,) = findings(GOOGLENET + f"loss(model(x){part}, y)")
    assert f"'{place}.fc2' of googlenet still has 1000 classes, the new head has count()" in finding.message
    other = {"aux1": "aux2", "aux2": "aux1"}[place]
    assert findings(GOOGLENET + f"model.{place}.fc2 = nn.Linear(1024, n)\nloss(model(x){part}, y)") == ()
    assert len(findings(GOOGLENET + f"model.{other}.fc2 = nn.Linear(1024, n)\nloss(model(x){part}, y)")) == 1


SILENT = {
    "the main part": INCEPTION + "loss(model(x)[0], y)\nloss(model(x).logits, y)",
    "all of it": INCEPTION + "loss(model(x), y)",
    "not in a loss": INCEPTION + "out, aux = model(x)\nprint(aux)\nloss(out, y)",
    "both are new": INCEPTION + "model.AuxLogits.fc = nn.Linear(768, 5)\nloss(model(x)[1], y)",
    "replaced behind": INCEPTION + "loss(model(x)[1], y)\nmodel.AuxLogits.fc = nn.Linear(768, 5)",
    "neither is new": "model = models.inception_v3()\nloss(model(x)[1], y)",
    "as many classes": "model = models.inception_v3()\nmodel.fc = nn.Linear(2048, 1000)\nloss(model(x)[1], y)",
    "the same symbol": "model = models.inception_v3(num_classes=n)\nmodel.fc = nn.Linear(2048, n)\n"
    "loss(model(x)[1], y)",
    "no head any more": "model = models.inception_v3()\nmodel.fc = nn.Identity()\nloss(model(x)[1], y)",
    "a part of a tensor": "model = models.resnet18()\nmodel.fc = nn.Linear(512, 5)\nloss(model(x)[1], y)",
    "a picture of a batch": SEGMENTATION + "loss(model(x)['out'][1], y)",
    "a number in a dict": SEGMENTATION + "loss(model(x)[1], y)",
    "a forward that does more": INCEPTION
    + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.net = model\n"
    "    def forward(self, x): return combine(self.net(x))\nloss(Net()(x)[1], y)",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert findings(text) == ()


def test_without_a_worker_the_reason_is_told() -> None:
    text = SEGMENTATION + "loss(model(x)['aux'], y)"
    (finding,) = findings(text, confirm="auto", python="/nowhere/python")
    assert (finding.verdict.kind, finding.verdict.reason) == ("unconfirmed", "there is no Python at /nowhere/python")


def test_the_order_of_names_in_an_observation_does_not_count() -> None:
    claim = WidthsDiffer(ModuleRef(1, ""), "aux_logits1")
    build = Build(1, "googlenet", (), False, site=None)
    made = recipe([build], model=claim.model, watch=(), input_shape=None, witnesses=choose_witnesses([build]))
    output = {"aux_logits1": [2, 5], "aux_logits2": [2, 7], "logits": [2, 5]}
    for names, verdict in ((list(output), "refuted"), (list(output)[::-1], "refuted")):
        training = {"output": {name: output[name] for name in names}}
        assert claim.judge(made, {"events": [], "training": training}).verdict.kind == verdict
    other = WidthsDiffer(ModuleRef(1, ""), "aux_logits2")
    assert other.judge(made, {"events": [], "training": {"output": output}}).verdict.kind == "confirmed"


@needs_torch
@pytest.mark.parametrize(
    ("builder", "place", "layer", "part", "verdict"),
    [
        ("googlenet", "fc", ("Linear", {"in_features": 1024, "out_features": 5}), "aux_logits1", "confirmed"),
        ("googlenet", "fc", ("Linear", {"in_features": 1024, "out_features": 1000}), "aux_logits1", "refuted"),
        ("googlenet", "fc", ("Linear", {"in_features": 1024, "out_features": 5}), "aux", "refuted"),
        ("resnet18", "fc", ("Linear", {"in_features": 512, "out_features": 5}), "aux_logits", "refuted"),
    ],
)
def test_the_real_widths_decide(
    builder: str, place: str, layer: tuple[str, dict[str, int]], part: str, verdict: str
) -> None:
    claim = WidthsDiffer(ModuleRef(1, ""), part)
    kind, arguments = layer
    auxiliary = (("aux_logits", True),) if builder == "googlenet" else ()
    events: list[AnyEvent] = [
        Build(1, builder, auxiliary, False, site=None),
        MakeLayer(2, kind, tuple(arguments.items()), site=None),
        SetModule(ModuleRef(1, ""), place, ModuleRef(2, ""), ModuleRef(1, place), "attribute", site=None),
    ]
    made = recipe(
        events,
        model=ModuleRef(1, ""),
        watch=(),
        input_shape=None,
        witnesses=choose_witnesses(events),
        training_shape=(2, 3, 224, 224),
    )
    assert claim.judge(made, seen(prober().observe(made.body))).verdict.kind == verdict
