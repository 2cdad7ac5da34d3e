"""A draft of a program about one model: its pieces before a style puts them somewhere, and mistakes put into it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from differential import freezing, heads, mistakes, training
from differential.architectures import Architecture
from differential.drawing import Draw
from differential.writing import joined


@dataclass
class Draft:
    """What becomes a program: its pieces, with `@m` for the model, before a style puts them somewhere."""

    one: Architecture
    build: str
    before: str
    head: str
    behind: str
    optimizer: str
    loop: str
    ending: str
    criterion: str = "nn.CrossEntropyLoss()"
    move: str = "late"
    early_optimizer: bool = False
    surgery: str = ""
    mistaken: set[str] = field(default_factory=set)

    def filled(self, text: str, model: str, called: str, classes: str) -> str:
        """Code with what the placeholders stand for."""
        parts = {
            "@H": ("" if self.one.head.startswith("[") else ".") + self.one.head,
            "@W": str(self.one.width),
            "@C": str(self.one.classes),
            "@P": self.one.parts[-1],
            "@m": model,
            "@c": called,
            "@n": classes,
        }
        return re.sub("@[HWCPmcn]", lambda found: parts[found[0]], text)


LAZY = ("lazy", "lazy_two", "lazy_norm", "lazy_dry")


def builds(draw: Draw, one: Architecture) -> str:
    """A way to call the builder."""
    prefix = f"models.{one.task}." if one.task else "models."
    name, weights = one.builder, one.weights
    if one.task == "quantization":
        return draw.pick([f"{prefix}{name}(weights=None)", f"{prefix}{name}(pretrained=True)", f"{prefix}{name}()"])
    found = [
        f'{prefix}{name}(weights="DEFAULT")',
        f"{prefix}{name}(pretrained=True)",
        f"{prefix}{name}(weights={prefix}{weights}.DEFAULT)",
        f'models.get_model("{name}", weights="DEFAULT")',
        f"{prefix}{name}(weights=None)",
    ]
    if not one.task:
        found += [
            f'getattr(models, "{name}")(pretrained=True)',
            f'models.__dict__["{name}"](weights="DEFAULT")',
            f'torch.hub.load("pytorch/vision:v0.10.0", "{name}", pretrained=True)',
        ]
    return draw.pick(found)


def right_draft(draw: Draw, one: Architecture) -> Draft:
    """A draft without a mistake."""
    surgery, head = draw.named(heads.right(one))
    frozen_by, before = draw.named(freezing.before_the_head(one))
    behind = ""
    if frozen_by == "none" and surgery not in ("behind", "old_inside", "twice", *LAZY):
        behind = draw.pick(freezing.behind_the_head(one))
    if surgery in ("behind", "old_inside", "adapter"):
        before, behind = "", ""
    if surgery == "gray" or surgery == "own_pool":
        before = ""
    options = training.optimizers(one)
    if surgery in ("behind", "old_inside", "whole", "whole_two", "children", "star", *LAZY) or one.layer != "Linear":
        options = {name: text for name, text in options.items() if name not in training.NEED_THE_HEAD}
    if surgery in ("whole", "whole_two", "children", "star", "pop"):
        behind = "" if "@H" in behind or one.name in behind else behind
    loops = dict(training.LOOPS)
    if one.builder == "inception_v3":
        loops = {
            "aux": training.LOOPS["plain"].replace(
                "outputs = @c(images)\n        loss = criterion(outputs, labels)",
                "outputs, aux = @c(images)\n        loss = criterion(outputs, labels) + 0.4 * criterion(aux, labels)",
            )
        }
        head = "@m.AuxLogits.fc = nn.Linear(768, @n)\n" + head
    loop = draw.pick(loops)
    if before and "@m.parameters" in before and draw.one_in(5) and one.builder != "inception_v3":
        loop = draw.pick([training.RIGHT_LATER, training.RIGHT_REBUILT])
        options = {name: options[name] for name in ("filter", "list", "generator")}
    elif frozen_by in ("loop", "call", "method") and draw.one_in(4) and one.builder != "inception_v3":
        loop = training.RIGHT_GRADUAL
        options = {name: options[name] for name in ("all", "adam", "adamw")}
    elif draw.one_in(7) and one.builder != "inception_v3":
        loop = training.RIGHT_NORMS
    criterion = draw.pick(["nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.1)", "F.cross_entropy"])
    if surgery == "log_softmax":
        criterion = draw.pick(["nn.NLLLoss()", "nn.CrossEntropyLoss()"])
    ending = draw.named(training.ENDINGS)
    return Draft(
        one,
        builds(draw, one),
        before,
        head,
        behind,
        draw.pick(options),
        loop,
        "" if ending[0] == "features" and surgery in ("behind", "old_inside") else ending[1],
        criterion,
        draw.pick(["late", "early", "none"]),
        surgery=surgery,
    )


def draft_of(draw: Draw, one: Architecture, places: Collection[str] = mistakes.PLACES) -> Draft:
    """A draft with the mistakes that are wanted, as far as they have a place in it."""
    draft = right_draft(draw, one)
    for wish in list(draw.wishes):
        make_mistake(draw, draft, wish, places)
    return draft


def make_mistake(draw: Draw, draft: Draft, wish: str, places: Collection[str]) -> None:
    """Put a mistake of a rule into a draft, if it has one that leaves those alone that are in it already."""
    fitting = [one for one in mistakes.of_rule(draft.one, wish) if one.place in places]
    free = [one for one in fitting if draft.mistaken.isdisjoint(one.fields)]
    if not free:
        return
    mistake = draw.pick(free)
    changes = mistakes.changes(draw, draft.one, mistake, simple=draft.surgery not in LAZY)
    for name, value in changes.items():
        if name not in draft.mistaken:
            setattr(draft, name, value)
    draft.mistaken |= mistake.fields
    draw.plan(mistake.name)


def surgery_of(draft: Draft, model: str, classes: str) -> str:
    """What is done to the model before it is trained."""
    text = joined(draft.before, draft.head, draft.behind)
    return draft.filled(text, model, model, classes)
