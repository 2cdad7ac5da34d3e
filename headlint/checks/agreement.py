"""Whether the paths through a program agree on a candidate.

A path is what the code may do, not what its callers let it do: two conditions that always go together in real
runs look independent to the analysis. So a candidate counts only if every path that makes the same model
comes to it, or if every path by which the code in question is reached is wrong there.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from headlint.checks.candidate import Candidate
from headlint.claims import NeverUsed, ReadRaises
from headlint.flow import modules
from headlint.flow.histories import Analysis, ModelHistory
from headlint.history import SetModule


@dataclass(frozen=True)
class Suspicion:
    """A candidate on the history that gave it."""

    history: ModelHistory
    candidate: Candidate


def agree(analysis: Analysis, suspicions: Sequence[Suspicion], text: str) -> list[list[Suspicion]]:
    """Suspicions grouped by mistake, without those that the rest of the program speaks against."""
    histories = analysis.histories
    groups: dict[tuple[object, ...], list[Suspicion]] = {}
    for suspicion in suspicions:
        if isinstance(suspicion.candidate.claim, NeverUsed) and _is_called_by_hand(suspicion, text):
            continue
        if suspicion.candidate.claim.needs_forward and (
            suspicion.history.forward_replaced or _runs_parts_only(suspicion.history, histories)
        ):
            continue
        key = (suspicion.candidate.code, id(suspicion.candidate.site))
        groups.setdefault(key, []).append(suspicion)
    kept = ([one for one in group if _holds(one, group, analysis)] for group in groups.values())
    return [group for group in kept if group]


def _holds(suspicion: Suspicion, group: Sequence[Suspicion], analysis: Analysis) -> bool:
    site = suspicion.candidate.event_site
    histories = analysis.histories
    wrong = {id(other.history) for other in group}
    reached_and_right = [h for h in histories if id(h) not in wrong and _reaches(h, site)]
    if not reached_and_right and id(site) not in analysis.may_be_right:
        return True
    # A read that raises ends its path: there every other path of the model counts, finished or not.
    ended = isinstance(suspicion.candidate.claim, ReadRaises)
    same_model = [h for h in histories if _same_build(h, suspicion.history) and (h.complete or ended)]
    return all(id(h) in wrong for h in same_model)


def condition_of(group: Sequence[Suspicion]) -> str:
    """When a mistake happens, as the code writes it: the last choice that all of its paths have made."""
    first, *others = (suspicion.history.conditions for suspicion in group)
    for symbol, truth in reversed(first):
        if truth and symbol.op in ("==", "in") and all((symbol, truth) in conditions for conditions in others):
            return symbol.text
    return ""


def _reaches(history: ModelHistory, site: object) -> bool:
    return any(event.site is site for event in history.events)


def _same_build(left: ModelHistory, right: ModelHistory) -> bool:
    """Whether two paths make their model by the same code in the same way; its number may differ."""
    one, other = left.build, right.build
    if one.site is not other.site or (one.builder, one.arguments) != (other.builder, other.arguments):
        return False
    return left.occurrence == right.occurrence


def _runs_parts_only(history: ModelHistory, histories: Sequence[ModelHistory]) -> bool:
    """Whether the program calls modules inside the model itself and never the model: its forward is not used."""
    called = {path for other in histories if _same_build(other, history) for path in _called_places(other)}
    return bool(called) and "" not in called


def _called_places(history: ModelHistory) -> Iterator[str]:
    """The places of the model, as its builder made it, that the path calls: themselves or inside something else."""
    number = history.build.object
    for ref in history.state.called:
        if ref.object == number:
            yield ref.path
        else:
            inside = (module for _, module in modules.walk(history.state, ref))
            yield from (module.path for module in inside if module.object == number)


@lru_cache(maxsize=1)
def _code_of(text: str) -> str:
    """The text without comments and docstrings, which may say what the code does not do."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return text
    left = (t.string for t in tokens if t.type != tokenize.COMMENT and not t.string.startswith(('"""', "'''")))
    return re.sub(r" ?(\.) ?", r"\1", " ".join(left))


def _is_called_by_hand(suspicion: Suspicion, text: str) -> bool:
    """Whether the file calls anything by the name of the layer that forward does not call."""
    claim = suspicion.candidate.claim
    for event in suspicion.history.events:
        if isinstance(event, SetModule) and isinstance(claim, NeverUsed) and event.value == claim.module:
            name = re.escape(event.name)
            # Called, or read for itself: neither assigned nor asked for something inside it.
            used = rf"\. ?{name} ?\(|\. ?{name}\b(?! ?(?:=(?!=)|\[))(?! ?\.)|getattr ?\([^)]*[\"']{name}[\"']"
            return re.search(used, text) is not None and re.search(used, _code_of(text)) is not None
    return False
