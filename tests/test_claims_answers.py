"""Whatever a worker answers, a claim confirms, refutes or leaves open, and never raises."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import headlint.claims
from headlint.claims import Claim, judged
from headlint.history import Build, MakeLayer, ModuleRef, Recipe, SetModule, Witnesses, recipe

MODEL, HEAD = ModuleRef(3, ""), ModuleRef(7, "")
EVENTS = (
    Build(3, "resnet18", (), False, site=None),
    MakeLayer(7, "Linear", (("in_features", 512), ("out_features", 10)), site=None),
    SetModule(MODEL, "fc", HEAD, None, "attribute", site=None),
)
# A value for every type that a claim has in it.
SAMPLES: dict[str, Any] = {
    "Argument": 10,
    "ModuleRef": HEAD,
    "ModuleRef | None": HEAD,
    "bool": True,
    "frozenset[str]": frozenset({"fc.weight"}),
    "int": 0,
    "str": "fc",
    "tuple[AnyEvent, ...]": EVENTS,
    "tuple[ModuleRef, ...]": (HEAD,),
    "tuple[int, ...]": (0,),
    "tuple[str, ...]": ("fc.weight", "fc.bias"),
    "tuple[str, str]": ("loss", "CrossEntropyLoss"),
    "tuple[str, tuple[tuple[str, Argument], ...]] | None": None,
    "tuple[tuple[AnyEvent, ModuleRef, str], ...]": ((EVENTS[2], MODEL, "cuda"),),
    "tuple[tuple[ModuleRef, bool], ...]": ((MODEL, True),),
    "tuple[tuple[ModuleRef, int], ...]": ((HEAD, 2),),
    "tuple[tuple[int, ...], ...]": ((2, 3, 64, 64),),
}
KINDS = [getattr(headlint.claims, name) for name in headlint.claims.__all__]
CLAIMS = [kind for kind in KINDS if isinstance(kind, type) and issubclass(kind, Claim) and kind is not Claim]


@cache
def made(kind: type[Claim]) -> tuple[Claim, Recipe]:
    """A claim of a kind, and a recipe that it could be asked about."""
    fields: Any = kind
    claim = kind(**{field.name: SAMPLES[str(field.type)] for field in dataclasses.fields(fields)})
    known = Witnesses({}, {})
    return claim, recipe(EVENTS, model=MODEL, watch=claim.watch, input_shape=(2, 3, 64, 64), witnesses=known)


SHAPES = st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | SHAPES
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
RAISED = st.fixed_dictionaries({"type": PLAIN, "text": PLAIN, "module": PLAIN, "place": PLAIN, "phase": PLAIN})
COUNTS = (
    "parameters trainable used reached with_gradient stepped buffers buffers_moved statistics statistics_moved"
    " largest_gradient held calls arrived inside modules_called weight"
).split()
FACTS = st.fixed_dictionaries(dict.fromkeys(COUNTS, PLAIN))
WATCH = st.dictionaries(st.sampled_from(["0:", "1:", "0:fc"]), FACTS | ANYTHING)
VALUES = st.fixed_dictionaries(
    dict.fromkeys(("rows_sum_to_one", "in_unit_interval", "constant", "min", "max"), PLAIN),
)
RUN = st.fixed_dictionaries(
    {"output": ANYTHING, "raised": st.none() | RAISED | ANYTHING, "stopped": PLAIN},
    optional={
        "values": VALUES | ANYTHING, "uses": st.lists(st.none() | RAISED, max_size=2), "kind": PLAIN, "loss": PLAIN,
        "model": FACTS, "watch": WATCH, "read": PLAIN,
    },
)  # fmt: skip
LOOK = st.fixed_dictionaries(
    {**dict.fromkeys(("behind", "input", "output", "stopped", "arrived"), ANYTHING), "raised": st.none() | RAISED},
)
OBSERVATIONS = st.fixed_dictionaries(
    {},
    optional={
        "events": st.lists(st.none() | st.fixed_dictionaries({"raised": RAISED}) | ANYTHING, max_size=4),
        "optimizers": st.lists(st.none() | st.fixed_dictionaries({"raised": RAISED}) | ANYTHING, max_size=2),
        "forward": RUN | ANYTHING, "training": RUN | ANYTHING, "watch": WATCH, "model": FACTS | ANYTHING,
        "arrivals": st.lists(st.fixed_dictionaries({"shape": PLAIN, "least": PLAIN}) | ANYTHING, max_size=2),
        "looks": st.lists(LOOK | ANYTHING, max_size=3),
        "names": st.dictionaries(st.sampled_from(["fc.weight", "fc.bias", "x"]), PLAIN) | ANYTHING,
    },
)  # fmt: skip


@pytest.mark.parametrize("kind", CLAIMS, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(observation=OBSERVATIONS | ANYTHING)
def test_any_answer_gives_a_verdict(kind: type[Claim], observation: Any) -> None:
    claim, asked = made(kind)
    assert judged(claim, asked, observation).verdict.kind in ("confirmed", "refuted", "unconfirmed")
