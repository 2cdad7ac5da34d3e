"""HL404: what `load_state_dict` returns is taken for the model."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.checks.candidate import Candidate
from headlint.claims import ReadRaises
from headlint.flow.histories import ModelHistory
from headlint.history import LoadState, UseKeys

CODE = "HL404"


def check(history: ModelHistory) -> Iterator[Candidate]:
    """The use that ends the path, if one does, told where the result was taken."""
    last = history.events[-1] if history.events else None
    if not isinstance(last, UseKeys) or last.site is None or last.target.object != history.build.object:
        return
    loads = [event for event in history.events if isinstance(event, LoadState) and event.target == last.target]
    if not loads or loads[-1].site is None:
        return
    used = "it is called like a model" if last.name == "()" else f"'{last.name}' is read from it"
    message = (
        f"load_state_dict loads into {history.builder.name} and returns the missing and unexpected keys:"
        f" {used} later and raises; call load_state_dict without assigning its result"
    )
    hint = "call load_state_dict without assigning its result"
    yield Candidate(CODE, loads[-1].site, last.site, message, hint, ReadRaises(), speculative=False)
