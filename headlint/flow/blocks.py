"""`with` and `try`: blocks in which what raises may be meant."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import libcst as cst

from headlint.flow.certain import is_never_entered
from headlint.flow.gradients import is_grad_mode, recording_in
from headlint.flow.moves import note_made
from headlint.flow.scope import bind_target
from headlint.flow.state import State
from headlint.flow.value import Instance, Symbol, Unknown
from headlint.source.nodes import statements_of, text_of

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


def with_statement(run: Interpreter, node: cst.With, state: State) -> list[State]:
    paths = [state]
    recording = state.recording
    for item in node.items:
        following: list[State] = []
        for path in paths:
            following.extend(way for way, _ in run.ways(path, item, partial(_enter, run, item)))
        paths = following
    entered = [path for path in paths if path.completion is None]
    first = state.next_identity
    names = [text_of(item.item).partition("(")[0].rpartition(".")[2] for item in node.items]
    expects = not _EXPECTING.isdisjoint(names)
    for path in entered:
        path.guarded += expects
    behind = run.block(statements_of(node.body), entered)
    for path in behind:
        path.guarded -= expects
        path.recording = recording
        if any("device" in name for name in names):
            note_made(path, first, node)
        if expects and path.completion == "raise":
            path.completion = None
    return [path for path in paths if path.completion] + behind


# Context managers in which an exception is no mistake.
_EXPECTING = frozenset({"raises", "suppress", "assertRaises", "assertRaisesRegex"})


def _enter(run: Interpreter, item: cst.WithItem, state: State) -> None:
    value = run.evaluate(state, item.item)
    if isinstance(value, Instance):
        run.hand_over(state, value, "'with' enters and leaves it", item)
    if is_grad_mode(value):
        state.recording = recording_in(value)
    if item.asname is not None:
        target = item.asname.name
        # What a context manager gives is its own business, except that tools like tqdm give themselves.
        given = value if isinstance(value, Symbol) else state.origin(target, text_of(target))
        bind_target(run, state, target, given, item)


def try_statement(run: Interpreter, node: cst.Try | cst.TryStar, state: State) -> list[State]:
    before = state.fork()
    caught = any(map(_catches, node.handlers))
    if caught:
        state.guarded += 1
    tried = run.block(statements_of(node.body), [state])
    for path in tried:
        path.guarded = before.guarded
    raised = [path for path in tried if path.completion == "raise"]
    going_on = [path for path in tried if path.completion != "raise"]
    through = list(going_on)
    if node.orelse is not None:
        normal = [path for path in going_on if path.completion is None]
        rest = [path for path in going_on if path.completion is not None]
        going_on = rest + run.block(statements_of(node.orelse.body), normal)
    for handler in node.handlers:
        if not raised and is_never_entered(run, handler, statements_of(node.body)):
            continue
        entry = before.fork()
        # Where nothing is known to raise, a handler may never be entered: what raises in it is no mistake.
        entry.guarded += not raised
        handled = _handle(run, handler, entry, (raised or through) if _catches(handler) else through)
        for path in handled:
            path.guarded = before.guarded
        going_on.extend(handled)
    if not caught:
        going_on.extend(raised)
    if node.finalbody is not None:
        going_on = _finally(run, node.finalbody, going_on)
    return going_on


# What comes of somebody who interrupts or ends the program, never of what it does to a model.
_FROM_OUTSIDE = frozenset({"KeyboardInterrupt", "SystemExit", "GeneratorExit"})


def _catches(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler may be there for what torch raises."""
    kind = handler.type
    kinds = [element.value for element in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    return not all(isinstance(one, cst.Name) and one.value in _FROM_OUTSIDE for one in kinds)


def _handle(run: Interpreter, handler: Any, before: State, tried: list[State]) -> list[State]:
    """A handler begins somewhere between the start of the block and its end."""
    entry = before.fork()
    for path in tried:
        completed = path.fork()
        completed.completion = None
        entry = run.join(entry, completed)
    if handler.name is not None:
        bind_target(run, entry, handler.name.name, Unknown("an exception"), handler)
    return run.block(statements_of(handler.body), [entry])


def _finally(run: Interpreter, node: cst.Finally, paths: list[State]) -> list[State]:
    behind: list[State] = []
    for path in paths:
        completion, returned = path.completion, path.returned
        path.completion = None
        for out in run.block(statements_of(node.body), [path]):
            if out.completion is None:
                out.completion, out.returned = completion, returned
            behind.append(out)
    return behind
