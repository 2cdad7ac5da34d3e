"""What the forward of a class of the file is read as, and the shapes that are worked out for it."""

from __future__ import annotations

import pytest
from flow_helpers import histories

from headlint.checks.composed_mismatch import check
from headlint.history import Define, MakeContainer

CLASS = """
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self, n=10):
        super().__init__()
        net = models.resnet50()
        self.trunk = nn.Sequential(*list(net.children())[:-1])
        self.features = nn.Sequential(*list(net.children())[:-2])
        self.whole = net
        self.dropout = nn.Dropout(0.5)
        self.layers = nn.ModuleList([nn.Linear(2048, 64), nn.ReLU()])
        self.head = nn.Linear({width}, n)
        self.pair = nn.LSTM(1000, 2048)
    def double(self, x):
        return x * 2
    def forward(self, x):
        {body}
"""


def program(body: str, width: str = "2048") -> list[str] | None:
    """The kinds of the operations that a forward is read as."""
    found = [event for one in histories(CLASS.format(body=body, width=width)) for event in one.events]
    defined = [event for event in found if isinstance(event, Define)]
    return [operation.kind for operation in defined[0].operations] if defined else None


FOLLOWED = {
    "return self.head(self.whole(x))": ["call", "call"],
    "x = self.trunk(x); x = x.view(x.size(0), -1); return self.head(x)": ["call", "reshape", "call"],
    "x = self.trunk(x); x = x.reshape(x.shape[0], -1); return self.head(x)": ["call", "reshape", "call"],
    "x = torch.flatten(self.trunk(x), 1); return self.head(x)": ["call", "flatten", "call"],
    "return self.head(F.relu(self.features(x).mean([2, 3])))": ["call", "mean", "relu", "call"],
    "x = self.features(x).mean((2, 3)); return self.head(torch.cat([x, x], dim=1))": ["call", "mean", "cat", "call"],
    "return self.head(self.double(self.whole(x)))": ["call", "mul", "call"],
    "x = self.whole(x)\n        for layer in self.layers: x = layer(x)\n        return x": ["call", "call", "call"],
    "x = self.whole(x); x += x; return self.dropout(x)": ["call", "add", "call"],
    "if False: return x\n        return self.whole(x)": ["call"],
    "return {'out': self.whole(x)}": ["call", "dict"],
    "out, state = self.pair(self.whole(x)); return state, out": ["call", "call", "item", "item", "tuple"],
    "return self.pair(self.whole(x))": ["call", "call"],
    "return self.whole(x.clone()).detach().float()": ["contiguous", "call", "detach"],
    "x = self.whole(x); return self.head(x), [x]": ["call", "call", "tuple", "tuple"],
    "return self.head(self.pair(self.whole(x))[0])": ["call", "call", "item", "call"],
    "load(self.layers[0]([x, 1])); return self.head(self.whole(x))": ["call", "call"],
}


@pytest.mark.parametrize("body", FOLLOWED)
def test_a_forward_is_read_as_operations(body: str) -> None:
    assert program(body) == FOLLOWED[body]


@pytest.mark.parametrize(
    "body",
    [
        "return x",
        "return self.head(self.whole(x)[0])",
        "return self.head(load(self.whole(x)))",
        "return self.head(self.whole(x)), 1",
        "return self.head(self.whole(x)) if self.flag else self.whole(x)",
        "return self.head(self.whole(x).view(self.rows, -1))",
        "return {'out': load(x)}",
        "return self.head(self.whole(x, 1))",
        "return F.interpolate(self.whole(x))",
    ],
)
def test_what_is_no_chain_of_known_operations_stays_opaque(body: str) -> None:
    assert program(body) is None


@pytest.mark.parametrize(
    ("body", "width", "mismatch"),
    [
        ("return self.head(self.whole(x))", "2048", (2048, 1000)),
        ("return self.head(self.whole(x))", "1000", None),
        ("return self.head(self.trunk(x).flatten(1))", "2048", None),
        ("return self.head(self.trunk(x).flatten(1))", "512", (512, 2048)),
        ("return self.head(self.trunk(x))", "2048", (2048, 1)),
        ("return self.head(self.features(x).mean([2, 3]))", "2048", None),
        ("return self.head(self.features(x).mean([2, 3]))", "1024", (1024, 2048)),
        ("return self.head(F.adaptive_avg_pool2d(self.features(x), 2).flatten(1))", "8192", None),
        ("return self.head(F.adaptive_avg_pool2d(self.features(x), 2).flatten(1))", "2048", (2048, 8192)),
        # How large a map is depends on the picture.
        ("return self.head(self.features(x).flatten(1))", "2048", None),
        ("return self.head(self.whole(x))", "load()", None),
    ],
)
def test_shapes_find_what_is_worth_a_replay(body: str, width: str, mismatch: tuple[int, int] | None) -> None:
    one = next(
        h for h in histories(CLASS.format(body=body, width=width)) if any(isinstance(e, Define) for e in h.events)
    )
    found = [candidate.message for candidate in check(one)]
    if mismatch is None:
        assert found == []
    else:
        wanted, given = mismatch
        (message,) = found
        assert f"takes {wanted}" in message
        assert f"{given} features to" in message or (given == 1 and "a map of 2048 x 1 x 1" in message)
        assert all(candidate.speculative for candidate in check(one))


def test_what_a_forward_makes_for_itself_is_made_before_it_is_called() -> None:
    (history, *_) = histories(CLASS.format(body="return self.head(self.trunk[:-1](x).mean([2, 3]))", width="2048"))
    (define,) = (event for event in history.events if isinstance(event, Define))
    made = [
        event.object for event in history.events[: history.events.index(define)] if isinstance(event, MakeContainer)
    ]
    sliced = define.operations[0].module
    assert sliced is not None
    assert sliced.object in made


INPUTS = """
class Net(nn.Module):
    def __init__(self, n=10):
        super().__init__()
        self.whole = models.resnet18()
        self.more = nn.Linear(4, 16)
        self.head = nn.Linear(1000, n)
    def forward({takes}):
        {body}
"""


def defined(takes: str, body: str) -> Define | None:
    """What a forward with these parameters is read as."""
    found = [event for one in histories(INPUTS.format(takes=takes, body=body)) for event in one.events]
    return next((event for event in found if isinstance(event, Define)), None)


def test_further_inputs_have_numbers_of_their_own() -> None:
    program = defined("self, x, y", "return self.head(torch.cat([self.whole(x), self.more(y)], 1))")
    assert program is not None
    assert (program.inputs, program.others) == (2, ())
    assert [step.inputs for step in program.operations] == [(0,), (-1,), (1, 2), (3,)]


@pytest.mark.parametrize(
    ("takes", "body", "others"),
    [
        ("self, x, scale=2.0", "return self.head(self.whole(x) * 2)", []),
        ("self, x, y=None", "x = self.whole(x)\n        if y is not None: x = x * y\n        return x", [2]),
        ("self, x, deep=False", "x = self.whole(x)\n        return self.head(x) if deep else x", [2]),
        ("self, x, *, a=None, b=None, c=None", "return self.whole(x)", None),
    ],
)
def test_optional_arguments_are_left_out_and_what_they_change_is_kept(
    takes: str, body: str, others: list[int] | None
) -> None:
    program = defined(takes, body)
    assert program is not None
    assert program.inputs == 1
    assert (None if program.others is None else [len(other) for other in program.others]) == others


def test_many_inputs_and_names_that_must_be_given_stay_opaque() -> None:
    assert defined("self, a, b, c, d, e", "return self.whole(a)") is None
    assert defined("self, x, *, deep", "return self.head(x) if deep else self.whole(x)") is None
