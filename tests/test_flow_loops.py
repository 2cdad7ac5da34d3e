"""Loops: over real parameter names, known sequences, counters, and over what is not known."""

from __future__ import annotations

import pytest
from flow_helpers import ends, flags, frozen, is_unknown, known, tree


@pytest.mark.parametrize(
    ("builder", "total", "bodies"),
    [
        ("resnet18", 62, {"if 'bn' in name": 38 - 4 + 4 - 8 + 0 + 0, "if 'fc' not in name": 60, "if 'layer4' in name": 15}),
        ("resnet50", 161, {"if 'fc' not in name": 159, "if name.startswith('layer1')": 30}),
        ("vgg16", 32, {"if name.startswith('features')": 26, "if 'classifier.6' not in name": 30, "if 'fc' in name": 0}),
        ("efficientnet_b0", 213, {"if 'fc' in name": 64, "if not 'classifier' in name": 211}),
        ("mobilenet_v2", 158, {"if 'bn' in name": 0, "if name.endswith('bias')": 53}),
    ],
)
def test_name_filters_over_real_names(builder: str, total: int, bodies: dict[str, int]) -> None:
    start = f"model = models.{builder}()\nfor name, p in model.named_parameters():\n    "
    assert frozen(start + "p.requires_grad = False\n") == total == len(flags(start + "pass\n"))
    for test, count in bodies.items():
        if builder == "resnet18" and "bn" in test:
            count = 30
        assert frozen(f"{start}{test}:\n        p.requires_grad = False\n") == count, test
