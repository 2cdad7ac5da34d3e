"""HL108: which models count as unused, and which as put to use."""

from __future__ import annotations

import pytest
from check_helpers import messages
from conftest import needs_torch

HEADER = "import torch\nfrom torch import nn, optim\nfrom torchvision import models\nfrom data import x, y, unknown\n"
CHANGED = "first = models.resnet18()\nfirst.fc = nn.Linear(512, 10)\n"
USED = "second = models.resnet18()\nnn.CrossEntropyLoss()(second(x), y).backward()\n"


def test_the_message_names_the_head() -> None:
    (message,) = messages("HL108", HEADER + CHANGED + USED)
    assert message.startswith("nothing uses this resnet18 with its new 'fc': what is trained or returned is another")


@needs_torch
@pytest.mark.parametrize("classes", ["10", "n"])
def test_it_is_confirmed_by_the_one_that_is_used(classes: str) -> None:
    changed = CHANGED.replace("10", classes)
    assert len(messages("HL108", f"{HEADER}n = len(y)\n{changed}{USED}", "require")) == 1
    assert messages("HL108", HEADER + CHANGED.replace("10", "1000") + USED, "require") == []


@pytest.mark.parametrize(
    "text",
    [
        CHANGED + "print(first)\n" + USED,
        CHANGED + USED + "torch.save(first.state_dict(), 'x')\n",
        CHANGED + USED + "def get():\n    return first\n",
        "def get():\n    return first\n" + CHANGED + USED,
        CHANGED.replace("first.fc", "alias = first\nfirst.fc") + USED + "print(alias)\n",
        CHANGED.replace("first.fc", "unknown(first)\nfirst.fc") + USED,
        CHANGED.replace("first.fc", "first(x)\nfirst.fc") + USED,
        CHANGED.replace("first.fc", "part = nn.Sequential(first.layer1)\nfirst.fc") + USED,
        CHANGED + USED.replace("18", "34"),
        CHANGED + USED.replace("nn.", "second.fc = nn.Linear(512, 3)\nnn."),
        CHANGED + "second = models.resnet18()\n",
        CHANGED + "second = models.resnet18()\nprint(second(x))\n",
        CHANGED + "second = models.resnet18()\nunknown(second)\n",
        CHANGED.replace("first.fc", "self = first\nself.fc") + USED,
        CHANGED + USED.replace("second", "first"),
    ],
)
def test_who_has_a_use_for_both_is_right(text: str) -> None:
    assert messages("HL108", HEADER + text) == []


def test_an_argument_or_an_attribute_of_the_same_name_is_no_mention() -> None:
    more = "def call(**options):\n    return options\ncall(first=1).first\n"
    assert len(messages("HL108", HEADER + CHANGED + USED + more)) == 1


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ("def show(first):\n    return first(x)\n", 1),
        ("def show():\n    first = load()\n    return first\n", 1),
        ("def show():\n    global first\n    print(first)\n    first = None\n", 0),
        ("def show():\n    return [first(x)]\n", 0),
    ],
)
def test_a_variable_of_another_function_is_no_mention(other: str, found: int) -> None:
    assert len(messages("HL108", HEADER + other + CHANGED + USED)) == found


def test_a_local_variable_is_looked_for_in_its_function() -> None:
    inside = "".join(f"    {line}\n" for line in (CHANGED + USED).splitlines())
    text = f"{HEADER}def train():\n{inside}"
    assert len(messages("HL108", f"{text}first = load()\nprint(first)\n")) == 1
    assert messages("HL108", f"{text}    def show():\n        print(first)\n    show()\n") == []
