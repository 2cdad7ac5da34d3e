"""Regular expressions over names that are known, and patterns that are left alone."""

from __future__ import annotations

import pytest
from flow_helpers import histories

from headlint.flow.regexes import tame
from headlint.history import SetFlag

HEADER = "import re\nfrom torchvision import models\nmodel = models.resnet18()\n"
LOOP = "for name, p in model.named_parameters():\n    {}\n        p.requires_grad = False\n"


def frozen(test: str, before: str = "") -> int:
    """How many parameters a loop with this test freezes."""
    (history,) = histories(HEADER + before + LOOP.format(test))
    return sum(len(event.parameters) for event in history.events if isinstance(event, SetFlag))


@pytest.mark.parametrize(
    ("test", "count"),
    [
        (r"if re.match(r'layer[12]\.', name):", 27),
        ("if not re.search('fc', name):", 60),
        (r"if re.fullmatch(r'fc\.(weight|bias)', name) is not None:", 2),
        (r"if (m := re.match(r'layer(\d)', name)) and m[1] == '3':", 15),
        (r"if (m := re.match(r'layer(\d)\.(\d)', name)) and int(m.group(2)) + int(m.groups()[0]) > 3:", 21),
        ("if any(re.match(key, name) for key in ('fc', 'bn1')):", 4),
        ("if re.match('nothing', name):", 0),
    ],
)
def test_what_a_pattern_matches(test: str, count: int) -> None:
    assert frozen(test) == count


def test_a_compiled_pattern() -> None:
    assert frozen("if pattern.match(name):", "pattern = re.compile('^(fc|bn1)')\n") == 4
    # What a flag does is not followed.
    assert all(flag is None for flag in last_flags("if re.match('FC', name, re.I):").values())


def last_flags(test: str) -> dict[str, bool | None]:
    """The flags of the head behind a loop with this test, as far as it may have written any."""
    return {
        parameter.path: flag
        for history in histories(HEADER + LOOP.format(test))
        for parameter, flag in history.state.flags.items()
        if parameter.path.startswith("fc.") and flag is not True
    }


@pytest.mark.parametrize(
    "pattern", ["", "layer[34]", r"\(\?x+", ".*bn.*", "[*+?({]+", "(?i)bn", r"^features\.(1[0-9]|2\d)\."]
)
def test_patterns_that_are_tried(pattern: str) -> None:
    assert tame(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "(a|a)*b", "(?:a*)*", "a?" * 9 + "a" * 9, r"(.*)\1", "(?P<x>.*)(?P=x)", ".*.*.*b", "a" * 300, "(",
        "(?x)(a+) +b", "(?ix) (a*) *", "(a+)(?#again)+b", "(a|a)" * 9, "*",
    ],
)  # fmt: skip
def test_patterns_that_could_run_for_long_are_not(pattern: str) -> None:
    assert tame(pattern) is None


def test_a_program_has_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headlint.flow.regexes.MOST_STEPS", 3)
    assert last_flags("if re.match('f.*', name):")
