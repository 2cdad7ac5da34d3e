"""The styles in which programs about a classifier are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from differential import training
from differential.architectures import ALL, CHEAP
from differential.drafts import Draft, draft_of, surgery_of
from differential.drawing import pick
from differential.program import Program
from differential.writing import DATA, class_count, indented, joined

Runs = Sequence[tuple[str, ...]]


def program_of(text: str, drafts: Sequence[Draft], runs: Runs = ((),), drive: Sequence[str] = ()) -> Program:
    """The program that some drafts have become."""
    return Program(
        text,
        drafts[0].one.inputs,
        tuple(draft.one.builder for draft in drafts),
        tuple(runs),
        tuple(drive),
        planned=tuple(name for draft in drafts for name in draft.planned),
    )


def _flat(draw: Any) -> Program:
    draft = draft_of(draw, pick(draw, ALL))
    classes, define = class_count(draw)
    model = draw(st.sampled_from(["model", "net", "model_ft"]))
    move = f"{model} = {model}.to(device)\n"
    optimizer = draft.filled(draft.optimizer, model, model, classes)
    text = joined(
        DATA,
        define,
        f"{model} = {draft.build}",
        move if draft.move == "first" else "",
        optimizer if draft.early_optimizer else "",
        surgery_of(draft, model, classes),
        move if draft.move in ("late", "early") else "",
        "" if draft.early_optimizer else optimizer,
        f"criterion = {draft.criterion}",
        draft.filled(draft.loop, model, model, classes),
        draft.filled(draft.ending, model, model, classes),
    )
    return program_of(text, [draft])


def _functions(draw: Any) -> Program:
    draft = draft_of(draw, pick(draw, ALL))
    classes, define = class_count(draw)
    order = draft.early_optimizer
    first = draft.move == "first"
    body = joined(
        f"model = {draft.build}",
        "model = model.to(device)" if first else "",
        draft.filled(draft.optimizer, "model", "model", "num_classes") if order else "",
        surgery_of(draft, "model", "num_classes"),
        "return model, optimizer" if order else "return model",
    )
    loop = joined(draft.filled(draft.loop, "model", "model", "num_classes"), "return model")
    ending = draft.filled(draft.ending, "model", "model", classes)
    main = joined(
        DATA,
        define,
        f"{'model, optimizer' if order else 'model'} = build_model({classes})",
        "" if first or draft.move == "none" else "model.to(device)",
        "" if order else draft.filled(draft.optimizer, "model", "model", classes),
        f"model = train(model, loader, {draft.criterion}, optimizer)",
        ending,
    )
    text = (
        f"def build_model(num_classes):\n{indented(body)}\n\n"
        f"def train(model, loader, criterion, optimizer):\n{indented(loop)}\n\n"
    )
    guard = draw(st.sampled_from(["guard", "main", "plain"]))
    if guard == "guard":
        text += f'if __name__ != "imported":\n{indented(main)}'
    elif guard == "main":
        text += f"def main():\n{indented(main)}\n\nmain()\n"
    else:
        text += main
    return program_of(text, [draft])


def _module(draw: Any) -> Program:
    draft = draft_of(draw, pick(draw, ALL))
    classes, define = class_count(draw)
    attribute = draw(st.sampled_from(["backbone", "model", "net"]))
    inside = f"self.{attribute}"
    init = joined(
        "super().__init__()",
        f"{inside} = {draft.build}",
        surgery_of(draft, inside, "num_classes") if not draft.early_optimizer else "",
    )
    outside = f"net.{attribute}"
    late = draft.filled(joined(draft.before, draft.head, draft.behind), outside, outside, classes)
    text = (
        f"class Net(nn.Module):\n    def __init__(self, num_classes=3):\n{indented(init, 2)}\n"
        f"    def forward(self, x):\n        return {inside}(x)\n\n\n"
    )
    text += joined(
        DATA,
        define,
        f"net = Net({classes})",
        "net = net.to(device)" if draft.move != "none" else "",
        draft.filled(draft.optimizer, outside, "net", classes),
        late if draft.early_optimizer else "",
        f"criterion = {draft.criterion}",
        draft.filled(draft.loop, outside, "net", classes),
        draft.filled(draft.ending, outside, "net", classes),
    )
    return program_of(text, [draft])


def _composed(draw: Any) -> Program:
    """A backbone whose head is an Identity, and a head beside it."""
    one = pick(draw, CHEAP)
    draft = draft_of(draw, one, 0)
    wrong = draw(st.sampled_from(["", "", "", "whole", "width", "inner", "no_grad"]))
    width = {"width": one.width // 2, "inner": one.width}.get(wrong, one.width)
    empty = "" if wrong == "whole" else f"self.backbone{draft.filled('@H', '', '', '')} = nn.Identity()"
    hidden = 64 if wrong == "inner" else 128
    head = pick(
        draw,
        [
            f"self.head = nn.Linear({width}, num_classes)",
            f"self.head = nn.Sequential(nn.Linear({width}, 128), nn.ReLU(), nn.Linear({hidden}, num_classes))",
            f"self.head = Head({width}, num_classes)",
        ],
    )
    frozen = pick(
        draw,
        [
            "",
            "for p in self.backbone.parameters():\n    p.requires_grad = False",
            "self.backbone.requires_grad_(False)",
        ],
    )
    forward = pick(
        draw,
        [
            "return self.head(self.backbone(x))",
            "features = self.backbone(x)\nreturn self.head(features)",
            "features = self.backbone(x)\nfeatures = torch.flatten(features, 1)\nx = self.head(features)\nreturn x",
            "with torch.no_grad():\n    features = self.backbone(x)\nreturn self.head(features)",
        ],
    )
    if wrong == "no_grad":
        forward = "with torch.no_grad():\n    return self.head(self.backbone(x))"
    init = joined("super().__init__()", f"self.backbone = {draft.build}", frozen, empty, head)
    text = (
        f"class Net(nn.Module):\n    def __init__(self, num_classes=3):\n{indented(init, 2)}\n"
        f"    def forward(self, x):\n{indented(forward, 2)}\n\n\n"
    )
    classes, define = class_count(draw)
    optimizer = pick(draw, ["optimizer = optim.SGD(net.parameters(), lr=0.1)", "optimizer = optim.Adam(net.head.parameters())",
                            "optimizer = optim.Adam(filter(lambda p: p.requires_grad, net.parameters()))"])  # fmt: skip
    text += joined(
        DATA, define, f"net = Net(num_classes={classes})", optimizer, f"criterion = {draft.criterion}",
        draft.filled(training.LOOPS[draw(st.sampled_from(["plain", "counted", "clipped"]))], "net.backbone", "net", classes),
    )  # fmt: skip
    draft.planned += [wrong] if wrong else []
    return program_of(text, [draft])


def _children(draw: Any) -> Program:
    """The children of a model one after the other, with and without what lies between them."""
    one = pick(
        draw,
        [
            one
            for one in CHEAP
            if one.builder.startswith(("resnet", "densenet", "mobilenet", "shuffle", "regnet", "effic"))
        ],
    )
    draft = draft_of(draw, one, 0)
    width = one.width if one.builder != "mobilenet_v3_small" else 576
    width = 960 if one.builder == "mobilenet_v3_large" else width
    way = draw(st.sampled_from(["pooled", "flat", "bare", "relu", "forward", "forward_bare"]))
    layers = {
        "pooled": "nn.AdaptiveAvgPool2d(1), nn.Flatten(), ",
        "relu": "nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), ",
        "flat": "nn.Flatten(), ",
    }.get(way, "")
    classes, define = class_count(draw)
    if way.startswith("forward"):
        step = "x = x.mean([2, 3])\n" if way == "forward" else ""
        init = joined(
            "super().__init__()",
            f"backbone = {draft.build}",
            "self.features = nn.Sequential(*list(backbone.children())[:-1])",
            f"self.fc = nn.Linear({width}, classes)",
        )
        text = (
            f"class Net(nn.Module):\n    def __init__(self, classes):\n{indented(init, 2)}\n    def forward(self, x):\n"
            f"{indented(joined('x = self.features(x)', step, 'return self.fc(x)'), 2)}\n\n"
        )
        build = f"model = Net({classes})"
    else:
        text = ""
        build = f"backbone = {draft.build}\nmodel = nn.Sequential(*list(backbone.children())[:-1], {layers}nn.Linear({width}, {classes}))"
    text += joined(
        DATA, define, build, "optimizer = optim.Adam(model.parameters())", f"criterion = {draft.criterion}",
        draft.filled(training.LOOPS["plain"], "model", "model", classes),
    )  # fmt: skip
    draft.planned.append(f"children {way}")
    return program_of(text, [draft])


def _trainer(draw: Any) -> Program:
    draft = draft_of(draw, pick(draw, ALL))
    model = "self.model"
    text = f"""\
class Trainer:
    def __init__(self, loader, num_classes, lr=0.01):
        self.loader = loader
        self.num_classes = num_classes
        self.lr = lr
        self.model = self.build()
        self.model.to(device)
        self.criterion = {draft.criterion}
        self.optimizer = self.make_optimizer()

    def build(self):
{indented(joined(f"model = {draft.build}", surgery_of(draft, "model", "self.num_classes"), "return model"), 2)}
    def make_optimizer(self):
{indented(joined(draft.filled(draft.optimizer, model, model, "self.num_classes"), "return optimizer"), 2)}
    def fit(self):
        loader, criterion, optimizer = self.loader, self.criterion, self.optimizer
{indented(joined(draft.filled(draft.loop, model, model, "self.num_classes")), 2)}

"""
    classes, define = class_count(draw)
    text += joined(DATA, define, f"trainer = Trainer(loader, {classes})", "trainer.fit()")
    return program_of(text, [draft])


def _lightning(draw: Any) -> Program:
    draft = draft_of(draw, pick(draw, [one for one in ALL if one.builder != "inception_v3"]))
    model = draw(st.sampled_from(["self.model", "self.backbone"]))
    optimizer = joined(
        draft.filled(draft.optimizer, model, "self", "num_classes"),
        "return [optimizer], [scheduler]" if "scheduler" in draft.optimizer else "return optimizer",
    )
    init = joined(
        "super().__init__()",
        "self.save_hyperparameters()",
        f"{model} = {draft.build}",
        surgery_of(draft, model, "num_classes"),
        "self.criterion = nn.CrossEntropyLoss()",
    )
    text = f"""\
import pytorch_lightning as pl


class Classifier(pl.LightningModule):
    def __init__(self, num_classes=10, lr=1e-3):
{indented(init, 2)}
    def forward(self, x):
        return {model}(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = {pick(draw, ["self.criterion(self(x), y)", "F.cross_entropy(self(x), y)", f"F.cross_entropy({model}(x), y)"])}
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
{indented(optimizer, 2)}

"""
    classes, define = class_count(draw)
    text += joined(
        DATA,
        define,
        f"module = Classifier({classes})",
        "trainer = pl.Trainer(max_epochs=3)",
        "trainer.fit(module, loader)",
    )
    draft.planned = [name for name in draft.planned if name not in ("HL305", "HL309")]
    return program_of(text, [draft])


def _factory(draw: Any) -> Program:
    """An if/elif chain over architectures, and a second one with the same tests for the heads."""
    options = [one for one in CHEAP if one.inputs == CHEAP[0].inputs]
    chosen = [pick(draw, options) for _ in range(draw(st.integers(2, 3)))]
    chosen = list({one.builder: one for one in chosen}.values())
    mistaken = draw(st.sampled_from([-1, -1, *range(len(chosen))]))
    drafts = [draft_of(draw, one, int(index == mistaken)) for index, one in enumerate(chosen)]
    for draft in drafts:
        if "HL312" in draft.planned:
            draft.planned.remove("HL312")
    split = draw(st.booleans())
    builds, surgeries, both = [], [], []
    for index, draft in enumerate(drafts):
        word = "if" if index == 0 else "elif"
        test = f'{word} arch == "{draft.one.builder}":\n'
        build = f"model = {draft.build}"
        surgery = surgery_of(draft, "model", "num_classes") or "pass"
        builds.append(test + indented(build))
        surgeries.append(test + indented(surgery))
        both.append(test + indented(joined(build, surgery)))
    fail = 'else:\n    raise ValueError(f"unknown architecture {arch}")'
    body = joined(*builds, fail, *surgeries) if split else joined(*both, fail)
    first = drafts[0]
    generic = pick(draw, ["all", "adam", "filter", "list", "scheduled"])  # what every head allows
    optimizer = first.filled(training.optimizers(first.one)[generic], "model", "model", "")
    text = f"def build_model(arch, num_classes):\n{indented(joined(body, 'return model'))}\n\n"
    args = draw(st.sampled_from(["argv", "argparse", "driven"]))
    classes = "num_classes"
    train = joined(
        optimizer,
        "criterion = nn.CrossEntropyLoss()",
        first.filled(training.LOOPS["plain"], "model", "model", classes),
    )
    runs: list[tuple[str, ...]] = [(one.builder,) for one in chosen]
    if args == "argv":
        text += joined(DATA, "arch = sys.argv[1]", "model = build_model(arch, len(train_set.classes))", train)
    elif args == "argparse":
        names = ", ".join(f'"{one.builder}"' for one in chosen)
        text += joined(
            "import argparse\n", "parser = argparse.ArgumentParser()",
            f'parser.add_argument("--arch", default="{chosen[0].builder}", choices=[{names}])',
            'parser.add_argument("--classes", type=int, default=4)',
            "args = parser.parse_args()", DATA, "model = build_model(args.arch, args.classes)", train,
        )  # fmt: skip
        runs = [("--arch", one.builder) for one in chosen]
    else:
        return program_of(text, drafts, runs, ["model = build_model(sys.argv[1], 6)"])
    return program_of(text, drafts, runs)


def _dispatch(draw: Any) -> Program:
    """A dict of builders with the names of their heads."""
    options = [one for one in CHEAP if "[" not in one.head and "." not in one.head]
    chosen = list({one.builder: one for one in (pick(draw, options) for _ in range(3))}.values())
    wrong = draw(st.sampled_from([False, False, True]))
    rows = []
    for index, one in enumerate(chosen):
        name = one.wrong[0] if wrong and index == 0 else one.head
        rows.append(f'    "{one.builder}": (models.{one.builder}, "{name}", {one.width}),')
    text = "BACKBONES = {\n" + "\n".join(rows) + "\n}\n\n"
    body = joined(
        "make, head, width = BACKBONES[name]",
        'model = make(weights="DEFAULT")',
        pick(draw, ["", "for p in model.parameters():\n    p.requires_grad = False"]),
        "setattr(model, head, nn.Linear(width, classes))",
        "return model",
    )
    text += f"\ndef build(name, classes):\n{indented(body)}\n\n"
    loop = training.LOOPS["plain"].replace("@c", "model")
    use = draw(st.sampled_from(["loop", "argv"]))
    train = joined("optimizer = optim.SGD(model.parameters(), lr=0.1)", "criterion = nn.CrossEntropyLoss()", loop)
    if use == "loop":
        text += joined(DATA, "for name in BACKBONES:", indented(joined("model = build(name, 8)", train)))
        runs: list[tuple[str, ...]] = [()]
    else:
        text += joined(DATA, "model = build(sys.argv[1], 8)", train)
        runs = [(one.builder,) for one in chosen]
    drafts = [Draft(one, "", "", "", "", "", "", "") for one in chosen]
    drafts[0].planned = ["HL101 dispatch"] if wrong else []
    return program_of(text, drafts, runs)


def _library(draw: Any) -> Program:
    """Functions for others, which the file itself does not call."""
    draft = draft_of(draw, pick(draw, ALL))
    default = draw(st.sampled_from(["num_classes", "num_classes=10", "num_classes: int = 5"]))
    body = joined(f"model = {draft.build}", surgery_of(draft, "model", "num_classes"), "return model")
    text = f"def create_model({default}):\n{indented(body)}"
    return program_of(text, [draft], drive=["model = create_model(6)"])


STYLES: dict[str, Callable[[Any], Program]] = {
    "flat": _flat,
    "functions": _functions,
    "module": _module,
    "composed": _composed,
    "children": _children,
    "trainer": _trainer,
    "lightning": _lightning,
    "factory": _factory,
    "dispatch": _dispatch,
    "library": _library,
}
