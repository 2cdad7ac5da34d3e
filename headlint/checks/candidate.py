"""What a check finds before the worker has been asked, and the checks there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import libcst as cst

from headlint.claims import Claim
from headlint.flow.histories import ModelHistory
from headlint.history import ModuleRef
from headlint.mends.mend import Mends, no_mends


@dataclass(frozen=True)
class Candidate:
    """A possible finding: where it stands, what it says, and the claim that must hold.

    `event_site` is the code whose effect is in question: a path that comes by it without a candidate speaks
    against the finding. `speculative` ones are worth a replay but too uncertain to be reported without it.
    `model` is what forward is run on, None for the model of the history itself. `unless_read` are attributes that
    code may mean for themselves: if the file reads one anywhere, nothing is said. With `unless_right` nothing is said
    if the same code does what it means for any other model. `unless_named` is a name for the model: if it stands
    anywhere behind `site`, in another function or for the model as a whole, nothing is said. `unforeseen` ones are what
    no rule is about: they count only if every path by which the same model is made comes to them and is wrong, if
    nothing in the file could catch what is raised or change how forward runs, and if no rule has told of the model.
    `unless_used` is the name under which a part stands: if the file may use that other than through forward, nothing is
    said.
    `mends` are asked for when fixes are wanted.
    """

    code: str
    site: cst.CSTNode
    event_site: cst.CSTNode
    message: str
    hint: str
    claim: Claim
    speculative: bool
    model: ModuleRef | None = None
    unless_read: tuple[str, ...] = ()
    unless_right: bool = False
    unless_named: str = ""
    unless_used: str = ""
    unforeseen: bool = False
    mends: Mends = field(default=no_mends, compare=False, repr=False)


Check = Callable[[ModelHistory], Iterator[Candidate]]


@cache
def all_checks() -> tuple[tuple[str, Check], ...]:
    """Every check with its rule's code, in the order of the codes."""
    package = importlib.import_module("headlint.checks")
    modules = (
        importlib.import_module(f"headlint.checks.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    )
    return tuple(sorted((module.CODE, module.check) for module in modules if hasattr(module, "CODE")))
