"""HL200: what the code does to a model raises, or has no effect, although no other rule foresaw it."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.idle_parts import idle_parts
from headlint.checks.places import joined, place_of, spelled
from headlint.checks.wholes import entrance, is_certain, pictures
from headlint.claims import RaisesFrom
from headlint.flow.histories import ModelHistory
from headlint.history import AnyEvent, Build, Define, DeleteModule, MakeContainer, MakeLayer, SetAttribute, SetModule

CODE = "HL200"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """What may raise, and layers that no forward may run."""
    yield from raising(history)
    yield from idle_parts(history, CODE)


def raising(history: ModelHistory) -> Iterator[Candidate]:
    """Every statement that changes what forward may do: the replay of the whole tells which of them it is, if any."""
    model = entrance(history) if is_certain(history) else None
    if model is None:
        return
    inputs = pictures(history)
    statements: dict[int, list[AnyEvent]] = {}
    for event in history.events:
        if event.site is not None and _said(history, event):
            statements.setdefault(id(event.site), []).append(event)
    for events in statements.values():
        site = events[-1].site
        assert isinstance(site, cst.CSTNode)
        claim = RaisesFrom(tuple(events), inputs)
        hint = "`headlint inspect` with the file and this line shows the model as it stands there"
        yield Candidate(CODE, site, site, _said(history, events[-1]), hint, claim, True, model, unforeseen=True)


def _said(history: ModelHistory, event: AnyEvent) -> str:
    """What an event does and what comes of it, "" for those that change nothing of what forward does."""
    name = history.builder.name
    match event:
        case Build():
            return f"{event.builder} raises when it is built like this"
        case MakeLayer() | MakeContainer():
            return f"this {event.kind.rpartition('.')[2]} raises when it is made"
        case SetModule() if event.replaced is None:
            done = "is new in"
        case SetModule():
            done = "is replaced in"
        case DeleteModule():
            done = "is deleted from"
        case SetAttribute():
            done = "is set in"
        case Define():
            return f"the forward that this class has around {name} does not run"
        case _:
            return ""
    place = spelled(joined(place_of(history, event.target) or "", event.name))
    return f"'{place}' {done} {name}, which does not run from here on"
