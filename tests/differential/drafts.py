"""A draft of a program about one model: its pieces before a style puts them somewhere, and mistakes put into it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from differential import freezing, heads, training
from differential.architectures import Architecture
from differential.drawing import pick, pick_named
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
    targets: str = "classes"
    planned: list[str] = field(default_factory=list)

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


def builds(draw: Any, one: Architecture) -> str:
    """A way to call the builder."""
    prefix = f"models.{one.task}." if one.task else "models."
    name, weights = one.builder, one.weights
    if one.task == "quantization":
        return pick(draw, [f"{prefix}{name}(weights=None)", f"{prefix}{name}(pretrained=True)", f"{prefix}{name}()"])
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
    return pick(draw, found)


def right_draft(draw: Any, one: Architecture) -> Draft:
    """A draft without a mistake."""
    surgery, head = pick_named(draw, heads.right(one))
    frozen_by, before = pick_named(draw, freezing.before_the_head(one))
    behind = ""
    if frozen_by == "none" and surgery not in ("behind", "old_inside", "twice", *LAZY):
        behind = pick(draw, freezing.behind_the_head(one))
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
    loop = pick(draw, loops)
    if before and "@m.parameters" in before and draw(st.integers(0, 4)) == 0 and one.builder != "inception_v3":
        loop = pick(draw, [training.RIGHT_LATER, training.RIGHT_REBUILT])
        options = {name: options[name] for name in ("filter", "list", "generator")}
    elif frozen_by in ("loop", "call", "method") and draw(st.integers(0, 3)) == 0 and one.builder != "inception_v3":
        loop = training.RIGHT_GRADUAL
        options = {name: options[name] for name in ("all", "adam", "adamw")}
    elif draw(st.integers(0, 6)) == 0 and one.builder != "inception_v3":
        loop = training.RIGHT_NORMS
    criterion = pick(draw, ["nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(label_smoothing=0.1)", "F.cross_entropy"])
    if surgery == "log_softmax":
        criterion = pick(draw, ["nn.NLLLoss()", "nn.CrossEntropyLoss()"])
    ending = pick_named(draw, training.ENDINGS)
    return Draft(
        one,
        builds(draw, one),
        before,
        head,
        behind,
        pick(draw, options),
        loop,
        "" if ending[0] == "features" and surgery in ("behind", "old_inside") else ending[1],
        criterion,
        pick(draw, ["late", "early", "none"]) if surgery != "early" else "late",
    )


def mistakes(one: Architecture) -> dict[str, list[tuple[str, str, str]]]:
    """What can be wrong with a draft, by the rule that tells it: where, its name and the code."""
    kinds = {
        "head": heads.wrong(one),
        "before": freezing.wrong_before(one),
        "behind": freezing.wrong_behind(one),
        "optimizer": training.WRONG_OPTIMIZERS,
        "loop": training.wrong_loops(one),
        "order": {"HL305": "", "HL305 scheduled": "", "HL309": ""},
        "build": wrong_builds(one),
        "ending": training.WRONG_ENDINGS,
    }
    found: dict[str, list[tuple[str, str, str]]] = {}
    for where, options in kinds.items():
        for name, text in options.items():
            found.setdefault(name[:5], []).append((where, name, text))
    return found


def make_mistake(draw: Any, draft: Draft) -> None:
    """Put one mistake into a draft: each rule is as likely as the others."""
    one = draft.one
    where, name, text = pick(draw, pick(draw, mistakes(one)))
    optimizers = training.optimizers(one)
    if where == "head":
        draft.head = text
        if name.startswith(("HL101", "HL103", "HL104", "HL102", "HL206")):
            draft.optimizer = optimizers["all"]
            draft.loop = training.LOOPS["plain"]
            draft.ending = ""
    elif where == "before":
        draft.before, draft.behind = text, ""
        draft.optimizer = optimizers[draw(st.sampled_from(["all", "adam", "filter", "list"]))]
        if name.startswith("HL312"):
            draft.optimizer = optimizers[draw(st.sampled_from(["all", "adam", "scheduled"]))]
    elif where == "behind":
        draft.before, draft.behind = "", text
        if name.startswith("HL306"):
            # The new head is forgotten.
            draft.head = draft.ending = ""
        draft.optimizer = optimizers[draw(st.sampled_from(["all", "adam", "filter", "list", "named"]))]
    elif where == "optimizer":
        draft.optimizer = text
    elif where == "loop":
        if name.startswith("HL307"):
            draft.before = freezing.before_the_head(one)["loop"]
            draft.behind = ""
            draft.optimizer = optimizers[draw(st.sampled_from(["filter", "list", "head"]))]
        if name.startswith("HL311"):
            draft.before = draft.behind = ""
        draft.loop = text.replace("@S", pick(draw, training.SOFTMAXES))
    elif where == "order" and name.startswith("HL305"):
        draft.early_optimizer = True
        draft.optimizer = optimizers[draw(st.sampled_from(["all", "adam", "scheduled"]))]
    elif where == "order":
        draft.move = "first"
    elif where == "ending":
        draft.ending = text
    else:
        draft.build = text
    draft.planned.append(name)


def wrong_builds(one: Architecture) -> dict[str, str]:
    """Calls that torchvision refuses."""
    prefix = f"models.{one.task}." if one.task else "models."
    found = {
        "HL106 classes": f'{prefix}{one.builder}(weights="DEFAULT", num_classes=7)',
        "HL106 pretrained": f"{prefix}{one.builder}(pretrained=True, num_classes=7)",
        "HL106 keyword": f"{prefix}{one.builder}(weights=None, n_classes=7)",
        "HL106 weights": f'{prefix}{one.builder}(weights="imagenet")',
        "HL106 other": f"{prefix}{one.builder}(weights=models.{'ResNet18_Weights' if one.builder != 'resnet18' else 'ResNet50_Weights'}.DEFAULT)",
    }
    if one.builder in ("inception_v3", "googlenet"):
        found["HL106 aux"] = f'models.{one.builder}(weights="DEFAULT", aux_logits=False)'
    return found


def count_mistakes(draw: Any) -> int:
    """None in half of the programs, never more than two."""
    return int(draw(st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2])))


def draft_of(draw: Any, one: Architecture, mistakes: int | None = None) -> Draft:
    """A draft with as many mistakes as are wanted, or as it happens."""
    draft = right_draft(draw, one)
    for _ in range(count_mistakes(draw) if mistakes is None else mistakes):
        make_mistake(draw, draft)
    return draft


def surgery_of(draft: Draft, model: str, classes: str) -> str:
    """What is done to the model before it is trained."""
    text = joined(draft.before, draft.head, draft.behind)
    return draft.filled(text, model, model, classes)
