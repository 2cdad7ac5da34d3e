"""Loops done in one go leave a path exactly as the same loops run round by round."""

from __future__ import annotations

import pytest
from flow_helpers import ends

from headlint.flow import comprehensions, loops
from headlint.flow.state import ListRecord, State
from headlint.flow.value import ListRef, Value

MODEL = "model = models.resnet18()\nkept = ['layer4', 'fc']\ncount = 0\nfound = []\n"

BODIES = {
    "plain freeze": "for p in model.parameters():\n    p.requires_grad = False\n",
    "method": "for p in model.layer1.parameters():\n    p.requires_grad_(False)\n",
    "name in": "for n, p in model.named_parameters():\n    if 'fc' not in n:\n        p.requires_grad = False\n",
    "flag of test": "for n, p in model.named_parameters():\n    p.requires_grad = n[0] == 'l' or 'fc' in n\n",
    "any": "for n, p in model.named_parameters():\n    p.requires_grad = any(k in n for k in kept)\n",
    "elif": (
        "for n, p in model.named_parameters():\n"
        "    if n.startswith('layer1'):\n        p.requires_grad = False\n"
        "    elif n.split('.')[0] in ('layer2', 'layer3'):\n        p.requires_grad = False\n"
        "    else:\n        count += 1\n"
    ),
    "counter": "for p in model.parameters():\n    count += 1\n    if count < 20:\n        p.requires_grad = False\n",
    "enumerate": "for i, p in enumerate(model.parameters()):\n    if i < 30:\n        p.requires_grad = False\n",
    "nested targets": (
        "for i, (n, p) in enumerate(model.named_parameters()):\n"
        "    if i % 2 == 0 and not n.endswith('bias'):\n        p.requires_grad = False\n"
    ),
    "first round only": (
        "first = True\nfor p in model.parameters():\n"
        "    if first:\n        p.requires_grad = False\n    first = False\n"
    ),
    "break": (
        "for n, p in model.named_parameters():\n"
        "    if n.startswith('layer3'):\n        break\n    p.requires_grad = False\n"
    ),
    "continue": (
        "for n, p in model.named_parameters():\n    if 'bn' in n:\n        continue\n    p.requires_grad = False\n"
    ),
    "append": "for p in model.parameters():\n    if p.requires_grad:\n        found.append(p)\n",
    "flag read back": (
        "for n, p in model.named_parameters():\n"
        "    p.requires_grad = 'fc' in n\n    if p.requires_grad:\n        found.append(n)\n"
    ),
    "last name kept": "for n, p in model.named_parameters():\n    last = n\n    print(n, p.requires_grad, p.numel())\n",
    "else of the loop": (
        "for p in model.parameters():\n    p.requires_grad = False\n    break\nelse:\n    count = 'never'\n"
    ),
    "list of trainable": "found = [n for n, p in model.named_parameters() if p.requires_grad]\n",
    "filter by identity": (
        "head = {id(p) for p in model.fc.parameters()}\n"
        "found = [p for p in model.parameters() if id(p) not in head]\nhead = None\n"
    ),
    "sum": "count = sum(1 for p in model.parameters() if p.requires_grad)\n",
}
# Bodies that need ordinary rounds: they must come out right all the same, and change nothing before they do.
ORDINARY = {
    "unknown test": "for n, p in model.named_parameters():\n    if n in load():\n        p.requires_grad = False\n",
    "modules": "for m in model.children():\n    for p in m.parameters():\n        p.requires_grad = False\n",
    "list read while it grows": (
        "for n, p in model.named_parameters():\n"
        "    if n.split('.')[0] not in found:\n        found.append(n.split('.')[0])\n"
    ),
    "fails late": (
        "for n, p in model.named_parameters():\n"
        "    p.requires_grad = False\n    if n == 'fc.bias':\n        count += load()\n"
    ),
}


def _shown(state: State) -> dict[str, object]:
    def show(value: Value) -> object:
        record = state.heap.get(value.identity) if isinstance(value, ListRef) else None
        return record.items if isinstance(record, ListRecord) else repr(value)

    return {name: show(value) for name, value in state.frames[0].items()}


def _without_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "run_loop", lambda *arguments: None)
    monkeypatch.setattr(comprehensions, "run_clause", lambda *arguments: None)


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in (BODIES | ORDINARY).items()])
def test_quick_and_ordinary_rounds_agree(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = ends(MODEL + body)
    _without_quick(monkeypatch)
    ordinary = ends(MODEL + body)
    assert [state.flags for state in quick] == [state.flags for state in ordinary]
    assert [_shown(state) for state in quick] == [_shown(state) for state in ordinary]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BODIES.items()])
def test_these_loops_are_quick(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ordinary(*arguments: object) -> None:
        pytest.fail("run round by round")

    monkeypatch.setattr(loops, "_each_item", ordinary)
    ends(MODEL + body)
