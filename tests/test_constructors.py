"""A class of torchvision's models makes what the builder makes that the table names for its arguments."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from headlint.torchlib.constructors import _CONSTRUCTORS, Constructor, constructor_at
from headlint.torchlib.layers import REQUIRED

torch = pytest.importorskip("torch")

CASES = [(constructor, axes) for constructor in _CONSTRUCTORS for axes in constructor.builders]


pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize(("constructor", "axes"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_class_and_builder_make_the_same(constructor: Constructor, axes: tuple[Any, ...]) -> None:
    models = importlib.import_module("torchvision.models")
    family = importlib.import_module(f"torchvision.models.{constructor.family}")
    given = {
        name: getattr(family, value) if name == "block" else list(value) if isinstance(value, tuple) else value
        for name, value in zip(constructor.axes, axes, strict=True)
    }
    optional = {name: value for name, value in constructor.parameters.items() if value is not REQUIRED}
    with torch.device("meta"):
        made = getattr(family, constructor.name)(**{**optional, **given, "num_classes": 7})
        built = getattr(models, constructor.builders[axes])(weights=None, num_classes=7)
    assert [(path, type(m)) for path, m in made.named_modules()] == [
        (path, type(m)) for path, m in built.named_modules()
    ]
    shapes = [(name, p.shape) for name, p in made.named_parameters()]
    assert shapes == [(name, p.shape) for name, p in built.named_parameters()]


def test_classes_by_their_dotted_names() -> None:
    found = constructor_at("torchvision.models.ResNet")
    assert found is not None
    assert constructor_at("torchvision.models.resnet.ResNet") is found
    assert constructor_at("torchvision.models.densenet.ResNet") is None
    assert constructor_at("mymodels.ResNet") is None
