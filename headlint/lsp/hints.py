"""Inlay hints: the width that arrives at each new layer."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from lsprotocol import types

from headlint.flow.histories import ModelHistory
from headlint.history import MakeLayer
from headlint.lsp.arriving import arrivals
from headlint.lsp.looks import Result


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
    """The calls that make layers, with the width that arrives there, where that is one number on every path."""
    found: dict[cst.Call, set[object]] = {}
    for history in histories:
        made = {event.object: event.site for event in history.events if isinstance(event, MakeLayer)}
        for arrival in arrivals(history):
            site = made.get(arrival.layer.object)
            if isinstance(site, cst.Call) and site.args:
                found.setdefault(site, set()).add(arrival.width)
    one = {site: next(iter(widths)) for site, widths in found.items() if len(widths) == 1}
    return {site: width for site, width in one.items() if isinstance(width, int)}
