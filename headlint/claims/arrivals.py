"""What arrives at the modules of a replay: the shapes that forward gave them, batch first, and how that is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headlint.claims.base import shape_text
from headlint.history import AnyEvent, ModuleRef, Recipe

Shape = tuple[int, ...]


def arriving(recipe: Recipe, observation: Mapping[str, Any]) -> dict[ModuleRef, Shape]:
    """The shape that arrives at each watched module which forward calls, as the model stands in the end."""
    looks: list[dict[str, Any]] = observation.get("looks") or []
    seen = dict(looks[-1]["arrived"]) if looks else {}
    seen.update((name, facts["arrived"]) for name, facts in observation["watch"].items() if facts["arrived"])
    return _by_module(recipe, seen)


def arriving_behind(recipe: Recipe, observation: Mapping[str, Any], event: AnyEvent) -> dict[ModuleRef, Shape]:
    """The same as the model stands behind an event of the recipe; empty where no forward was looked at there."""
    looks: list[dict[str, Any]] = observation.get("looks") or []
    look = next((look for look in looks if recipe.steps[look["behind"]] is event), None)
    return {} if look is None else _by_module(recipe, look["arrived"])


def arrival_text(shape: object, place: str, takes: int | None = None) -> str:
    """`(2, 2048) arrives at 'fc', which takes 512`: the second half where the layer has one width that it takes."""
    taken = "" if takes is None else f", which takes {takes}"
    return f"{shape_text(shape)} arrives at '{place}'{taken}"


def _by_module(recipe: Recipe, seen: Mapping[str, Any]) -> dict[ModuleRef, Shape]:
    identities = {number: identity for identity, number in recipe.numbers.items()}
    found: dict[ModuleRef, Shape] = {}
    for name, shape in seen.items():
        number, _, path = name.partition(":")
        if shape is not None:
            found[ModuleRef(identities[int(number)], path)] = tuple(shape)
    return found
