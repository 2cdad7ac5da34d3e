"""Programs that are about something else than one classifier: segmentation, wrappers, several models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from differential import training
from differential.architectures import CHEAP, PLAIN
from differential.drafts import draft_of, surgery_of
from differential.drawing import pick, pick_named
from differential.program import Program
from differential.styles import program_of
from differential.writing import DATA, class_count, indented, joined, laid_out

SEGMENTATION = {
    "deeplabv3_mobilenet_v3_large": 256,
    "fcn_resnet50": 512,
    "deeplabv3_resnet50": 256,
}


def _segmentation(draw: Any) -> Program:
    name, width = draw(st.sampled_from(list(SEGMENTATION.items())))
    build = pick(
        draw,
        [f'models.segmentation.{name}(weights="DEFAULT")', f"models.segmentation.{name}(weights=None, aux_loss=True)",
         f"models.segmentation.{name}(pretrained=True)", f'models.get_model("{name}", weights="DEFAULT")'],
    )  # fmt: skip
    auxiliary = 10 if "mobilenet" in name else 256
    planned, head = pick_named(
        draw,
        {
            "": f"model.classifier[4] = nn.Conv2d({width}, @n, kernel_size=1)\n"
            f"model.aux_classifier[4] = nn.Conv2d({auxiliary}, @n, kernel_size=1)",
            "last": f"model.classifier[-1] = nn.Conv2d({width}, @n, 1)\nmodel.aux_classifier = None",
            "read": "model.classifier[4] = nn.Conv2d(model.classifier[4].in_channels, @n, kernel_size=(1, 1))\n"
            "model.aux_classifier[4] = nn.Conv2d(model.aux_classifier[4].in_channels, @n, 1)",
            "HL105": f"model.classifier[4] = nn.Conv2d({width}, @n, kernel_size=1)",
            "HL103": "model.classifier[4].out_channels = @n",
            "HL101": f"model.fc = nn.Conv2d({width}, @n, 1)",
            "HL201": f"model.classifier[4] = nn.Conv2d({width * 2}, @n, 1)\nmodel.aux_classifier = None",
            "HL102": "model.classifier[4] = nn.Conv2d(model.classifier.in_channels, @n, 1)",
        },
    )  # fmt: skip
    with_aux = planned in ("", "read", "HL105", "HL103", "HL101")
    step, out = pick_named(
        draw,
        {
            "out": "loss = criterion(model(images)['out'], masks)",
            "name": "outputs = model(images)\noutput = outputs['out']\nloss = criterion(output, masks)",
            "HL403": "loss = criterion(model(images), masks)",
            "HL403 method": "loss = criterion(model(images).float(), masks)",
            "both": "outputs = model(images)\n"
            "loss = criterion(outputs['out'], masks) + 0.5 * criterion(outputs['aux'], masks)" if with_aux else
            "loss = criterion(model(images)['out'], masks)",
        },
    )  # fmt: skip
    freeze = pick(
        draw,
        [
            "",
            "for p in model.backbone.parameters():\n    p.requires_grad = False",
            "model.backbone.requires_grad_(False)",
        ],
    )
    classes, define = class_count(draw)
    loop = f"for images, masks in loader:\n{indented(_step(out))}"
    body = laid_out(
        draw,
        build=build,
        surgery=joined(freeze, head).replace("@n", "num_classes"),
        rest=joined("optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)",
                    "criterion = nn.CrossEntropyLoss()", "model.train()", loop),
        classes=classes,
        define=define,
    )  # fmt: skip
    mistakes = tuple(one for one in (planned, step) if one.startswith("HL"))
    return Program(body, (3, 64, 64), (name,), targets="masks", planned=mistakes)


def _step(loss: str) -> str:
    return joined("optimizer.zero_grad()", loss, "loss.backward()", "optimizer.step()")


def _wrapped(draw: Any) -> Program:
    """DataParallel in front of the surgery or behind it."""
    draft = draft_of(draw, pick(draw, CHEAP))
    way = draw(st.sampled_from(["behind", "behind", "module", "HL101", "HL102", "features"]))
    inside = {"module": "model.module", "HL101": "model", "HL102": "model"}.get(way, "model")
    changes = surgery_of(draft, inside, "5")
    if way == "HL101":
        changes = f"model.{draft.one.name.partition('.')[0]} = nn.Linear({draft.one.width}, 5)"
    if way == "HL102":
        changes = draft.filled("@m@H = nn.Linear(@m@H.in_features, 5)", "model", "model", "5")
    wrap = "model = nn.DataParallel(model)"
    loop = draft.filled(training.LOOPS["plain"], "model", "model", "5")
    optimizer = draft.filled(training.optimizers(draft.one)["filter"], "model", "model", "5")
    if way == "features" and hasattr(draft.one, "parts") and draft.one.parts[0] == "features":
        early, late = "model.features = nn.DataParallel(model.features)", ""
        changes = draft.filled("@m@H = nn.Linear(@W, 5)", "model", "model", "5") if draft.one.layer == "Linear" else ""
    else:
        early, late = (wrap, "") if way in ("module", "HL101", "HL102") else ("", wrap)
    text = joined(DATA, f"model = {draft.build}", early, changes, late, "model.to(device)", optimizer,
                  f"criterion = {draft.criterion}", loop)  # fmt: skip
    draft.planned += [way] if way.startswith("HL") else []
    return program_of(text, [draft])


def _instances(draw: Any) -> Program:
    """Two models of one builder, of which the wrong one may be put to use."""
    one = pick(draw, CHEAP)
    draft = draft_of(draw, one, 0)
    way = draw(st.sampled_from(["HL108", "HL108 class", "teacher", "both", "compare"]))
    head = draft.filled("@m@H = nn.Linear(@W, 5)", "net", "net", "5")
    loop = draft.filled(training.LOOPS["plain"], "model", "model", "5")
    train = joined("optimizer = optim.SGD(model.parameters(), lr=0.1)", "criterion = nn.CrossEntropyLoss()", loop)
    if way == "HL108":
        text = joined(DATA, f"net = {draft.build}", head, f"model = {draft.build}", train)
    elif way == "HL108 class":
        text = (
            f"net = {draft.build}\n{head}\n\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            f"        self.backbone = {draft.build}\n\n    def forward(self, x):\n        return self.backbone(x)\n\n\n"
        ) + joined(DATA, "model = Net()", train)
    elif way == "teacher":
        text = joined(
            DATA, f"model = {draft.build}", draft.filled("@m@H = nn.Linear(@W, 5)", "model", "model", "5"),
            f"teacher = {draft.build}", draft.filled("@m@H = nn.Linear(@W, 5)", "teacher", "teacher", "5"),
            "teacher.load_state_dict(torch.load('teacher.pth'))", "teacher.requires_grad_(False)", "teacher.eval()",
            "optimizer = optim.SGD(model.parameters(), lr=0.1)", "criterion = nn.CrossEntropyLoss()",
            "for images, labels in loader:\n    optimizer.zero_grad()\n    with torch.no_grad():\n"
            "        soft = teacher(images).softmax(dim=1)\n    logits = model(images)\n"
            "    loss = criterion(logits, labels) + F.kl_div(F.log_softmax(logits, dim=1), soft, reduction='batchmean')\n"
            "    loss.backward()\n    optimizer.step()",
        )  # fmt: skip
    elif way == "both":
        text = joined(
            DATA, "scores = {}",
            f"for name in ['{one.builder}']:\n"
            + indented(joined("model = getattr(models, name)(pretrained=True)",
                              draft.filled("@m@H = nn.Linear(@W, 5)", "model", "model", "5"), train, "scores[name] = loss.item()")),
        )  # fmt: skip
    else:
        text = joined(DATA, f"net = {draft.build}", head, f"model = {draft.build}",
                      draft.filled("@m@H = nn.Linear(@W, 5)", "model", "model", "5"), train,
                      "net.eval()\nwith torch.no_grad():\n    print(net(next(iter(loader))[0]).shape)")  # fmt: skip
    draft.planned.append(way)
    return program_of(text, [draft])


def _checkpoint(draw: Any) -> Program:
    """Weights that are loaded, and a model that is only put to use."""
    one = pick(draw, PLAIN)
    draft = draft_of(draw, one, draw(st.sampled_from([0, 0, 1])))
    way = draw(st.sampled_from(["right", "right", "state", "HL404", "HL404 chained"]))
    load = {
        "right": "model.load_state_dict(torch.load('best.pth', map_location=device))",
        "state": "state = torch.load('best.pth')\nmissing = model.load_state_dict(state, strict=False)",
        "HL404": "model = model.load_state_dict(torch.load('best.pth'))",
        "HL404 chained": "model = model.load_state_dict(torch.load('best.pth'), strict=False)",
    }[way]
    freeze = pick(draw, ["", "for p in model.parameters():\n    p.requires_grad = False"])
    use = pick(
        draw,
        [
            "model.eval()\nwith torch.no_grad():\n    for images, _ in loader:\n        print(model(images).argmax(1))",
            "with torch.inference_mode():\n    logits = model(next(iter(loader))[0])\n    print(F.softmax(logits, dim=1))",
            "model.to(device).eval()\nimages, labels = next(iter(loader))\nprint(model(images).max(1))",
        ],
    )  # fmt: skip
    classes, define = class_count(draw)
    if draw(st.booleans()):
        body = indented(
            joined(f"model = {draft.build}", surgery_of(draft, "model", "num_classes"), load, freeze, "return model")
        )
        text = f"def load_model(num_classes):\n{body}\n\n" + joined(DATA, define, f"model = load_model({classes})", use)
    else:
        text = joined(DATA, define, f"model = {draft.build}", surgery_of(draft, "model", classes), load, freeze, use)
    draft.planned += [way] if way.startswith("HL") else []
    return program_of(text, [draft])


def _inception(draw: Any) -> Program:
    """The auxiliary heads of Inception and GoogLeNet."""
    name, size = draw(st.sampled_from([("inception_v3", 299), ("googlenet", 64)]))
    build = {
        "inception_v3": ['models.inception_v3(weights="DEFAULT")', "models.inception_v3(pretrained=True)"],
        "googlenet": ['models.googlenet(weights="DEFAULT", aux_logits=True)', "models.googlenet(weights=None)",
                      'models.googlenet(weights="DEFAULT")'],
    }[name]  # fmt: skip
    width = {"inception_v3": 2048, "googlenet": 1024}[name]
    auxiliary = {
        "inception_v3": "model.AuxLogits.fc = nn.Linear(768, 5)",
        "googlenet": "model.aux1.fc2 = nn.Linear(1024, 5)\nmodel.aux2.fc2 = nn.Linear(1024, 5)",
    }[name]
    chosen = pick(draw, build)
    left = draw(st.sampled_from([False, False, True]))
    has = name == "inception_v3" or chosen != build[-1]
    aux = "" if left or not has else auxiliary
    unpack = "outputs, aux = model(x)" if name == "inception_v3" else "outputs, aux2, aux = model(x)"
    step = pick(
        draw,
        [
            f"{unpack}\nloss = criterion(outputs, y) + 0.4 * criterion(aux, y)",
            "outputs = model(x)\nloss = criterion(outputs.logits, y)",
            "outputs = model(x)\nloss = criterion(outputs, y)",
            "outputs = model(x)\nif isinstance(outputs, tuple):\n    outputs = outputs[0]\nloss = criterion(outputs, y)",
            "outputs = model(x)[0]\nloss = criterion(outputs, y)",
        ],
    )
    off = pick(draw, ["", "", "model.aux_logits = False"])
    text = joined(
        DATA, f"model = {chosen}", f"model.fc = nn.Linear({width}, 5)", aux, off,
        "optimizer = optim.Adam(model.parameters())", "criterion = nn.CrossEntropyLoss()", "model.train()",
        f"for x, y in loader:\n{indented(joined('optimizer.zero_grad()', step, 'loss.backward()', 'optimizer.step()'))}",
        "model.eval()\nwith torch.no_grad():\n    print(model(next(iter(loader))[0]).shape)",
    )  # fmt: skip
    return Program(text, (3, size, size), (name,), planned=("HL105?",) if left else ())


STYLES: dict[str, Callable[[Any], Program]] = {
    "segmentation": _segmentation,
    "wrapped": _wrapped,
    "instances": _instances,
    "checkpoint": _checkpoint,
    "inception": _inception,
}
