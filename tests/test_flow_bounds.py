"""What one comparison says of another is what Python's own numbers say."""

from __future__ import annotations

import operator

import pytest
from check_helpers import told
from flow_helpers import IMPORTS
from hypothesis import given
from hypothesis import strategies as st

from headlint.flow.bounds import decided
from headlint.flow.value import Constant, Symbol, Value

TESTS = {"<": operator.lt, ">": operator.gt, "==": operator.eq}
NUMBERS = st.sampled_from([-2, -1, 0, 0.5, 1, 2, 3])
VALUES = [number / 4 for number in range(-16, 21)]
ASKED = st.tuples(st.sampled_from(sorted(TESTS)), NUMBERS)


@given(st.lists(st.tuples(ASKED, st.booleans()), max_size=4), ASKED, st.sampled_from(["name", "len", "int"]))
def test_what_is_decided_holds_for_every_number(
    assumed: list[tuple[tuple[str, float], bool]], asked: tuple[str, float], op: str
) -> None:
    value = Symbol(op, (Constant("x"),), "x")
    assumptions: dict[Symbol, Value] = {}
    for (name, number), truth in assumed:
        assumptions.setdefault(Symbol(name, (value, Constant(number)), "test"), Constant(truth))
    possible = [float(number) if op == "name" else int(number) for number in VALUES]
    possible = [number for number in possible if op != "len" or number >= 0]
    for test, held in assumptions.items():
        number = test.operands[1].value  # type: ignore[attr-defined]
        possible = [x for x in possible if TESTS[test.op](x, number) is held.value]  # type: ignore[union-attr]
    truths = {TESTS[asked[0]](x, asked[1]) for x in possible}
    answer = decided(assumptions, Symbol(asked[0], (value, Constant(asked[1])), "asked"))
    assert answer is None or truths <= {answer}


CLEAN = {
    "depths": """
args = parse()
if args.depth >= 50:
    model = models.resnet50()
elif args.depth > 18:
    model = models.resnet34()
else:
    model = models.resnet18()
width = 2048 if args.depth > 49 else 512
if args.depth >= 50:
    model.fc = nn.Linear(2048, 10)
if args.depth < 19 or 18 < args.depth < 50:
    model.fc = nn.Linear(512, 10)
""",
    "several conditions together": """
args = parse()
every = args.wide and args.deep and args.pretrained
model = models.resnet50() if every else models.resnet18()
if args.wide and args.deep and args.pretrained:
    model.fc = nn.Linear(2048, 10)
else:
    model.fc = nn.Linear(512, 10)
""",
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_what_goes_together_goes_together(text: str) -> None:
    assert told(IMPORTS + text) == []
    assert told(IMPORTS + text.replace("(2048, 10)", "(1024, 10)")) == ["HL201"]
