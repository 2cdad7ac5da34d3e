"""HL203: which cuts lose a step of the forward, and what speaks against saying so."""

from __future__ import annotations

import pytest
from check_helpers import messages, verdict
from probe_helpers import needs_torch

from headlint.claims import CutRaises, ReluLost
from headlint.history import AnyEvent, Argument, Build, MakeContainer, MakeLayer, ModuleRef

IMPORTS = "from torch import nn\nfrom torchvision import models\n"
MODEL_18 = IMPORTS + "model = models.resnet18()\nparts = list(model.children())\n"


@needs_torch
def test_messages() -> None:
    head = "nn.Sequential(*parts[:-1], nn.Dropout(), nn.Linear(512, 2))"
    (message,) = messages("HL203", MODEL_18 + head, "auto")
    assert message == (
        "the children of resnet18 do not flatten what they return, as its forward does: Linear is given a map;"
        " put nn.Flatten() before it"
    )
    dense = MODEL_18.replace("resnet18", "densenet121")
    tail = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 2)"
    (message,) = messages("HL203", f"{dense}nn.Sequential(*parts[:-1], {tail})", "auto")
    assert message == (
        "the children of densenet121 lack the ReLU that its forward applies to their output;"
        " put nn.ReLU() behind the children"
    )


SILENT = {
    "only the cut": "nn.Sequential(*parts[:-1])",
    "all children": "nn.Sequential(*parts)",
    "not the first": "nn.Sequential(*parts[1:-1], nn.Linear(512, 2))",
    "in another order": "nn.Sequential(*reversed(parts), nn.Linear(512, 2))",
    "own layers first": "nn.Sequential(nn.Conv2d(1, 3, 1), *parts[:-1], nn.Linear(512, 2))",
    "more than a cut": "nn.Sequential(*parts[:-1], model.fc, nn.Linear(512, 2))",
    "a replaced layer": "model.fc = nn.Linear(512, 3)\nnn.Sequential(*parts[:-1], nn.Linear(512, 2))",
    "with the ReLU": "d = models.densenet121()\nnn.Sequential(d.features, nn.ReLU(), nn.Flatten(), nn.Linear(1024, 2))",
    "changed behind": "s = nn.Sequential(*parts[:-1], nn.Linear(512, 2))\ns[9] = nn.Flatten()",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
@needs_torch
def test_silent(text: str) -> None:
    assert messages("HL203", MODEL_18 + text, "auto") == []


MODEL = ModuleRef(1, "")
PICTURE = (2, 3, 64, 64)


def cut(builder: str, own: tuple[str, ...], *behind: tuple[str, dict[str, Argument]]) -> list[AnyEvent]:
    """The children of a model and layers behind them in Sequential number 20; the layers are numbers from 2."""
    events: list[AnyEvent] = [Build(1, builder, (), False, site=None)]
    refs = [ModuleRef(1, name) for name in own]
    for number, (kind, arguments) in enumerate(behind, start=2):
        events.append(MakeLayer(number, kind, tuple(arguments.items()), site=None))
        refs.append(ModuleRef(number, ""))
    children = tuple((str(index), ref) for index, ref in enumerate(refs))
    return [*events, MakeContainer(20, "Sequential", children, site=None)]


POOL: tuple[str, dict[str, Argument]] = ("AdaptiveAvgPool2d", {"output_size": 1})
FLATTEN: tuple[str, dict[str, Argument]] = ("Flatten", {})
ALEXNET = ("features", "avgpool")


def linear(width: int) -> tuple[str, dict[str, Argument]]:
    return "Linear", {"in_features": width, "out_features": 2}


@needs_torch
def test_the_real_chain_decides() -> None:
    around = ModuleRef(20, "")
    first = CutRaises(1, ModuleRef(2, ""))
    kind, evidence = verdict(first, cut("alexnet", ALEXNET, linear(9216)), around, PICTURE)
    assert (kind, evidence.partition(" (")[0]) == ("confirmed", "mat1 and mat2 shapes cannot be multiplied")
    flat = cut("alexnet", ALEXNET, FLATTEN, linear(9216))
    assert verdict(CutRaises(1, ModuleRef(3, "")), flat, around, PICTURE) == ("refuted", "")
    assert verdict(CutRaises(1, None), flat, around, PICTURE) == ("refuted", "")
    # It raises, but not in the model's own part.
    assert verdict(CutRaises(1, None), cut("alexnet", ALEXNET, linear(3)), around, PICTURE) == ("refuted", "")
    vit = cut("vit_b_16", ("conv_proj", "encoder"), FLATTEN)
    assert verdict(CutRaises(1, None), vit, around, (2, 3, 224, 224))[0] == "confirmed"


@needs_torch
def test_the_real_numbers_decide() -> None:
    def judged(*behind: tuple[str, dict[str, Argument]]) -> tuple[str, str]:
        layer = ModuleRef(1 + len(behind), "")
        claim = ReluLost(MODEL, ModuleRef(1, "classifier"), ModuleRef(20, ""), layer)
        return verdict(claim, cut("densenet121", ("features",), *behind), ModuleRef(20, ""), PICTURE)

    kind, evidence = judged(POOL, FLATTEN, linear(1024))
    assert kind == "confirmed"
    assert evidence.startswith("what arrives at the new layer goes down to -")
    assert evidence.endswith("not below 0.00")
    assert judged(("ReLU", {}), POOL, FLATTEN, linear(1024)) == ("refuted", "")
    # Another shape than the head's is another use of the features.
    assert judged(("AdaptiveAvgPool2d", {"output_size": 2}), FLATTEN, linear(4096)) == ("refuted", "")
