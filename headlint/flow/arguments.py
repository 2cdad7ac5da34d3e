"""What calls are given, and the shape of what answers them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from headlint.flow.frozen import frozen
from headlint.flow.iterating import iterate
from headlint.flow.state import DictRecord, State
from headlint.flow.value import Constant, DictRef, Value

if TYPE_CHECKING:
    from headlint.flow.interpreter import Interpreter


@frozen
class Arguments:
    """What a call is given.

    `complete` is False where a `*` or `**` of unknown content was among it, and `outside` says that the caller
    is not in the file: then numbers that have a default keep it, and all else may be anything.
    """

    positional: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...] = ()
    complete: bool = True
    outside: bool = False

    def get(self, position: int | None, name: str) -> Value | None:
        """The argument for a parameter that stands at `position` (None: keyword only) and is called `name`."""
        if position is not None and position < len(self.positional):
            return self.positional[position]
        for keyword, value in self.keywords:
            if keyword == name:
                return value
        return None

    @property
    def values(self) -> tuple[Value, ...]:
        """Every argument."""
        return (*self.positional, *(value for _, value in self.keywords))


# What answers calls to something that is not of the file: the value, with the effects done to the state.
Handler = Callable[["Interpreter", State, Arguments, cst.CSTNode], Value]


def evaluate_arguments(run: Interpreter, state: State, nodes: Sequence[cst.Arg]) -> Arguments:
    """Evaluate the arguments of a call in order."""
    positional: list[Value] = []
    keywords: dict[str, Value] = {}
    complete = True
    for node in nodes:
        value = run.evaluate(state, node.value)
        if node.star == "*":
            items = iterate(state, value)
            complete = complete and items is not None
            positional.extend(items or () if complete else ())
        elif node.star == "**":
            record = state.heap.get(value.identity) if isinstance(value, DictRef) else None
            pairs = record.items if isinstance(record, DictRecord) and record.complete else None
            complete = complete and pairs is not None
            for key, inside in pairs or ():
                if isinstance(key, Constant) and isinstance(key.value, str):
                    keywords[key.value] = inside
        elif node.keyword is not None:
            keywords[node.keyword.value] = value
        elif complete:
            positional.append(value)
        else:
            # Behind a `*` of unknown length nobody knows whose argument this is.
            run.hand_over(state, value, "an argument of unknown position", node)
    return Arguments(tuple(positional), tuple(keywords.items()), complete)
