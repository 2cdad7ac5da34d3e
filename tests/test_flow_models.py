"""Models: what builders make, how heads are built and placed, sizes read off them, copies and wrappers."""

from __future__ import annotations

import pytest
from flow_helpers import (
    built,
    containers,
    end,
    ends,
    flags,
    frozen,
    histories,
    is_unknown,
    kinds,
    known,
    placed,
    sizes,
    tree,
)  # fmt: skip

from headlint.history import Read, SymbolicSize


@pytest.mark.parametrize(
    ("call", "weighted"),
    [
        ("models.resnet18()", False),
        ("models.resnet18(pretrained=True)", True),
        ("models.resnet18(True)", True),
        ("models.resnet18(pretrained=False)", False),
        ("models.resnet18(weights=None)", False),
        ("models.resnet18(weights='DEFAULT')", True),
        ("models.resnet18(weights='IMAGENET1K_V1', progress=False)", True),
        ("models.resnet18(weights=models.ResNet18_Weights.DEFAULT)", True),
        ("models.resnet18(models.ResNet18_Weights.IMAGENET1K_V1)", True),
        ("models.resnet18(**{'weights': 'DEFAULT'})", True),
        ("models.get_model('resnet18', weights='DEFAULT')", True),
    ],
)
def test_all_forms_of_weights(call: str, weighted: bool) -> None:
    (build,) = built(f"m = {call}\n")
    assert (build.builder, build.weighted, build.arguments) == ("resnet18", weighted, ())


def test_weights_in_variables_and_by_condition() -> None:
    text = "from torchvision.models import ResNet18_Weights as W\nw = W.DEFAULT\nm = models.resnet18(weights=w)\n"
    assert [build.weighted for build in built(text)] == [True]
    (build,) = built("m = models.resnet18(pretrained=load())\n")
    assert build.builder == "resnet18"


def test_classes_of_a_builder() -> None:
    assert known("m = models.resnet18(num_classes=7)\nx = m.fc.out_features, m.fc.in_features") == (7, 512)
    (build,) = built("n = load()\nm = models.vgg16(num_classes=n)\n")
    ((name, size),) = build.arguments
    assert name == "num_classes"
    assert isinstance(size, SymbolicSize)


@pytest.mark.parametrize(
    "text",
    [
        "m = models.resnet18(**load())",
        "m = models.resnet18(block=B)",
    ],
)
def test_builders_that_are_not_understood_make_no_model(text: str) -> None:
    assert built(text + "\n") == []


def test_auxiliary_heads_follow_the_arguments() -> None:
    assert known("m = models.inception_v3()\nx = m.AuxLogits.fc.in_features") == 768
    assert known("m = models.inception_v3(aux_logits=False)\nx = m.AuxLogits is None") is True
    assert known("m = models.googlenet(weights='DEFAULT')\nx = m.aux1 is None") is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("models.resnet50().fc.in_features", 2048),
        ("models.resnet50().fc.weight.shape[1]", 2048),
        ("models.resnet50().fc.weight.size(1)", 2048),
        ("models.resnet50().fc.weight.shape", (1000, 2048)),
        ("models.vgg16().classifier[6].in_features", 4096),
        ("models.vgg16().classifier[-1].in_features", 4096),
        ("models.vgg16().classifier[0].in_features", 25088),
        ("list(models.vgg16().classifier)[-1].in_features", 4096),
        ("list(models.vgg16().classifier.children())[6].in_features", 4096),
        ("list(models.resnet18().children())[-1].in_features", 512),
        ("getattr(models.resnet18(), 'fc').in_features", 512),
        ("models.resnet18().get_submodule('layer4.1.conv2').out_channels", 512),
        ("models.densenet121().classifier.in_features", 1024),
        ("models.squeezenet1_0().classifier[1].in_channels", 512),
        ("models.squeezenet1_0().classifier[1].kernel_size", (1, 1)),
        ("models.vit_b_16().heads.head.in_features", 768),
        ("models.vit_b_16().heads[0].in_features", 768),
        ("models.efficientnet_b0().classifier[0].p", 0.2),
        ("len(models.vgg16().classifier)", 7),
        ("len(models.vgg16().features[:10])", 10),
        ("models.resnet18().layer4[1].conv2.out_channels", 512),
        ("models.resnet18().fc.bias is None", False),
        ("type(models.resnet18()).__name__", "ResNet"),
        ("models.resnet18().__class__.__name__", "ResNet"),
        ("[name for name, _ in models.alexnet().named_children()][-1]", "classifier"),
        ("sum(1 for _ in models.resnet50().parameters())", 161),
        ("dict(models.resnet18().named_modules())['layer1.0'].conv1.in_channels", 64),
    ],
)
def test_sizes_are_read_off_the_model(text: str, value: object) -> None:
    assert known(f"x = {text}\n") == value


@pytest.mark.parametrize(
    "code",
    [
        "m.fc", "m.classifier.in_features", "m.classifier[7]", "m.classifier[6][0]", "m.classifier[6].width",
        "m.features.in_features", "getattr(m, 'head')", "m.classifier[-8]", "list(m.children())[0].fc",
    ],
)  # fmt: skip
def test_reads_that_raise_end_their_path(code: str) -> None:
    text = f"m = models.vgg16()\n{code}\n"
    assert ends(text) == []
    (one,) = histories(text)
    assert isinstance(one.events[-1], Read)


@pytest.mark.parametrize(
    "code", ["getattr(m, 'fc', None)", "m.forward", "m.training", "m.T_destination", "m.classifier.append"]
)
def test_other_reads_do_not(code: str) -> None:
    assert len(ends(f"m = models.vgg16()\n{code}\n")) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nn.Linear(512, 10)", (512, 10)),
        ("nn.Linear(in_features=512, out_features=10)", (512, 10)),
        ("nn.Linear(512, out_features=10)", (512, 10)),
        ("nn.Linear(*(512, 10))", (512, 10)),
        ("nn.Linear(**dict(in_features=512, out_features=10))", (512, 10)),
        ("nn.Linear(512, 10, device='cpu')", (512, 10)),
        ("torch.nn.Linear(512, 10)", (512, 10)),
        ("nn.modules.linear.Linear(512, 10)", (512, 10)),
        ("nn.Linear(1024 // 2, len(['a', 'b']) * 5)", (512, 10)),
    ],
)
def test_layers(text: str, value: tuple[object, ...]) -> None:
    assert sizes(f"x = {text}\n") == [value]


@pytest.mark.parametrize(
    "text", ["nn.Linear(512)", "nn.Linear(512, 10, 3, 4, 5, 6)", "nn.Linear(512, width=10)", "nn.Linear(*load())"]
)
def test_layers_that_are_not_understood_are_opaque(text: str) -> None:
    assert sizes(f"x = {text}\n") == []
    assert tree(f"x = {text}\n", "x") == [("", "")]


PARTS = "a, b = nn.Linear(4, 3), nn.ReLU()\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nn.Sequential(a, b)", ["0", "1"]),
        ("nn.Sequential(*[a, b])", ["0", "1"]),
        ("nn.Sequential(*(layer for layer in (a, b)))", ["0", "1"]),
        ("nn.Sequential(OrderedDict([('fc', a), ('act', b)]))", ["fc", "act"]),
        ("nn.Sequential(OrderedDict({'fc': a, 'act': b}))", ["fc", "act"]),
        ("nn.Sequential(OrderedDict(fc=a, act=b))", ["fc", "act"]),
        ("nn.Sequential().append(a).append(b)", ["0", "1"]),
        ("nn.Sequential(nn.Flatten(), a, b)[1:]", ["1", "2"]),
        ("nn.ModuleList([a, b])", ["0", "1"]),
        ("nn.ModuleDict({'fc': a, 'act': b})", ["fc", "act"]),
    ],
)
def test_containers(text: str, names: list[str]) -> None:
    code = f"from collections import OrderedDict\n{PARTS}x = {text}\n"
    assert tree(code, "x")[1:] == list(zip(names, ["Linear", "ReLU"], strict=True))


def test_nested_containers() -> None:
    text = "x = nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.ModuleDict({'a': nn.ReLU()}))\n"
    assert [path for path, _ in tree(text, "x")] == ["", "0", "0.0", "1", "1.a"]
    assert len(containers(text)) == 3


@pytest.mark.parametrize(
    "text", ["nn.Sequential(*load())", "nn.Sequential([a, b])", "nn.Sequential(OrderedDict(load()))"]
)
def test_containers_that_are_not_understood_are_opaque(text: str) -> None:
    assert tree(f"from collections import OrderedDict\n{PARTS}x = {text}\n", "x") == [("", "")]


LAYER = "nn.Linear(4096, 10)"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (f"m.classifier[6] = {LAYER}", [("classifier", "6")]),
        (f"m.classifier[-1] = {LAYER}", [("classifier", "6")]),
        (f"m.classifier = {LAYER}", [("", "classifier")]),
        (f"setattr(m, 'fc', {LAYER})", [("", "fc")]),
        (f"m.add_module('fc', {LAYER})", [("", "fc")]),
        (f"m.classifier.add_module('6', {LAYER})", [("classifier", "6")]),
        (f"c = m.classifier\nc[6] = {LAYER}", [("classifier", "6")]),
        (f"m.classifier.append({LAYER})", [("classifier", "7")]),
        (f"setattr(m.classifier, '6', {LAYER})", [("classifier", "6")]),
        (f"m.a = m.b = {LAYER}", [("", "a"), ("", "b")]),
        (f"i = len(m.classifier) - 1\nm.classifier[i] = {LAYER}", [("classifier", "6")]),
        (f"def put(model, name, layer): setattr(model, name, layer)\nput(m, 'fc', {LAYER})", [("", "fc")]),
        (f"m.classifier = nn.Sequential(*list(m.classifier.children())[:-1], {LAYER})", [("", "classifier")]),
        (f"m.classifier = nn.Sequential(*m.classifier[:-1], {LAYER})", [("", "classifier")]),
    ],
)
def test_places(text: str, where: list[tuple[str, str]]) -> None:
    assert placed(f"m = models.vgg16()\n{text}\n") == where


def test_what_was_placed_is_read_again() -> None:
    text = (
        f"m = models.vgg16()\nm.classifier[6] = {LAYER}\nm.extra = nn.ReLU()\n"
        f"x = m.classifier[6].out_features, hasattr(m, 'extra')\n"
    )
    assert known(text) == (10, True)


def test_a_new_head_is_fresh() -> None:
    text = "model = models.resnet18()\nmodel.requires_grad_(False)\nmodel.fc = nn.Linear(512, 10)\n"
    assert (frozen(text), len(flags(text))) == (60, 62)
    assert [flag for name, flag in flags(text).items() if name.startswith("fc.")] == [True, True]


def test_a_layer_may_stand_in_two_places() -> None:
    text = "a, b = models.resnet18(), models.resnet18()\na.fc = b.fc\nb.fc.weight.requires_grad = False\nmodel = a\n"
    assert frozen(text) == 1


def test_deleted_places_are_gone() -> None:
    text = "model = models.resnet18()\ndel model.fc\nx = len(list(model.children()))\n"
    assert known(text) == 9
    assert kinds(tuple(end(text).trace)) == ["Build", "DeleteModule"]


def test_a_deep_copy_is_another_model() -> None:
    text = (
        "import copy\na = models.resnet18()\na.conv1.weight.requires_grad = False\n"
        "b = copy.deepcopy(a)\na.requires_grad_(False)\n"
    )
    assert frozen(text, "a") == 62
    assert frozen(text, "b") == 1
    assert kinds(tuple(end(text).trace)) == ["Build", "SetFlag", "Build", "SetFlag", "SetFlag"]


@pytest.mark.parametrize("wrapper", ["nn.DataParallel", "torch.nn.parallel.DistributedDataParallel"])
def test_wrappers_hold_the_model(wrapper: str) -> None:
    text = f"model = models.resnet18()\nmodel = {wrapper}(model, device_ids=[0])\nx = model.module.fc.in_features\n"
    assert known(text) == 512
    assert frozen(text + "for p in model.parameters():\n    p.requires_grad = False\n") == 62
    assert next(iter(flags(text))) == "module.conv1.weight"


def test_a_wrapper_has_no_head() -> None:
    text = "model = nn.DataParallel(models.resnet18())\nmodel.fc.in_features\n"
    assert ends(text) == []


@pytest.mark.parametrize(
    "call", ["m.to('cuda')", "m.cuda()", "m.eval()", "m.train().float()", "torch.compile(m)", "m.requires_grad_(False)"]
)
def test_methods_that_give_the_model_itself(call: str) -> None:
    assert known(f"m = models.resnet18()\nm = {call}\nx = m.fc.in_features\n") == 512


def test_a_model_of_two_kinds_is_not_guessed() -> None:
    text = (
        "width = 1\nfor name in load():\n    model = getattr(models, name)()\n"
        "    width = model.fc.in_features\nx = width\n"
    )
    assert is_unknown(text)


def test_a_new_parameter_trains_unless_it_says_otherwise() -> None:
    text = (
        "model = models.resnet18()\nmodel.requires_grad_(False)\nmodel.fc.weight = nn.Parameter(torch.rand(5, 512){})\n"
    )
    assert flags(text.format(""))["fc.weight"] is True
    assert flags(text.format(", requires_grad=False"))["fc.weight"] is False
    assert flags(text.format(", flag"))["fc.weight"] is None
    assert flags(text.format("") + "model.requires_grad_(False)\n")["fc.weight"] is False
