"""Rounds that a test of a class leaves out change nothing by being left out."""

from __future__ import annotations

import pytest
from flow_helpers import run

from headlint.flow import busy, loops

MODEL = "model = models.resnet18()\nfound = []\ncount = 0\n"

# The bodies of loops over the modules of a resnet18, with how many of its 68 rounds are run.
BODIES = {
    "one class": (20, "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()\n"),
    "several classes": (
        22,
        (
            "for n, m in model.named_modules():\n"
            "    if isinstance(m, (nn.BatchNorm2d, nn.AdaptiveAvgPool2d, nn.Linear)):\n        found.append(n)\n"
        ),
    ),
    "a class and more": (
        20,
        (
            "for n, m in model.named_modules():\n"
            "    if isinstance(m, nn.BatchNorm2d) and n.startswith('layer4'):\n"
            "        for p in m.parameters():\n            p.requires_grad = False\n"
        ),
    ),
    "left early": (
        20,
        (
            "for n, m in model.named_modules():\n"
            "    if isinstance(m, nn.BatchNorm2d):\n"
            "        count += 1\n        m.eval()\n        if count == 3:\n            break\n"
        ),
    ),
    "no round": (0, "for m in model.modules():\n    if isinstance(m, nn.LSTM):\n        m.eval()\n"),
    "a base of all": (68, "for m in model.modules():\n    if isinstance(m, nn.Module):\n        m.eval()\n"),
    "the other way round": (
        68,
        "for m in model.modules():\n    if not isinstance(m, nn.BatchNorm2d):\n        m.eval()\n",
    ),
    "something for the others": (
        68,
        (
            "for m in model.modules():\n"
            "    if isinstance(m, nn.BatchNorm2d):\n        m.eval()\n    else:\n        m.train()\n"
        ),
    ),
    "a class that changes": (
        68,
        (
            "kind = nn.BatchNorm2d\nfor m in model.modules():\n"
            "    if isinstance(m, kind):\n        m.eval()\n        kind = nn.Linear\n"
        ),
    ),
    "isinstance of the code's own": (
        68,
        (
            "def isinstance(value, kind):\n    return True\n"
            "for m in model.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()\n"
        ),
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_leaving_rounds_out_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, body = BODIES[name]
    seen: list[int] = []
    chosen = busy.busy_items

    def counted(*arguments: object) -> object:
        found = chosen(*arguments)  # type: ignore[arg-type]
        seen.append(len(found))
        return found

    monkeypatch.setattr(loops, "busy_items", counted)
    ends = run(MODEL + body)[1]
    assert seen[:1] == [expected]
    monkeypatch.setattr(loops, "busy_items", lambda run, state, node, items: items)
    ordinary = run(MODEL + body)[1]
    assert ends
    for left, right in zip(ends, ordinary, strict=True):
        assert left.trace == right.trace
        assert (left.frames[0].keys(), left.flags, left.modes) == (right.frames[0].keys(), right.flags, right.modes)
        assert repr(left.frames[0]) == repr(right.frames[0])
