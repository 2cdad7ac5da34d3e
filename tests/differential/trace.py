"""What happened when a program ran: events in order, as plain data, with objects as numbers and lines of the program."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Raised:
    """An exception. `lines` are those of the program, the innermost last; `module` is the module it came from.

    `module` is the innermost one whose call raised, `inside` all that were being called, and `shape` what it got.
    """

    type: str
    message: str
    lines: tuple[int, ...] = ()
    module: int | None = None
    inside: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()
    owner: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happened in `line`, in the function called `function` (empty at module level)."""

    line: int
    function: str


@dataclass(frozen=True)
class Build(Event):
    """A builder of torchvision made `model`, or raised."""

    builder: str
    model: int | None
    arguments: dict[str, Any]
    raised: Raised | None = None


@dataclass(frozen=True)
class Put(Event):
    """`new` took the place of `old` under `name` in `owner`; without `new` it was taken away, or a parameter was."""

    owner: int
    name: str
    old: int | None
    new: int | None


@dataclass(frozen=True)
class Flag(Event):
    """True or False was assigned to the attribute `name` of parameters."""

    name: str
    value: bool
    parameters: tuple[int, ...]


@dataclass(frozen=True)
class Attribute(Event):
    """A plain value was assigned to an attribute of a module; `fits` says that it is a size of its weight."""

    owner: int
    name: str
    value: Any
    before: Any = None
    fits: bool = False


@dataclass(frozen=True)
class Optimizer(Event):
    """An optimizer was made over groups of parameters, or refused them."""

    number: int
    groups: tuple[tuple[int, ...], ...]
    raised: Raised | None = None


@dataclass(frozen=True)
class AddGroup(Event):
    """Parameters came to an optimizer later."""

    optimizer: int
    parameters: tuple[int, ...]


@dataclass(frozen=True)
class Step(Event):
    """An optimizer took a step that wrote to `changed`; `by_trainer` says that a library called it."""

    optimizer: int
    changed: tuple[int, ...]
    by_trainer: bool


@dataclass(frozen=True)
class Call(Event):
    """A module was called from outside all modules. `by_us` says that the program itself did not call it, and
    `recorded` that gradients were switched on for any layer with parameters.

    `outputs` has the shape of each tensor that came back, by its key ("" for a tensor). `counts` names the modules
    whose running statistics moved, and `negative` those whose input had numbers below zero.
    """

    root: int
    training: bool
    recorded: bool
    called: tuple[int, ...]
    outputs: dict[str, tuple[int, ...]]
    raised: Raised | None
    by_us: bool
    counts: tuple[int, ...] = ()
    negative: tuple[int, ...] = ()


@dataclass(frozen=True)
class Loss(Event):
    """A loss function got the output `part` of the call with number `call` as it was (None: something else).

    `squashed` is the line in which the program itself made what it got by a softmax or sigmoid, 0 if it did not.
    """

    name: str
    call: int | None
    part: str
    shape: tuple[int, ...]
    sums_to_one: bool
    in_unit: bool
    value: float | None
    raised: Raised | None = None
    last: int | None = None
    squashed: int = 0


@dataclass(frozen=True)
class Backward(Event):
    """`backward()` ran, and these parameters have got gradients."""

    gradients: tuple[int, ...]
    largest: float
    raised: Raised | None = None


@dataclass(frozen=True)
class Mode(Event):
    """The program called `train()` or `eval()` of a module."""

    module: int
    training: bool


@dataclass(frozen=True)
class Move(Event):
    """The program moved a module to a device."""

    module: int
    device: str


@dataclass(frozen=True)
class LoadState(Event):
    """The program loaded weights into a module."""

    module: int


@dataclass(frozen=True)
class Snapshot(Event):
    """The trees of all models as they stood then: paths of modules, and of parameters with their flags."""

    modules: dict[str, dict[str, int]]
    parameters: dict[str, dict[str, tuple[int, bool]]]


KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}


@dataclass(frozen=True)
class Trace:
    """All of one run. `kinds` and `made` give the class of a module and the line that made it, by its number.

    `origin` says of modules that a builder made in which model and at which path they stood. `own` are the modules of the program's classes and
    whatever else was called, `refusing` what forward of raises in the end for whatever picture it gets, `constant` parts of models that return the same for whatever they get,
    `rounds` the lines of the `for` statements that came to a round,
    `widths` how many numbers Linear layers returned for each sample, `born` the model that a builder made with a
    parameter in it.
    """

    events: tuple[Event, ...]
    raised: Raised | None
    kinds: dict[int, str] = field(default_factory=dict)
    made: dict[int, int] = field(default_factory=dict)
    origin: dict[int, tuple[int, str]] = field(default_factory=dict)
    own: tuple[int, ...] = ()
    constant: tuple[int, ...] = ()
    refusing: tuple[int, ...] = ()
    rounds: tuple[int, ...] = ()
    widths: dict[int, int] = field(default_factory=dict)
    born: dict[int, int] = field(default_factory=dict)


def dumped(trace: Trace) -> str:
    """The trace as one line of JSON."""
    events = [{"kind": type(event).__name__, **vars(event)} for event in trace.events]
    return json.dumps({**vars(trace), "events": events}, default=vars)


def loaded(text: str) -> Trace:
    """The trace that `dumped` wrote."""
    body = json.loads(text)
    return Trace(
        events=tuple(_event(one) for one in body["events"]),
        raised=_raised(body["raised"]),
        kinds={int(number): kind for number, kind in body["kinds"].items()},
        made={int(number): line for number, line in body["made"].items()},
        origin={int(number): (model, path) for number, (model, path) in body["origin"].items()},
        own=tuple(body["own"]),
        constant=tuple(body["constant"]),
        refusing=tuple(body["refusing"]),
        rounds=tuple(body["rounds"]),
        widths={int(number): width for number, width in body["widths"].items()},
        born={int(number): model for number, model in body["born"].items()},
    )


def _event(body: dict[str, Any]) -> Event:
    kind = KINDS[body.pop("kind")]
    if "raised" in body:
        body["raised"] = _raised(body["raised"])
    known = {one.name for one in fields(kind)}
    event: Event = kind(**{name: _frozen(value) for name, value in body.items() if name in known})
    return event


def _raised(body: dict[str, Any] | None) -> Raised | None:
    return None if body is None else Raised(**{name: _frozen(value) for name, value in body.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
