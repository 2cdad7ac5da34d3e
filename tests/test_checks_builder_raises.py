"""HL106: what builders refuse and ignore, what is said of it, and what the builder itself refutes."""

from __future__ import annotations

from typing import Any

import pytest
from probe_helpers import needs_torch, prober, seen

from headlint.claims import BuilderRaises, Claim, HeadKept, KeywordIgnored
from headlint.flow.refusals import ignored, refusal
from headlint.history import Argument, Build, ModuleRef, Recipe, WeightsMember, choose_witnesses, recipe
from headlint.lint import Linter, Settings
from headlint.zoo import Builder, builder_names, find_builder

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\n"
MODEL = ModuleRef(1, "")


def messages(text: str) -> list[str]:
    """What HL106 says of a program, without asking the worker."""
    with Linter(Settings(confirm="off", select=frozenset({"HL106"}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(IMPORTS + text, "program.py").findings]


def named(name: str) -> Builder:
    builder = find_builder(name)
    assert builder is not None
    return builder


MESSAGES = {
    "models.quantization.resnet18(weights='DEFAULT', num_classes=3)": (
        "quantized_resnet18 with weights refuses num_classes=3, they are for 1000;"
        " leave it out and replace 'fc' afterwards"
    ),
    "models.resnet18(weights='DEFAULT', num_classes=10)": (
        "resnet18 with weights refuses num_classes=10, they are for 1000; leave it out and replace 'fc' afterwards"
    ),
    "models.vgg11(models.VGG11_Weights.DEFAULT, num_classes=len(load()))": (
        "vgg11 with weights refuses num_classes=len(load()) unless that is 1000; leave it out and replace"
        " 'classifier[6]' afterwards"
    ),
    "models.googlenet(pretrained=True, aux_logits=False)": (
        "googlenet with weights refuses aux_logits=False; leave it out, which drops the auxiliary heads all the same"
    ),
    "models.inception_v3(weights='DEFAULT', transform_input=False)": (
        "inception_v3 with weights refuses transform_input=False; leave it out"
    ),
    "models.resnet18(weights=models.resnet.ResNet34_Weights.IMAGENET1K_V1)": (
        "resnet18 refuses ResNet34_Weights.IMAGENET1K_V1, the weights of another model; write ResNet18_Weights.DEFAULT"
    ),
    "models.detection.ssd300_vgg16(num_class=3)": (
        "ssd300_vgg16 takes 'num_class', which nothing reads, and makes 91 classes; write num_classes"
    ),
    "models.mobilenet_v3_small(n_classes=10)": (
        "mobilenet_v3_small takes 'n_classes', which nothing reads, and makes 1000 classes; write num_classes"
    ),
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.items())
def test_messages(text: str, message: str) -> None:
    assert messages(f"model = {text}") == [message]


def test_names_that_another_version_may_know_are_said_only_when_confirmed() -> None:
    assert messages("models.resnet18(num_class=3)\nmodels.resnet18(weights='IMAGENET1K_V9')") == []
    assert messages("models.quantization.resnet18(num_class=3)\nmodels.video.r3d_18(num_class=3)") == []


def test_a_call_that_raises_ends_its_path() -> None:
    assert messages(
        "models.resnet18(weights='DEFAULT', num_classes=2)\nmodels.vgg11(pretrained=True, num_classes=2)"
    ) == [MESSAGES["models.resnet18(weights='DEFAULT', num_classes=10)"].replace("=10", "=2")]
    # Behind one that may go well, the code goes on.
    assert len(messages("n = load()\nfor b in models.resnet18, models.vgg11: b(pretrained=True, num_classes=n)")) == 1
    assert len(messages("n = load()\nmodels.resnet18(True, num_classes=n)\nmodels.vgg11(True, num_classes=n)")) == 2


SILENT = {
    "no weights": "models.resnet18(weights=None, num_classes=10)",
    "an option": "models.resnet18(pretrained=load(), num_classes=10)",
    "assumed on the path": "args = load()\nif args.w: models.resnet18(weights=args.w, num_classes=load())",
    "of somewhere else": "from settings import W\nmodels.resnet18(weights=W, num_classes=10)",
    "right on another path": "w = 'DEFAULT' if load() else None\nmodels.resnet18(weights=w, num_classes=10)",
    "its own number": "models.resnet18(weights='DEFAULT', num_classes=1000)",
    "backbone only": "models.segmentation.fcn_resnet50(weights_backbone='DEFAULT', num_classes=3)",
    "an unknown value": "models.resnet18(weights='DEFAULT', num_classes=[3][load()], **load())",
    "in a try": "try: models.resnet18(weights='DEFAULT', num_classes=3)\nexcept ValueError: pass",
    "from the hub": "torch.hub.load('pytorch/vision:v0.6.0', 'resnet18', pretrained=True, num_classes=3)",
    "quantized": "models.quantization.resnet18(weights='IMAGENET1K_FBGEMM_V1', quantize=True, num_classes=1000)",
    "a keyword that is read": "models.mobilenet_v3_small(width_mult=0.5, reduced_tail=True)",
    "a detection model whose head comes later": (
        "m = models.detection.fasterrcnn_resnet50_fpn(num_class=3)\n"
        "m.roi_heads.box_predictor = models.detection.faster_rcnn.FastRCNNPredictor(1024, 3)"
    ),
    "what detection models read": "models.detection.fasterrcnn_resnet50_fpn(box_score_thresh=0.3, min_size=300)",
    "what SSD takes and ignores, and is no number of classes": "models.detection.ssd300_vgg16(nms=0.3)",
    "ignored and unimportant": "models.mobilenet_v3_small(num_class=1000)",
    "flags that weights fix alike": "models.inception_v3(weights='DEFAULT', aux_logits=True, init_weights=False)",
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT.keys())
def test_silent(text: str) -> None:
    assert messages(text) == []


def test_no_builder_refuses_its_own_weights() -> None:
    for name in builder_names():
        builder = named(name)
        for member in builder.weights:
            own = {"weights": WeightsMember(builder.weights_enum, member)}
            classes = {"num_classes": builder.classes} if builder.classes else {}
            assert refusal(builder, classes, own) is None
            assert refusal(builder, {}, {"weights": f"{builder.weights_enum}.{member}"}) is None


def observed(
    builder: str, arguments: tuple[tuple[str, Argument], ...], weights: dict[str, Any], claim: Claim, *, refused: bool
) -> tuple[str, str]:
    """The verdict of the real builder on a claim, and its evidence."""
    events = [Build(1, builder, arguments, bool(weights), tuple(weights.items()), refused, site=None)]
    shape = None if refused else (2, 3, 64, 64)
    made: Recipe = recipe(events, model=MODEL, watch=claim.watch, input_shape=shape, witnesses=choose_witnesses(events))
    judgement = claim.judge(made, seen(prober().observe(made.body)))
    return judgement.verdict.kind, judgement.evidence


@needs_torch
def test_the_builder_decides() -> None:
    classes = (("num_classes", 10),)
    assert observed("resnet18", classes, {"weights": "DEFAULT"}, BuilderRaises(), refused=True) == (
        "confirmed",
        "ValueError: The parameter 'num_classes' expected value 1000 but got 10 instead.",
    )
    quantized = observed("quantized_mobilenet_v2", classes, {"weights": "DEFAULT"}, BuilderRaises(), refused=True)
    assert quantized[0] == "confirmed"
    # It would go on to the download, or has no reason to raise.
    right = (("num_classes", 1000),)
    assert observed("resnet18", right, {"weights": "DEFAULT"}, BuilderRaises(), refused=True)[0] == "refuted"
    assert observed("resnet18", classes, {}, BuilderRaises(), refused=True)[0] == "refuted"


@needs_torch
def test_forward_shows_whether_a_keyword_is_read() -> None:
    ignoring, reading = KeywordIgnored(MODEL, "num_class", 10), KeywordIgnored(MODEL, "num_classes", 10)
    assert ignored(named("mobilenet_v3_small"), {"num_class": 10}) == ("num_class",)
    told = observed("mobilenet_v3_small", (("num_class", 10),), {}, ignoring, refused=False)
    assert told == ("confirmed", "forward returns (2, 1000)")
    assert observed("mobilenet_v3_small", (("num_classes", 10),), {}, reading, refused=False)[0] == "refuted"
    # Where it is refused instead, that is said.
    kind, evidence = observed("resnet18", (("num_class", 10),), {}, ignoring, refused=False)
    assert kind == "confirmed"
    assert "unexpected keyword argument 'num_class'" in evidence


@needs_torch
def test_the_head_shows_whether_detection_models_read_a_keyword() -> None:
    name = "retinanet_resnet50_fpn"
    head = named(name).heads[0]
    claim = HeadKept(ModuleRef(1, head.place), "num_class", head.out_features)
    assert ignored(named(name), {"num_class": 3}) == ("num_class",)
    kind, evidence = observed(name, (("num_class", 3),), {}, claim, refused=False)
    assert kind == "confirmed"
    assert evidence.startswith(f"the weight of '{head.place}' is ({head.out_features}, ")
    assert observed(name, (("num_classes", 3),), {}, claim, refused=False)[0] == "refuted"


@needs_torch
def test_what_swallows_keywords_is_known_of_these() -> None:
    """Of each class the real builder takes any keyword, or refuses one that it does not have."""
    classes = {named(name).root_type: name for name in builder_names() if named(name).task in OTHERS}
    for name in classes.values():
        taken = ignored(named(name), {"num_class": 3}) == ("num_class",)
        kind, _ = observed(name, (("num_class", 3),), {}, BuilderRaises(), refused=not taken)
        assert (name, kind) == (name, "refuted" if taken else "confirmed")


OTHERS = ("quantization", "video", "optical_flow")


@pytest.mark.parametrize(
    ("handlers", "told"),
    [
        ("except KeyboardInterrupt: print('stopped')", 1),
        ("except (KeyboardInterrupt, SystemExit): raise", 1),
        ("except KeyboardInterrupt: pass\nexcept ValueError: model = None", 0),
        ("except (KeyboardInterrupt, ValueError): pass", 0),
        ("except: pass", 0),
    ],
)
def test_handlers_of_interrupts_catch_nothing_that_a_builder_raises(handlers: str, told: int) -> None:
    text = f"try: model = models.resnet18(weights=models.VGG16_Weights.DEFAULT)\n{handlers}\n"
    assert len(messages(text)) == told
