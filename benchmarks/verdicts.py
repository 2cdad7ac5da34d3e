"""How long a verdict takes: the first of a worker, one of a warm worker, one in the cache, and every model once."""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from typing import Any

from benchmarks.report import figure, heading
from headlint import Linter, Settings
from headlint.history import (
    AnyEvent,
    Build,
    MakeLayer,
    MakeOptimizer,
    ModuleRef,
    ParameterRef,
    SetFlag,
    SetModule,
    Witnesses,
    recipe,
)
from headlint.probe.client import Prober
from headlint.probe.protocol import Failure
from headlint.zoo import builder_names, find_builder, tree

WARM_ROUNDS = 15
CACHED_ROUNDS = 200


def one_by_one() -> None:
    """resnet50 with another head, on the wall clock."""
    heading("one verdict: resnet50 with a new head, on the wall clock")
    with tempfile.TemporaryDirectory() as cache:
        with Prober(cache_directory=cache) as prober:
            figure("cold, the start of the worker included", seconds(prober, new_head(2)))
            warm = [seconds(prober, new_head(width)) for width in range(3, 3 + WARM_ROUNDS)]
            figure("warm", statistics.median(warm))
            steps = [seconds(prober, new_head(width, train=True)) for width in range(3, 3 + WARM_ROUNDS)]
            figure("warm, with a training step", statistics.median(steps))
        peak_of_worker()
        with Prober(cache_directory=cache) as prober:
            figure("first from the cache, its opening included", seconds(prober, new_head(2)))
            cached = [seconds(prober, new_head(3 + number % WARM_ROUNDS)) for number in range(CACHED_ROUNDS)]
            figure("from the cache", statistics.median(cached))


def every_classification_model() -> None:
    """A wrong name and a wrong width for each model, by one worker that has never seen them."""
    names = [name for name in builder_names() if is_classifier(name)]
    heading(f"{len(names)} classification models, each given a wrong head, by one worker without a cache")
    confirmed = 0
    started = time.perf_counter()
    with Linter(Settings(cache_directory="")) as linter:
        for name in names:
            report = linter.lint(PROGRAM.format(name=name), f"{name}.py")
            confirmed += any(finding.verdict.kind == "confirmed" for finding in report.findings)
    figure(f"{confirmed} of {len(names)} confirmed", time.perf_counter() - started)
    peak_of_worker()


def peak_of_worker() -> None:
    """Print the largest peak of the processes that have ended by now, of which workers are by far the largest."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"  the worker and its experiments took at most {peak // 1024} MB each")


PROGRAM = """\
from torch import nn, randn
from torchvision import models

model = models.{name}()
model.last_layer = nn.Linear(8, 10)
model(randn(2, 3, 224, 224))
"""


def is_classifier(name: str) -> bool:
    """Whether this builder makes an ordinary classification model."""
    builder = find_builder(name)
    return builder is not None and builder.qualified_name == f"torchvision.models.{name}"


def new_head(width: int, *, train: bool = False) -> dict[str, Any]:
    """The recipe of a resnet50 whose head gets `width` outputs, and is trained for a step while the rest is frozen."""
    model, head = ModuleRef(0, ""), ModuleRef(1, "")
    builder = find_builder("resnet50")
    assert builder is not None
    made = tree(builder, {}, False)
    assert made is not None
    own = tuple(ParameterRef(0, path) for path in made.parameters())
    events: list[AnyEvent] = [
        Build(site=None, object=0, builder="resnet50", arguments=(), weighted=False),
        MakeLayer(site=None, object=1, kind="Linear", arguments=(("in_features", 2048), ("out_features", width))),
        SetModule(site=None, target=model, name="fc", value=head, replaced=ModuleRef(0, "fc"), how="attribute"),
    ]
    if train:
        events.insert(1, SetFlag(site=None, parameters=own, value=False))
        trained = tuple(ParameterRef(1, name) for name in ("weight", "bias"))
        events.append(MakeOptimizer(site=None, kind="Adam", parameters=trained, object=2))
    shape = (2, *builder.smallest_input)
    step = shape if train else None
    witnesses = Witnesses({}, {})
    return recipe(events, model=model, watch=(head,), input_shape=shape, witnesses=witnesses, training_shape=step).body


def seconds(prober: Prober, experiment: dict[str, Any]) -> float:
    """How long one answer takes; raises RuntimeError where there is none."""
    started = time.perf_counter()
    answer = prober.observe(experiment)
    elapsed = time.perf_counter() - started
    if isinstance(answer, Failure):
        raise RuntimeError(answer.reason)
    return elapsed
