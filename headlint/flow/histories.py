"""From ended paths to histories: one for every torchvision model on every path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import libcst as cst

from headlint.flow import changes, modules
from headlint.flow.entries import follow
from headlint.flow.interpreter import EndedPath, Interpreter, OutOfBudget
from headlint.flow.outputs import Use, uses_of
from headlint.flow.parameters import parameter_set
from headlint.flow.state import State, Step, ZooObject
from headlint.flow.value import Constant, Symbol
from headlint.history import (
    AnyEvent,
    Build,
    Escape,
    MakeContainer,
    MakeOptimizer,
    ModuleRef,
    ParameterRef,
    Read,
    SetAttribute,
    SetFlag,
    SetParameterAttribute,
    UseKeys,
    modules_of,
)
from headlint.source.nodes import count_statements
from headlint.zoo import Builder

# Statements interpreted before a file is given up, all paths and calls together: linear in its length.
FIXED_STEPS = 12_000
STEPS_PER_STATEMENT = 10


@dataclass(frozen=True)
class ModelHistory:
    """What one path of the code does to one model, how everything stands at its end, and what became of outputs.

    `supposed` histories come of a call from outside to what the file calls in another way itself. `trained` is the same
    one up to where the model is done with training, if layers of it are replaced or frozen behind that.
    """

    build: Build
    builder: Builder
    events: tuple[AnyEvent, ...]
    conditions: tuple[tuple[Symbol, bool], ...]
    complete: bool
    state: State
    uses: tuple[Use, ...] = ()
    steps: tuple[Step, ...] = ()
    supposed: bool = False
    trained: ModelHistory | None = None
    # What has been asked of it, with the answers.
    answers: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def model(self) -> ModuleRef:
        """The model itself."""
        return ModuleRef(self.build.object, "")

    @property
    def escaped(self) -> str | None:
        """To whom the model was handed out of sight, None if it never was."""
        return self.state.escaped.get(self.build.object)

    @property
    def escaped_by_hand(self) -> bool:
        """Whether code out of sight gets the model before whoever called the function that made it."""
        return any(
            isinstance(event, Escape)
            and event.target.object == self.build.object
            and not isinstance(event.site, (cst.FunctionDef, cst.ClassDef, cst.Lambda))
            for event in self.events
        )

    @property
    def frozen_by_builder(self) -> tuple[ParameterRef, ...]:
        """What the builder leaves frozen: a part of a detection model's backbone that has weights."""
        made = self.state.heap[self.build.object]
        assert isinstance(made, ZooObject)
        return tuple(ParameterRef(self.build.object, path) for path in sorted(made.tree.frozen))

    @property
    def over(self) -> bool:
        """Whether nothing comes behind its events: the path has come to its end, or the last one is known to raise."""
        return self.complete or (bool(self.events) and isinstance(self.events[-1], (Read, UseKeys)))

    @cached_property
    def occurrence(self) -> int:
        """How many models the same code has made before this one on the same path."""
        same = [e for e in self.state.trace if isinstance(e, Build) and e.site is self.build.site]
        return next(index for index, event in enumerate(same) if event.object == self.build.object)

    @property
    def forward_replaced(self) -> bool:
        """Whether the code puts its own forward, or a part of it, in the place of the model's."""
        return any(
            ref.object in (self.build.object, changes.ELSEWHERE.object) and name.startswith(("forward", "_forward"))
            for ref, name in self.state.attributes
        )

    @cached_property
    def wrappers(self) -> frozenset[ModuleRef]:
        """The DataParallels that were put around the model."""
        return frozenset(
            ModuleRef(event.object, "")
            for event in self.events
            if isinstance(event, MakeContainer)
            and event.kind in modules.WRAPPERS
            and event.children == (("module", self.model),)
        )

    @cached_property
    def places(self) -> dict[ModuleRef, str]:
        """Where every module of the model stands at the end."""
        return {ref: path for path, ref in modules.walk(self.state, self.model)}

    @cached_property
    def parameters(self) -> frozenset[ParameterRef]:
        """Every parameter of the model as it stands at the end."""
        return parameter_set(self.state, self.model)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The histories of one program; `note` says why some may be missing, and is empty otherwise.

    `may_be_right` are the reads and assignments (by the identity of their nodes) that succeed on some path, or
    that some path does to something unknown. `read_from` has, for attributes that were read, from models of which
    builders: None stands for what may be any, "" for an object of the file that has the attribute.
    """

    histories: tuple[ModelHistory, ...]
    note: str
    may_be_right: frozenset[int]
    read_from: Mapping[int, AbstractSet[str | None]]


def analyse(tree: cst.Module, interpreter: Callable[..., Interpreter] = Interpreter) -> Analysis:
    """Follow a program from its first line, then every function and class that nothing in it uses."""
    run = interpreter(most_steps=FIXED_STEPS + STEPS_PER_STATEMENT * count_statements(tree.body))
    note = ""
    try:
        follow(run, tree)
    except OutOfBudget:
        note = "too many paths to follow them all"
        run.ended = [EndedPath(path.state, complete=False) for path in run.ended]
    except RecursionError:
        note = "nested too deeply to be followed"
        run.ended = []
    return Analysis(_all_histories(run), note, frozenset(run.may_be_right), run.read_from)


def histories_so_far(state: State) -> tuple[ModelHistory, ...]:
    """What a path has done to each model by now."""
    return _histories([EndedPath(state, complete=False)], frozenset())


def history_so_far(state: State, build: Build) -> ModelHistory | None:
    """What a path has done to one model by now, None where it has lost sight of it."""
    return next((one for one in histories_so_far(state) if one.build is build), None)


def _all_histories(run: Interpreter) -> tuple[ModelHistory, ...]:
    """Those of what the file does itself, and of models that it comes to only if others call its functions."""
    ended = run.shown()
    real = _histories([path for path in ended if path.entry not in run.used], frozenset())
    known = frozenset(id(history.build.site) for history in real if history.complete)
    supposed = _histories([path for path in ended if path.entry in run.used], known)
    return (*real, *(replace(history, supposed=True) for history in supposed))


def _histories(ended: Sequence[EndedPath], known_sites: AbstractSet[int]) -> tuple[ModelHistory, ...]:
    seen: dict[tuple[object, ...], ModelHistory] = {}
    known: dict[int, frozenset[int]] = {}
    for path in ended:
        trace = path.state.trace
        touched = [_touched_by(event, known) for event in trace]
        for event in trace:
            if not isinstance(event, Build) or event.site is None or id(event.site) in known_sites:
                # One without a site is there only because the code has copied a part of it.
                continue
            events = _about(event.object, trace, touched)
            escaped = path.state.escaped.get(event.object)
            # The same done elsewhere in the code, or to a model that has moved, is a history of its own.
            sites = tuple([id(other.site) for other in events])
            moved = tuple([moved for moved in path.state.moves if event.object in moved.inside])
            key = (event.object, sites, events, moved, path.complete, escaped)
            same = seen.get(key)
            if same is not None:
                seen[key] = _with_path(same, path.state)
                continue
            record = path.state.heap.get(event.object)
            if isinstance(record, ZooObject):
                conditions = _assumed(path.state)
                uses = tuple(uses_of(path.state, event.object))
                steps = tuple(path.state.steps)
                complete = path.complete
                made = ModelHistory(event, record.builder, events, conditions, complete, path.state, uses, steps)
                seen[key] = replace(made, trained=_trained(made))
    return tuple(seen.values())


def _with_path(same: ModelHistory, state: State) -> ModelHistory:
    """A history that another path has, too."""
    # What only some of the paths assume is not needed for what happens to the model.
    assumed = frozenset(_assumed(state))
    shared = tuple(one for one in same.conditions if one in assumed)
    uses = tuple(dict.fromkeys((*same.uses, *uses_of(state, same.build.object))))
    steps = tuple(dict.fromkeys((*same.steps, *_same_steps(state, same.state))))
    trained = same.trained
    if trained is not None and state.trained is not None:
        trained = _with_path(trained, state.trained)
    if (shared, uses, steps) == (same.conditions, same.uses, same.steps) and trained is same.trained:
        return same
    return replace(same, conditions=shared, uses=uses, steps=steps, trained=trained)


def _trained(history: ModelHistory) -> ModelHistory | None:
    """The history up to the end of training; None where more is done behind that than to replace layers and to freeze.

    Nor where no loss of the model was seen, or it was changed between the loss and the step: then it is not what was
    trained.
    """
    state, number = history.state.trained, history.build.object
    if state is None or not isinstance(state.heap.get(number), ZooObject):
        return None
    uses = tuple(uses_of(state, number))
    if not any(use.how == "loss" and use.stands and use.but_norms is not False for use in uses):
        return None
    before = {id(event) for event in state.trace}
    later = [event for event in history.events if id(event) not in before]
    if any(isinstance(event, (SetAttribute, SetParameterAttribute, MakeOptimizer)) for event in later):
        return None
    if any(isinstance(event, SetFlag) and event.value for event in later):
        return None
    events = tuple(event for event in history.events if id(event) in before)
    return replace(history, events=events, state=state, uses=uses, steps=tuple(state.steps))


def _assumed(state: State) -> tuple[tuple[Symbol, bool], ...]:
    """The tests and conditions of a path in which it differs from others, and what is left to a value after them."""
    left: dict[tuple[Symbol, bool], None] = {}
    for symbol, truth in state.conditions:
        asked = symbol.operands[0] if symbol.operands else None
        if not truth and symbol.op in ("==", "in") and isinstance(asked, Symbol):
            only = state.assumptions.get(asked)
            if isinstance(only, Constant):
                left[Symbol("==", (asked, only), f"{asked.text} == {only.value!r}"), True] = None
    return (*state.tests, *state.conditions, *left)


def _same_steps(state: State, other: State) -> Iterator[Step]:
    """The steps of optimizers that hold the same on another path."""
    return (step for step in state.steps if state.heap.get(step.optimizer) == other.heap.get(step.optimizer))


def _touched_by(event: AnyEvent, known: dict[int, frozenset[int]]) -> frozenset[int]:
    """The objects that an event is about; paths share their events, so each is asked once."""
    objects = known.get(id(event))
    if objects is None:
        objects = known[id(event)] = frozenset(modules_of(event))
    return objects


def _about(number: int, trace: Sequence[AnyEvent], touched: Sequence[frozenset[int]]) -> tuple[AnyEvent, ...]:
    """The events that concern object `number` or anything that comes together with it."""
    together = {number}
    grown = True
    while grown:
        grown = False
        for objects in touched:
            if not objects <= together and not together.isdisjoint(objects):
                together |= objects
                grown = True
    return tuple(event for event, objects in zip(trace, touched, strict=True) if objects and objects & together)
