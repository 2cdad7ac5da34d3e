"""Mistakes in drafts: where each stands, and what else has to be so that it shows."""

from __future__ import annotations

from dataclasses import dataclass

from differential import auxiliary, freezing, heads, training
from differential.architectures import Architecture
from differential.drawing import Draw
from differential.writing import indented, joined

# What a style may have no place for: pieces of a draft by name, and the order of some of them.
MODEL = frozenset({"before", "head", "behind", "build"})
PLACES = MODEL | {"optimizer", "loop", "ending", "early_optimizer", "move"}


@dataclass(frozen=True)
class Mistake:
    """A mistake, named after its rule: the place that it needs, and the code that stands there."""

    place: str
    name: str
    code: str

    @property
    def fields(self) -> frozenset[str]:
        """The pieces of a draft that must stay as it makes them."""
        return frozenset({self.place, "head"} if self.name.startswith("HL306") else {self.place})


def of_rule(one: Architecture, rule: str) -> list[Mistake]:
    """All mistakes that a rule tells and that can be made with a model."""
    kinds = {
        "head": heads.wrong(one),
        "before": freezing.wrong_before(one),
        "behind": freezing.wrong_behind(one),
        "optimizer": training.wrong_optimizers(one),
        "loop": training.wrong_loops(one),
        "early_optimizer": {"HL305": ""},
        "move": {"HL309": ""},
        "build": wrong_builds(one),
        "ending": training.WRONG_ENDINGS,
    }
    return [
        Mistake(place, name, code)
        for place, options in kinds.items()
        for name, code in options.items()
        if name.startswith(rule)
    ]


def changes(draw: Draw, one: Architecture, mistake: Mistake, *, simple: bool) -> dict[str, str | bool]:
    """The pieces of a draft that a mistake makes anew; `simple` says that the head has its parameters from the start."""
    optimizers = training.optimizers(one)
    place, name = mistake.place, mistake.name
    found: dict[str, str | bool] = {place: mistake.code}
    if place == "head":
        if name.startswith(("HL101", "HL102", "HL103", "HL104", "HL206")):
            found |= {"optimizer": optimizers["all"], "loop": training.LOOPS["plain"], "ending": ""}
        elif name.startswith("HL105"):
            step = indented(
                joined(
                    "optimizer.zero_grad()",
                    auxiliary.all_outputs(draw, one.builder, "@c", "images", "labels"),
                    "loss.backward()",
                    "optimizer.step()",
                )
            )
            found["loop"] = f"@c.train()\nfor images, labels in loader:\n{step}"
            found |= {"before": "", "ending": ""}
            found["build"] = auxiliary.builds(draw, one.builder)
    elif place == "before":
        found["behind"] = ""
        kinds = ["all", "adam", "scheduled"] if name.startswith("HL312") else ["all", "adam", "filter", "list"]
        found["optimizer"] = optimizers[draw.pick(kinds)]
    elif place == "behind":
        found |= {"before": "", "optimizer": optimizers[draw.pick(["all", "adam", "filter", "list", "named"])]}
        if name.startswith("HL306"):
            # The new head is forgotten.
            found |= {"head": "", "ending": ""}
    elif place == "optimizer" and not simple:
        found["head"] = heads.right(one)["literal"]
    elif place == "loop":
        if name.startswith("HL307"):
            found |= {"before": freezing.before_the_head(one)["loop"], "behind": ""}
            found["optimizer"] = optimizers[draw.pick(["filter", "list", "head"])]
        if name.startswith("HL311"):
            found |= {"before": "", "behind": ""}
        found["loop"] = mistake.code.replace("@S", draw.pick(training.SOFTMAXES))
    elif place == "early_optimizer":
        found |= {"early_optimizer": True, "optimizer": optimizers[draw.pick(["all", "adam", "adamw", "scheduled"])]}
    elif place == "move":
        found["move"] = "first"
    return found


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
