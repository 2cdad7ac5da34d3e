"""Inlay hints: the width that arrives at each new layer."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from lsprotocol import types

from headlint.checks.places import sizes_of
from headlint.checks.regions import regions
from headlint.flow import modules
from headlint.flow.histories import ModelHistory
from headlint.history import MakeLayer, ModuleRef
from headlint.lsp.looks import Result
from headlint.standing import WIDTHS
from headlint.torchlib.shapes import Refused, Shape, behind


def hints(result: Result, uri: str, asked: types.Range) -> Iterator[types.InlayHint]:
    """The hints that stand in a range of a text of the client's."""
    program = result.draft.program
    if program is None:
        return
    for call, width in arriving(result.draft.histories).items():
        try:
            span = program.span(call.args[0])
        except KeyError:
            continue
        location = result.document.located(span)
        if location.uri == uri and asked.start <= location.range.start <= asked.end:
            yield types.InlayHint(
                location.range.start,
                f"{width} arrive:",
                tooltip="what the model gives this layer, as headlint works it out",
                padding_right=True,
            )


def arriving(histories: tuple[ModelHistory, ...]) -> dict[cst.Call, int]:
    """The calls that make the new layers of rebuilt parts, with the width that arrives there on every path."""
    found: dict[cst.Call, set[int]] = {}
    for history in histories:
        made = {event.object: event.site for event in history.events if isinstance(event, MakeLayer)}
        for region in regions(history):
            for ref, shape in _through(history, region.ref, region.arriving) if region.certain else ():
                site = made.get(ref.object)
                sizes = sizes_of(history, ref)
                if isinstance(site, cst.Call) and site.args and any(name in sizes for name, _ in WIDTHS) and shape:
                    # Features come last of a vector, and channels first of a picture.
                    width = shape[-1 if len(shape) == 1 else 0]
                    if isinstance(width, int):
                        found.setdefault(site, set()).add(width)
    return {site: next(iter(widths)) for site, widths in found.items() if len(widths) == 1}


def _through(history: ModelHistory, ref: ModuleRef, shape: Shape) -> Iterator[tuple[ModuleRef, Shape]]:
    """The layers of a part in the order in which they run, with what arrives at each, as far as that is known."""
    waiting = [ref]
    while waiting:
        here = waiting.pop(0)
        if modules.container_kind(history.state, here) == "Sequential":
            inside = [child for _, child in modules.children_of(history.state, here)]
            if None in inside:
                return
            waiting = [*(child for child in inside if child is not None), *waiting]
            continue
        yield here, shape
        outcome = behind(modules.kind_of(history.state, here), sizes_of(history, here), shape)
        if outcome is None or isinstance(outcome, Refused):
            return
        shape = outcome
