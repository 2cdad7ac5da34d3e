"""HL304: a flag is written under a name that is nearly `requires_grad`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import lru_cache, partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.flags import left_as_they_were, module_around, outcome
from headlint.claims import FlagsKept
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import parameters_of
from headlint.history import Escape, ParameterRef, SetAttribute, SetParameterAttribute
from headlint.mends.attributes import called, renamed
from headlint.mends.mend import Mends

CODE = "HL304"

_RIGHT = "requires_grad"
# `required_grad`, `require_gradient` and `requiresgrad` are this close; `retain_grad` is not.
_CLOSE = 0.8


@lru_cache(maxsize=1_000)
def _is_meant_for_the_flag(name: str, on_module: bool) -> bool:
    if name == _RIGHT or (on_module and name == "requires_grad_"):
        return False
    return difflib.SequenceMatcher(None, name.lower(), _RIGHT).ratio() >= _CLOSE


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Near-misses of `requires_grad` on parameters or modules whose flags go on as they were."""
    by_site: dict[tuple[int, str, bool, str], tuple[cst.CSTNode, dict[ParameterRef, None]]] = {}
    for index, event in enumerate(history.events):
        if isinstance(event, Escape) and event.target.object == history.build.object:
            break
        if not isinstance(event, (SetAttribute, SetParameterAttribute)) or event.site is None:
            continue
        on_module = isinstance(event, SetAttribute)
        if not isinstance(event.value, bool) or not _is_meant_for_the_flag(event.name, on_module):
            continue
        given = (
            tuple(parameter for _, parameter in parameters_of(history.state, event.target))
            if isinstance(event, SetAttribute)
            else event.parameters
        )
        missed = left_as_they_were(history, index, given, event.value)
        if missed:
            key = (id(event.site), event.name, event.value, "attribute" if on_module else "parameter_attribute")
            by_site.setdefault(key, (event.site, {}))[1].update(dict.fromkeys(missed))
    for (_, name, wanted, do), (site, found) in by_site.items():
        around = module_around(history, found)
        right = f"requires_grad_({wanted})" if do == "attribute" else f"requires_grad = {wanted}"
        effect = outcome(history, [around], wanted)
        message = f"'{name}' is not 'requires_grad' and changes nothing: {effect}"
        claim = FlagsKept(((around, len(found)),), do, name, wanted)
        text = f"{message}; write {right}"
        mends = partial(called, site=site, method="requires_grad_") if do == "attribute" else _spelled(site, name)
        yield Candidate(CODE, site, site, text, f"write {right}", claim, speculative=False, mends=mends)


def _spelled(site: cst.CSTNode, name: str) -> Mends:
    return partial(renamed, site=site, name=name, right=_RIGHT)
