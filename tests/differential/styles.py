"""The styles in which programs about a classifier are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from differential import training
from differential.architectures import CHEAP, MIXED
from differential.drafts import Draft, draft_of, right_draft, surgery_of
from differential.drawing import Draw
from differential.mistakes import MODEL, PLACES
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
    )


def _flat(draw: Draw) -> Program:
    draft = draft_of(draw, draw.pick(MIXED))
    classes, define = class_count(draw)
    model = draw.pick(["model", "net", "model_ft"])
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


def _functions(draw: Draw) -> Program:
    draft = draft_of(draw, draw.pick(MIXED))
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
    guard = draw.pick(["guard", "main", "plain"])
    if guard == "guard":
        text += f'if __name__ != "imported":\n{indented(main)}'
    elif guard == "main":
        text += f"def main():\n{indented(main)}\n\nmain()\n"
    else:
        text += main
    return program_of(text, [draft])


def _module(draw: Draw) -> Program:
    draft = draft_of(draw, draw.pick(MIXED), PLACES - {"move"})
    classes, define = class_count(draw)
    attribute = draw.pick(["backbone", "model", "net"])
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
        draft.filled(draft.optimizer, outside, "net", classes),
        late if draft.early_optimizer else "",
        "net = net.to(device)" if draft.move != "none" else "",
        f"criterion = {draft.criterion}",
        draft.filled(draft.loop, outside, "net", classes),
        draft.filled(draft.ending, outside, "net", classes),
    )
    return program_of(text, [draft])


def _composed(draw: Draw) -> Program:
    """A backbone whose head is an Identity, and a head beside it."""
    one = draw.pick(CHEAP)
    draft = right_draft(draw, one)
    wrong, width = draw.named(
        {
            "": one.width,
            "HL205 whole": one.width,
            "HL205 width": one.width // 2,
            "HL205 inner": one.width,
            "HL314": one.width,
        }
    )
    empty = "" if wrong == "HL205 whole" else f"self.backbone{draft.filled('@H', '', '', '')} = nn.Identity()"
    hidden = 64 if wrong == "HL205 inner" else 128
    heads = [
        f"self.head = nn.Linear({width}, num_classes)",
        f"self.head = Head({width}, num_classes)",
        f"self.head = nn.Sequential(nn.Linear({width}, 128), nn.ReLU(), nn.Linear({hidden}, num_classes))",
    ]
    head = draw.pick(heads[-1:] if wrong == "HL205 inner" else heads)
    frozen = draw.pick(
        [
            "",
            "for p in self.backbone.parameters():\n    p.requires_grad = False",
            "self.backbone.requires_grad_(False)",
        ],
    )
    forward = draw.pick(
        [
            "return self.head(self.backbone(x))",
            "features = self.backbone(x)\nreturn self.head(features)",
            "features = self.backbone(x)\nfeatures = torch.flatten(features, 1)\nx = self.head(features)\nreturn x",
            "with torch.no_grad():\n    features = self.backbone(x)\nreturn self.head(features)",
        ],
    )
    if wrong == "HL314":
        forward = "with torch.no_grad():\n    return self.head(self.backbone(x))"
    init = joined("super().__init__()", f"self.backbone = {draft.build}", frozen, empty, head)
    text = (
        f"class Net(nn.Module):\n    def __init__(self, num_classes=3):\n{indented(init, 2)}\n"
        f"    def forward(self, x):\n{indented(forward, 2)}\n\n\n"
    )
    classes, define = class_count(draw)
    optimizer = draw.pick(["optimizer = optim.SGD(net.parameters(), lr=0.1)", "optimizer = optim.Adam(net.head.parameters())",
                            "optimizer = optim.Adam(filter(lambda p: p.requires_grad, net.parameters()))"])  # fmt: skip
    text += joined(
        DATA, define, f"net = Net(num_classes={classes})", optimizer, f"criterion = {draft.criterion}",
        draft.filled(training.LOOPS[draw.pick(["plain", "counted", "clipped"])], "net.backbone", "net", classes),
    )  # fmt: skip
    return program_of(text, [draft])


def _children(draw: Draw) -> Program:
    """The children of a model one after the other, with and without what lies between them."""
    one = draw.pick(
        [
            one
            for one in CHEAP
            if one.builder.startswith(("resnet", "densenet", "mobilenet", "shuffle", "regnet", "effic"))
        ],
    )
    draft = right_draft(draw, one)
    width = one.width if one.builder != "mobilenet_v3_small" else 576
    width = 960 if one.builder == "mobilenet_v3_large" else width
    pooled = "nn.AdaptiveAvgPool2d(1), nn.Flatten(), "
    ways = {
        "pooled": pooled,
        "relu": f"nn.ReLU(), {pooled}",
        "flat": "nn.Flatten(), ",
        "forward": "",
        "HL203 bare": "",
        "HL203 forward": "",
    }
    if one.builder.startswith("densenet"):
        ways["HL203 negative"] = ways.pop("pooled")
    way, layers = draw.named(ways)
    classes, define = class_count(draw)
    if way.endswith("forward"):
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
    return program_of(text, [draft])


def _trainer(draw: Draw) -> Program:
    draft = draft_of(draw, draw.pick(MIXED), MODEL | {"optimizer", "loop"})
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


def _lightning(draw: Draw) -> Program:
    draft = draft_of(draw, draw.pick([one for one in MIXED if one.builder != "inception_v3"]), MODEL | {"optimizer"})
    model = draw.pick(["self.model", "self.backbone"])
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
        loss = {draw.pick(["self.criterion(self(x), y)", "F.cross_entropy(self(x), y)", f"F.cross_entropy({model}(x), y)"])}
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
    return program_of(text, [draft])


def _factory(draw: Draw) -> Program:
    """An if/elif chain over architectures, and a second one with the same tests for the heads."""
    options = [one for one in CHEAP if one.inputs == CHEAP[0].inputs]
    chosen = [draw.pick(options) for _ in range(draw.pick([2, 3]))]
    chosen = list({one.builder: one for one in chosen}.values())
    mistaken = draw.pick(chosen)
    drafts = [draft_of(draw, one, MODEL) if one is mistaken else right_draft(draw, one) for one in chosen]
    split = draw.coin()
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
    generic = draw.pick(["all", "adam", "filter", "list", "scheduled"])  # what every head allows
    optimizer = first.filled(training.optimizers(first.one)[generic], "model", "model", "")
    text = f"def build_model(arch, num_classes):\n{indented(joined(body, 'return model'))}\n\n"
    args = draw.pick(["argv", "argparse", "driven"])
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


def _dispatch(draw: Draw) -> Program:
    """A dict of builders with the names of their heads."""
    options = [one for one in CHEAP if "[" not in one.head and "." not in one.head]
    chosen = list({one.builder: one for one in (draw.pick(options) for _ in range(3))}.values())
    wrong, _ = draw.named({"": "", "HL101": ""})
    rows = []
    for index, one in enumerate(chosen):
        name = one.wrong[0] if wrong and index == 0 else one.head
        rows.append(f'    "{one.builder}": (models.{one.builder}, "{name}", {one.width}),')
    text = "BACKBONES = {\n" + "\n".join(rows) + "\n}\n\n"
    body = joined(
        "make, head, width = BACKBONES[name]",
        'model = make(weights="DEFAULT")',
        draw.pick(["", "for p in model.parameters():\n    p.requires_grad = False"]),
        "setattr(model, head, nn.Linear(width, classes))",
        "return model",
    )
    text += f"\ndef build(name, classes):\n{indented(body)}\n\n"
    loop = training.LOOPS["plain"].replace("@c", "model")
    use = draw.pick(["loop", "argv"])
    train = joined("optimizer = optim.SGD(model.parameters(), lr=0.1)", "criterion = nn.CrossEntropyLoss()", loop)
    if use == "loop":
        text += joined(DATA, "for name in BACKBONES:", indented(joined("model = build(name, 8)", train)))
        runs: list[tuple[str, ...]] = [()]
    else:
        text += joined(DATA, "model = build(sys.argv[1], 8)", train)
        runs = [(one.builder,) for one in chosen]
    drafts = [Draft(one, "", "", "", "", "", "", "") for one in chosen]
    return program_of(text, drafts, runs)


def _library(draw: Draw) -> Program:
    """Functions for others, which the file itself does not call."""
    draft = draft_of(draw, draw.pick(MIXED), MODEL)
    default = draw.pick(["num_classes", "num_classes=10", "num_classes: int = 5"])
    body = joined(f"model = {draft.build}", surgery_of(draft, "model", "num_classes"), "return model")
    text = f"def create_model({default}):\n{indented(body)}"
    return program_of(text, [draft], drive=["model = create_model(6)"])


STYLES: dict[str, Callable[[Draw], Program]] = {
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
