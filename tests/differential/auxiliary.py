"""Models with auxiliary heads: Inception, GoogLeNet and those that segment."""

from __future__ import annotations

from collections.abc import Callable

from differential.drawing import Draw
from differential.program import Program
from differential.writing import DATA, class_count, indented, joined, laid_out

# The width before the last layer, and that of the auxiliary head.
SEGMENTATION = {
    "deeplabv3_mobilenet_v3_large": (256, 10),
    "fcn_resnet50": (512, 256),
    "deeplabv3_resnet50": (256, 256),
}
CLASSIFIERS = {"inception_v3": 2048, "googlenet": 1024}
# What train mode returns, by position and by name.
OUTPUTS = {"inception_v3": ("logits", "aux_logits"), "googlenet": ("logits", "aux_logits2", "aux_logits1")}
SIZES = {"inception_v3": 299, "googlenet": 64}


def builds(draw: Draw, builder: str) -> str:
    """A call of the builder that leaves it its auxiliary heads."""
    if builder == "googlenet":
        return draw.pick(
            [
                'models.googlenet(weights="DEFAULT", aux_logits=True)',
                "models.googlenet(weights=None)",
                "models.googlenet(pretrained=True, aux_logits=True)",
                "models.googlenet(weights=None, init_weights=False, aux_logits=True)",
            ]
        )
    return draw.pick(
        [
            'models.inception_v3(weights="DEFAULT")',
            "models.inception_v3(pretrained=True)",
            "models.inception_v3(weights=models.Inception_V3_Weights.IMAGENET1K_V1, aux_logits=True)",
            'models.get_model("inception_v3", weights="DEFAULT")',
        ]
    )


def all_outputs(draw: Draw, builder: str, called: str, images: str, labels: str) -> str:
    """Lines that come to a loss over all that train mode returns."""
    names = OUTPUTS[builder]
    way = draw.pick(["unpacked", "names", "positions", "summed", "function"])
    if way == "names":
        parts = [f"outputs.{name}" for name in names]
    elif way == "positions":
        parts = [f"outputs[{index}]" for index in range(len(names))]
    else:
        parts = ["logits", "aux"] if len(names) == 2 else ["logits", "aux2", "aux1"]
    outputs = ", ".join(parts) if way in ("unpacked", "summed", "function") else "outputs"
    lines = [f"{outputs} = {called}({images})"]
    if way == "summed":
        lines += [
            f"loss = criterion({parts[0]}, {labels})",
            *(f"loss = loss + 0.4 * criterion({part}, {labels})" for part in parts[1:]),
        ]
    else:
        loss = "F.cross_entropy" if way == "function" else "criterion"
        terms = [f"{'' if index == 0 else '0.4 * '}{loss}({part}, {labels})" for index, part in enumerate(parts)]
        lines.append(f"loss = {' + '.join(terms)}")
    return joined(*lines)


def _classifier(draw: Draw) -> Program:
    """The auxiliary heads of Inception and GoogLeNet, replaced or left, used or not."""
    name = draw.pick(list(CLASSIFIERS))
    width = CLASSIFIERS[name]
    main = draw.pick(
        [
            "@m.fc = nn.Linear(@W, @n)",
            "@m.fc = nn.Linear(@m.fc.in_features, @n)",
            "@m.fc = nn.Sequential(nn.Dropout(0.2), nn.Linear(@W, @n))",
            "@m.fc = nn.Sequential(\n    nn.Linear(@W, 64),\n    nn.ReLU(),\n    nn.Linear(64, @n),\n)",
            "width = @m.fc.in_features\n@m.fc = nn.Linear(width, @n)",
            "setattr(@m, 'fc', nn.Linear(@W, @n))",
        ]
    )
    if name == "inception_v3":
        options = {
            "literal": "@m.AuxLogits.fc = nn.Linear(768, @n)",
            "read": "@m.AuxLogits.fc = nn.Linear(@m.AuxLogits.fc.in_features, @n)",
            "variable": "aux = @m.AuxLogits\naux.fc = nn.Linear(aux.fc.in_features, @n)",
            "HL105": "",
            "HL201": "@m.AuxLogits.fc = nn.Linear(@W, @n)",
            "HL102": "@m.AuxLogits.fc = nn.Linear(@m.AuxLogits.in_features, @n)",
        }
    else:
        options = {
            "both": "@m.aux1.fc2 = nn.Linear(1024, @n)\n@m.aux2.fc2 = nn.Linear(1024, @n)",
            "loop": "for aux in (@m.aux1, @m.aux2):\n    aux.fc2 = nn.Linear(aux.fc2.in_features, @n)",
            "read": "@m.aux1.fc2 = nn.Linear(@m.aux1.fc2.in_features, @n)\n@m.aux2.fc2 = nn.Linear(@m.aux2.fc2.in_features, @n)",
            "HL105": "",
            "HL105 one": "@m.aux1.fc2 = nn.Linear(1024, @n)",
            "HL201": "@m.aux1.fc2 = nn.Linear(2048, @n)\n@m.aux2.fc2 = nn.Linear(2048, @n)",
            "HL102": "@m.aux1.fc = nn.Linear(@m.aux1.fc.in_features, @n)",
        }  # fmt: skip
    options |= {"none": "@m.aux_logits = False", "HL200": f"@m.aux_logits = False\n{next(iter(options.values()))}"}
    way, aux = draw.named(options)
    off = way in ("none", "HL200")
    inside = draw.coin()
    called = "net" if inside else "model"
    steps = {"all": all_outputs(draw, name, called, "x", "y")}
    if off:
        steps = {"plain": f"loss = criterion({called}(x), y)"}
    elif not way.startswith("HL105"):
        steps |= {
            "logits": f"outputs = {called}(x)\nloss = criterion(outputs.logits, y)",
            "tuple": f"outputs = {called}(x)\nif isinstance(outputs, tuple):\n    outputs = outputs[0]\nloss = criterion(outputs, y)",
            "first": f"outputs = {called}(x)[0]\nloss = criterion(outputs, y)",
            "HL403": f"outputs = {called}(x)\nloss = criterion(outputs, y)",
            "HL403 one line": f"loss = F.cross_entropy({called}(x), y)",
            "HL403 softmax": f"outputs = F.log_softmax({called}(x), dim=1)\nloss = F.nll_loss(outputs, y)",
            "HL403 method": f"outputs = {called}(x)\npreds = outputs.argmax(1)\nloss = criterion(outputs[0], y)",
        }
    _, step = draw.named(steps)
    classes, define = class_count(draw)
    optimizer = draw.pick(
        [
            f"optimizer = optim.Adam({called}.parameters())",
            f"optimizer = optim.SGD([p for p in {called}.parameters() if p.requires_grad], lr=0.01)",
        ]
    )
    train = joined(
        optimizer,
        "criterion = nn.CrossEntropyLoss()",
        f"{called}.train()",
        f"for x, y in loader:\n{indented(joined('optimizer.zero_grad()', step, 'loss.backward()', 'optimizer.step()'))}",
        f"{called}.eval()\nwith torch.no_grad():\n    print({called}(next(iter(loader))[0]).shape)",
    )
    surgery = joined(*draw.pick([(main, aux), (aux, main)]))
    build = builds(draw, name)

    def filled(model: str) -> str:
        return surgery.replace("@m", model).replace("@W", str(width)).replace("@n", "num_classes")

    if inside:
        init = joined("super().__init__()", f"self.net = {build}", filled("self.net"))
        text = (
            f"class Net(nn.Module):\n    def __init__(self, num_classes):\n{indented(init, 2)}\n"
            f"    def forward(self, x):\n        return self.net(x)\n\n\n"
        ) + joined(DATA, define, f"net = Net({classes})", train)
    else:
        text = laid_out(draw, build=build, surgery=filled("model"), rest=train, classes=classes, define=define)
    return Program(text, (3, SIZES[name], SIZES[name]), (name,))


def _segmentation(draw: Draw) -> Program:
    # The others take headlint seconds each.
    name = draw.pick([*SEGMENTATION, *["deeplabv3_mobilenet_v3_large"] * 4])
    width, auxiliary = SEGMENTATION[name]
    build = draw.pick(
        [f'models.segmentation.{name}(weights="DEFAULT")', f"models.segmentation.{name}(weights=None, aux_loss=True)",
         f"models.segmentation.{name}(pretrained=True)", f'models.get_model("{name}", weights="DEFAULT")'],
    )  # fmt: skip
    planned, head = draw.named(
        {
            "": f"model.classifier[4] = nn.Conv2d({width}, @n, kernel_size=1)\n"
            f"model.aux_classifier[4] = nn.Conv2d({auxiliary}, @n, kernel_size=1)",
            "last": f"model.classifier[-1] = nn.Conv2d({width}, @n, 1)\nmodel.aux_classifier = None",
            "read": "model.classifier[4] = nn.Conv2d(model.classifier[4].in_channels, @n, kernel_size=(1, 1))\n"
            "model.aux_classifier[4] = nn.Conv2d(model.aux_classifier[4].in_channels, @n, 1)",
            "HL105": f"model.classifier[4] = nn.Conv2d({width}, @n, kernel_size=1)",
            "HL105 last": "model.classifier[-1] = nn.Conv2d(model.classifier[-1].in_channels, @n, kernel_size=(1, 1))",
            "HL105 two layers": f"model.classifier[4] = nn.Sequential(\n    nn.Conv2d({width}, 32, 3, padding=1),\n    nn.ReLU(),\n    nn.Conv2d(32, @n, 1),\n)",
            "HL103": "model.classifier[4].out_channels = @n",
            "HL101": f"model.fc = nn.Conv2d({width}, @n, 1)",
            "HL101 head": f"model.classifier_head = nn.Sequential(nn.Conv2d({width}, 64, 1), nn.ReLU(), nn.Conv2d(64, @n, 1))",
            "HL201": f"model.classifier[4] = nn.Conv2d({width * 2}, @n, 1)\nmodel.aux_classifier = None",
            "HL202": f"model.classifier[4] = nn.Sequential(nn.Conv2d({width}, 64, 1), nn.ReLU(), nn.Conv2d(32, @n, 1))\nmodel.aux_classifier = None",
            "HL204": f"model.classifier[4] = nn.Linear({width}, @n)\nmodel.aux_classifier = None",
            "HL102": "model.classifier[4] = nn.Conv2d(model.classifier.in_channels, @n, 1)",
            "HL104": "model.num_classes = @n",
        },
    )  # fmt: skip
    with_aux = planned not in ("last", "HL201", "HL202", "HL204")
    both = {
        "both": "outputs = model(images)\nloss = criterion(outputs['out'], masks) + 0.5 * criterion(outputs['aux'], masks)",
        "both taken out": "outputs = model(images)\nout, aux = outputs['out'], outputs['aux']\nloss = criterion(out, masks)\nloss = loss + 0.4 * criterion(aux, masks)",
        "both, function": "outputs = model(images)\nloss = F.cross_entropy(outputs['out'], masks)\nloss += 0.5 * F.cross_entropy(outputs['aux'], masks)",
    }
    steps = {
        "out": "loss = criterion(model(images)['out'], masks)",
        "name": "outputs = model(images)\noutput = outputs['out']\nloss = criterion(output, masks)",
        "HL403": "loss = criterion(model(images), masks)",
        "HL403 method": "loss = criterion(model(images).float(), masks)",
        "HL403 function": "outputs = torch.sigmoid(model(images))\nloss = criterion(outputs, masks)",
        "HL314": "with torch.no_grad():\n    outputs = model(images)['out']\nloss = criterion(outputs, masks)",
        **(both if with_aux else {}),
    }
    _, out = draw.named(both if planned.startswith("HL105") else steps)
    _, freeze = draw.named(
        {
            "": "",
            "loop": "for p in model.backbone.parameters():\n    p.requires_grad = False",
            "call": "model.backbone.requires_grad_(False)",
            "HL303": "model.backbone.requires_grad = False",
            "HL304": "for p in model.backbone.parameters():\n    p.require_grad = False",
        }
    )
    classes, define = class_count(draw)
    loop = f"for images, masks in loader:\n{indented(joined('optimizer.zero_grad()', out, 'loss.backward()', 'optimizer.step()'))}"
    text = laid_out(
        draw,
        build=build,
        surgery=joined(*draw.pick([(freeze, head), (head, freeze)])).replace("@n", "num_classes"),
        rest=joined("optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)",
                    "criterion = nn.CrossEntropyLoss()", "model.train()", loop),
        classes=classes,
        define=define,
    )  # fmt: skip
    return Program(text, (3, 64, 64), (name,), targets="masks")


STYLES: dict[str, Callable[[Draw], Program]] = {"segmentation": _segmentation, "inception": _classifier}
