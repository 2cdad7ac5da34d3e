"""What headlint understood of a program: for every model its history on every path, and what was not known."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from headlint.flow.histories import ModelHistory, analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.reach import identifiers
from headlint.flow.scope import look_up
from headlint.flow.state import State
from headlint.flow.value import External, Module, Optimizer, Parameter, Tuple, Unknown, Value
from headlint.flow.value import Iterator as Items
from headlint.history import Build
from headlint.output.words import conditions, told
from headlint.relevance import concerns
from headlint.source.nodes import text_of
from headlint.source.program import Program, parse
from headlint.source.segments import Source

# More ways of one model than this are counted, not printed.
MOST_WAYS = 8


def explanation(source: Source, name: str) -> list[str]:
    """Line by line what was understood of a program; never raises."""
    if not concerns(source.text):
        return [f"{name}: nothing of torchvision's models is used here"]
    try:
        program = parse(source.text, name, source=source)
    except Exception:  # noqa: BLE001  (the report of the file says what is wrong with it)
        return [f"{name}: cannot be parsed"]
    try:
        return list(_explain(program))
    except Exception as error:  # noqa: BLE001  (as in the pipeline: a fault of ours must not end the run)
        return [f"{name}: headlint failed to explain this file ({type(error).__name__}: {error})"]


@dataclass(frozen=True)
class Gap:
    """An expression whose value is not known, on paths on which the models built at `builds` are there already."""

    node: cst.CSTNode
    reason: str
    builds: frozenset[int]


# What is not known matters as an argument of these.
_MAKERS = ("torch.nn.", "torch.optim.", "torchvision.models.")


class Noting(Interpreter):
    """Follows a program as always, and notes in `gaps` what is not known where it matters to a model."""

    gaps: dict[int, Gap]

    def __init__(self, most_steps: int) -> None:
        super().__init__(most_steps)
        self._unknown: dict[int, str] = {}

    def evaluate(self, state: State, node: cst.BaseExpression) -> Value:
        """The value of an expression; noted if it has to do with modules and nothing is known of it."""
        value = super().evaluate(state, node)
        if isinstance(value, Unknown):
            self._unknown[id(node)] = value.reason
            # What follows from something unknown was noted where that came up.
            follows = value.reason.endswith("depends on something unknown")
            if not follows and any(_is_about_modules(look_up(state, name)) for name in identifiers(node)):
                self._note(state, node, value.reason)
        elif isinstance(node, cst.Call) and self._makes_parts(state, node.func):
            for argument in node.args:
                if id(argument.value) in self._unknown:
                    self._note(state, argument.value, self._unknown[id(argument.value)])
        return value

    def hand_over(self, state: State, value: Value, reason: str, site: cst.CSTNode) -> None:
        """As always; what is put into something unknown is noted."""
        if reason.startswith("put into"):
            self._note(state, site, reason)
        super().hand_over(state, value, reason, site)

    def _makes_parts(self, state: State, function: cst.BaseExpression) -> bool:
        while isinstance(function, cst.Attribute):
            function = function.value
        value = look_up(state, function.value) if isinstance(function, cst.Name) else None
        return isinstance(value, External) and f"{value.name}.".startswith(_MAKERS)

    def _note(self, state: State, node: cst.CSTNode, reason: str) -> None:
        builds = frozenset(id(event.site) for event in state.trace if isinstance(event, Build))
        if builds:
            known = self.gaps.get(id(node))
            self.gaps[id(node)] = Gap(node, reason, builds if known is None else builds | known.builds)


def _is_about_modules(value: Value) -> bool:
    match value:
        case Module() | Parameter() | Optimizer():
            return True
        case Tuple() | Items():
            return any(_is_about_modules(item) for item in value.items)
    return False


def _explain(program: Program) -> Iterator[str]:
    noted: dict[int, Gap] = {}

    class Here(Noting):
        gaps = noted

    analysis = analyse(program.tree, Here)
    gaps = list(noted.values())
    if analysis.note:
        yield f"{program.name}: {analysis.note}"
    models: dict[tuple[int, str, int], list[ModelHistory]] = {}
    for history in analysis.histories:
        models.setdefault((id(history.build.site), history.builder.name, history.occurrence), []).append(history)
    if not models and not analysis.note:
        yield f"{program.name}: no model of torchvision is built here, as far as can be seen"
    for histories in sorted(models.values(), key=lambda own: _position(program, own[0].build.site)):
        yield from _model(program, histories, gaps)


def _model(program: Program, histories: Sequence[ModelHistory], gaps: Sequence[Gap]) -> Iterator[str]:
    first = histories[0]
    ways: dict[tuple[str, ...], list[ModelHistory]] = {}
    for history in histories:
        ways.setdefault(tuple(_events(program, history)), []).append(history)
    again = f", number {first.occurrence + 1} of those built here" if first.occurrence else ""
    yield f"{program.name}:{_line(program, first.build.site)}: {first.builder.name}{again}"
    shown = [(lines, same) for lines, same in ways.items() if same[0].complete or not _is_told(lines, ways)]
    for number, (lines, same) in enumerate(shown):
        if number == MOST_WAYS:
            yield f"  and {len(shown) - MOST_WAYS} more ways"
            break
        assumed = conditions(same)
        if assumed or len(shown) > 1:
            yield f"  when {' and '.join(assumed)}:" if assumed else "  else:"
        yield from lines
    own = [gap for gap in gaps if id(first.build.site) in gap.builds]
    if own:
        yield "  not known:"
    for line, _, text in sorted({(*_position(program, gap.node), _said(gap)) for gap in own}):
        yield f"  {program.source.spelled(line):>5}  {text}"


_UNFINISHED = f"  {'':>5}  not followed further"


def _events(program: Program, history: ModelHistory) -> Iterator[str]:
    for event, words in told(history):
        yield f"  {_line(program, event.site):>5}  {words}"
    if not history.complete:
        yield _UNFINISHED


def _is_told(lines: tuple[str, ...], ways: Collection[tuple[str, ...]]) -> bool:
    """Whether a way that is not followed further is the beginning of another one."""
    begun = tuple(line for line in lines if line != _UNFINISHED)
    return any(other != lines and other[: len(begun)] == begun for other in ways)


def _said(gap: Gap) -> str:
    node = gap.node.targets[0].target if isinstance(gap.node, cst.Assign) else gap.node
    return f"{' '.join(text_of(node).split())}: {gap.reason}"


def _line(program: Program, site: cst.CSTNode | None) -> str:
    """The line of a node, "" where the program does not say it itself."""
    line, _ = _position(program, site)
    return program.source.spelled(line) if line else ""


def _position(program: Program, site: cst.CSTNode | None) -> tuple[int, int]:
    try:
        span = None if site is None else program.span(site)
    except KeyError:
        span = None
    return (0, 0) if span is None else (span.line, span.column)
