"""Programs that are about something else than one classifier: wrappers, several models, weights that are loaded."""

from __future__ import annotations

from collections.abc import Callable

from differential import training
from differential.architectures import CHEAP, PLAIN
from differential.drafts import draft_of, right_draft, surgery_of
from differential.drawing import Draw
from differential.mistakes import MODEL
from differential.program import Program
from differential.styles import program_of
from differential.writing import DATA, class_count, indented, joined


def _wrapped(draw: Draw) -> Program:
    """DataParallel in front of the surgery or behind it."""
    way, _ = draw.named(dict.fromkeys(["behind", "again", "module", "features", "HL101", "HL102"], ""))
    one = draw.pick(CHEAP)
    draft = right_draft(draw, one) if way.startswith("HL") or way == "features" else draft_of(draw, one, MODEL)
    inside = {"module": "model.module", "HL101": "model", "HL102": "model"}.get(way, "model")
    changes = surgery_of(draft, inside, "5")
    if way == "HL101":
        changes = f"model.{draft.one.name.partition('.')[0]} = nn.Linear({draft.one.width}, 5)"
    if way == "HL102":
        changes = draft.filled("@m@H = nn.Linear(@m@H.in_features, 5)", "model", "model", "5")
    wrap = "model = nn.DataParallel(model)"
    loop = draft.filled(training.LOOPS["plain"], "model", "model", "5")
    optimizer = draft.filled(training.optimizers(draft.one)["filter"], "model", "model", "5")
    if way == "features" and one.parts[0] == "features":
        early, late = "model.features = nn.DataParallel(model.features)", ""
        changes = draft.filled("@m@H = nn.Linear(@W, 5)", "model", "model", "5") if draft.one.layer == "Linear" else ""
    else:
        early, late = (wrap, "") if way in ("module", "HL101", "HL102") else ("", wrap)
    text = joined(DATA, f"model = {draft.build}", early, changes, late, "model.to(device)", optimizer,
                  f"criterion = {draft.criterion}", loop)  # fmt: skip
    return program_of(text, [draft])


def _instances(draw: Draw) -> Program:
    """Two models of one builder, of which the wrong one may be put to use."""
    one = draw.pick(CHEAP)
    draft = right_draft(draw, one)
    way, _ = draw.named(dict.fromkeys(["teacher", "both", "compare", "HL108", "HL108 class"], ""))
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
    return program_of(text, [draft])


def _checkpoint(draw: Draw) -> Program:
    """Weights that are loaded, and a model that is only put to use."""
    one = draw.pick(PLAIN)
    draft = draft_of(draw, one, {"head", "build"})
    _, load = draw.named(
        {
            "right": "model.load_state_dict(torch.load('best.pth', map_location=device))",
            "state": "state = torch.load('best.pth')\nmissing = model.load_state_dict(state, strict=False)",
            "HL404": "model = model.load_state_dict(torch.load('best.pth'))",
            "HL404 chained": "model = model.load_state_dict(torch.load('best.pth'), strict=False)",
        }
    )
    freeze = draw.pick(["", "for p in model.parameters():\n    p.requires_grad = False"])
    use = draw.pick(
        [
            "model.eval()\nwith torch.no_grad():\n    for images, _ in loader:\n        print(model(images).argmax(1))",
            "with torch.inference_mode():\n    logits = model(next(iter(loader))[0])\n    print(F.softmax(logits, dim=1))",
            "model.to(device).eval()\nimages, labels = next(iter(loader))\nprint(model(images).max(1))",
        ],
    )  # fmt: skip
    classes, define = class_count(draw)
    if draw.coin():
        body = indented(
            joined(f"model = {draft.build}", surgery_of(draft, "model", "num_classes"), load, freeze, "return model")
        )
        text = f"def load_model(num_classes):\n{body}\n\n" + joined(DATA, define, f"model = load_model({classes})", use)
    else:
        text = joined(DATA, define, f"model = {draft.build}", surgery_of(draft, "model", classes), load, freeze, use)
    return program_of(text, [draft])


STYLES: dict[str, Callable[[Draw], Program]] = {
    "wrapped": _wrapped,
    "instances": _instances,
    "checkpoint": _checkpoint,
}
