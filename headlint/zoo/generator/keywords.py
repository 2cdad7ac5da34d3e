"""Which keywords a builder accepts, and what each one changes: found by calling it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch import nn

from headlint.zoo.generator.describe import TreeFacts, describe, differences, encoded
from headlint.zoo.generator.offline import build

# Arguments with few values, each of which has its own tree in the data.
AXES = ("weights", "weights_backbone", "quantize", "aux_logits", "aux_loss", "trainable_backbone_layers")

LEGACY = ("pretrained", "pretrained_backbone")
UNTRIED = frozenset({*AXES, *LEGACY, "num_classes"})

# What to try for keywords whose default does not say what they take.
TRIALS: dict[str, tuple[Any, ...]] = {
    "dropout": (0.0, 0.3),
    "stochastic_depth_prob": (0.0, 0.3),
    "init_weights": (True, False),
    "image_mean": ([0.5, 0.25, 0.125],),
    "image_std": ([0.5, 0.25, 0.125],),
}

REFUSALS = ("unexpected keyword argument", "multiple values for")


@dataclass(frozen=True)
class Keywords:
    """The keywords of one builder.

    `defaults` are those that may be given explicitly without effect, in JSON. `harmless` keywords change nothing
    that the data holds; `touched` ones change the listed sizes only: (path, size, whether it is the argument).
    """

    accepted: tuple[str, ...]
    defaults: dict[str, Any]
    harmless: tuple[str, ...]
    touched: dict[str, tuple[tuple[str, str, bool], ...]]


def keywords(name: str, kind: type[nn.Module], plain: TreeFacts) -> Keywords:
    """Call the builder `name` with every keyword that could exist; without any it makes `plain`, a `kind`."""
    accepted: list[str] = []
    defaults: dict[str, Any] = {}
    harmless: list[str] = []
    touched: dict[str, tuple[tuple[str, str, bool], ...]] = {}
    for keyword, default in _candidates(name, kind):
        given = None if default is inspect.Parameter.empty else default
        explicit = _attempt(name, keyword, given)
        if explicit == "refused":
            continue
        accepted.append(keyword)
        same = isinstance(explicit, TreeFacts) and differences((plain, explicit)) == []
        if same and default is not inspect.Parameter.empty:
            with suppress(LookupError):
                defaults[keyword] = encoded(default)
        if keyword in UNTRIED:
            continue
        effect = _effect(name, keyword, default, plain)
        if effect == ():
            harmless.append(keyword)
        elif effect is not None:
            touched[keyword] = effect
    return Keywords(tuple(accepted), defaults, (*harmless, *(word for word in LEGACY if word in accepted)), touched)


def _candidates(name: str, kind: type[nn.Module]) -> Iterator[tuple[str, Any]]:
    """Names and defaults: those of the signature first, then what may hide behind its `**kwargs`."""
    from torchvision.models import get_model_builder

    seen = set()
    functions: list[Any] = [get_model_builder(name)]
    functions += [base.__init__ for base in kind.__mro__ if issubclass(base, nn.Module) and base is not nn.Module]
    for function in functions:
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name == "self":
                continue
            if parameter.name not in seen:
                seen.add(parameter.name)
                yield parameter.name, parameter.default
    for legacy in LEGACY:
        yield legacy, False


def _attempt(name: str, keyword: str, value: Any) -> TreeFacts | str:
    """What the builder makes of one argument: "refused" if it does not know it, "raised" if it dislikes the value."""
    try:
        return describe(build(name, **{keyword: value}))
    except TypeError as refusal:
        return "refused" if any(text in str(refusal) for text in REFUSALS) else "raised"
    except Exception:  # any other complaint is about the value
        return "raised"


def _effect(name: str, keyword: str, default: Any, plain: TreeFacts) -> tuple[tuple[str, str, bool], ...] | None:
    """The sizes that a keyword changes and whether they hold it; None if it changes more, or is not understood."""
    values = _trials(keyword, default)
    changed: dict[tuple[str, str], bool] = {}
    for value in values:
        tree = _attempt(name, keyword, value)
        if not isinstance(tree, TreeFacts) or tree.frozen != plain.frozen:
            return None
        found = differences((plain, tree))
        if found is None or any(difference.group != "size" for difference in found):
            return None
        for difference in found:
            changed.setdefault((plain.modules[difference.module].path, difference.name), True)
        for path, size in changed:
            holds = next(module.sizes[size] for module in tree.modules if module.path == path) == encoded(value)
            changed[path, size] = changed[path, size] and holds
    return tuple((path, size, held) for (path, size), held in changed.items()) if values else None


def _trials(keyword: str, default: Any) -> tuple[Any, ...]:
    if keyword in TRIALS:
        return TRIALS[keyword]
    if isinstance(default, bool):
        return (True, False)
    if isinstance(default, int):
        return (default + 1,)
    if isinstance(default, float):
        return (0.0, 0.3)
    return ()
