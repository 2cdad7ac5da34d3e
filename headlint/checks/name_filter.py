"""HL308: a test of parameters' names holds for none of them, misses the head, or leaves what it means to freeze."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import libcst as cst

from headlint.checks.candidate import Candidate
from headlint.checks.mending import only_head
from headlint.checks.places import head_places, spelled
from headlint.checks.training import optimized_at_home
from headlint.claims import NamesCaught
from headlint.flow import modules
from headlint.flow.filters import NameFilter
from headlint.flow.histories import ModelHistory
from headlint.flow.parameters import ALL_PARAMETERS, parameters_of
from headlint.history import ModuleRef, ParameterRef
from headlint.mends.mend import Mend, Replace
from headlint.mends.scene import Scene
from headlint.source.nodes import descend, text_of
from headlint.torchlib.kinds import is_batch_norm
from headlint.zoo import Head

CODE = "HL308"

_HEADS = frozenset("fc classifier head heads logits last_linear output".split())
_NORMS = frozenset("bn norm batchnorm".split())


def check(history: ModelHistory) -> Iterator[Candidate]:
    """Filters over this model's parameters whose flags stand in the end as the filter left them."""
    for one in history.state.filters:
        if not any(parameter.object == history.build.object for parameter in one.parameters):
            continue
        called = {parameter: name for name, parameter in parameters_of(history.state, one.owner)}
        now = {name: ref for name, ref in zip(one.names, one.parameters, strict=True) if ref in called}
        if not history.over or not now or (one.flag and tuple(called.values()) != one.names):
            # What is put in later trains, and was not there to be unfrozen.
            continue
        if history.escaped_by_hand and not optimized_at_home(history):
            continue
        told = next(filter(None, (way(history, one, now) for way in _WAYS)), None)
        if told is not None:
            message, hint, against, flag = told
            names = tuple(name for name in called.values() if not name.endswith(ALL_PARAMETERS))
            hidden = tuple(name.removesuffix(ALL_PARAMETERS) for name in called.values() if name not in names)
            shown = frozenset(called[now[name]] for name in against)
            claim = NamesCaught(one.owner, names, len(one.matched), len(one.names), shown, flag, hidden)
            text = f"{message}; {hint}"
            elsewhere = len(one.matched) in (0, len(one.names))
            mends = partial(_mends, history=history, one=one)
            yield Candidate(CODE, one.site, one.site, text, hint, claim, False, unless_right=elsewhere, mends=mends)


def _mends(scene: Scene, history: ModelHistory, one: NameFilter) -> Iterator[Mend]:
    """The head's own name, where the test has the name of other models' heads."""
    head = only_head(history)
    standing = None if head is None else _standing(history, head)
    places = [path for path, ref in modules.walk(history.state, one.owner) if ref == standing]
    strings = [node for node in descend((one.site,)) if isinstance(node, cst.SimpleString)]
    wrong = [node for node in strings if str(node.evaluated_value).strip("._").lower() in _HEADS]
    for place in places if wrong else ():
        changes = tuple(Replace(node, _renamed(node, place)) for node in wrong)
        yield Mend(f"test for {place}", "safe", changes)


def _standing(history: ModelHistory, head: Head) -> ModuleRef | None:
    """What stands where the builder put its head."""
    return next((ref for ref, place in history.places.items() if place == head.place), None)


def _renamed(node: cst.SimpleString, place: str) -> str:
    """A string with another name between the dots around it."""
    value = str(node.evaluated_value)
    name = value.strip(".")
    return f"{node.prefix}{node.quote}{value.replace(name, place)}{node.quote}"


Told = tuple[str, str, frozenset[str], bool]
"""What is wrong, what to write, the names of the parameters whose flags show it, and the flag they have."""


def _nothing(history: ModelHistory, one: NameFilter, now: dict[str, ParameterRef]) -> Told | None:
    """Nothing is caught, and all parameters that the flag was meant for have the other one."""
    if one.matched or not _all_are(history, now.values(), not one.flag):
        return None
    what = "unfrozen" if one.flag else "frozen"
    whose = f"the {len(one.names)} parameter names of {history.builder.name}"
    message = f"the test {_text(one)} holds for none of {whose}: nothing is {what}"
    return message, _hint(history, one, now), frozenset(now), not one.flag


def _misses_head(history: ModelHistory, one: NameFilter, now: dict[str, ParameterRef]) -> Told | None:
    """A word that heads are called by catches other layers, and leaves the head frozen."""
    if not one.flag or not one.matched or _HEADS.isdisjoint(_telling(one)):
        return None
    head = _in_head(history, now)
    frozen = [now[name] for name in head]
    if not head or not head.isdisjoint(one.matched) or not _all_are(history, frozen, False):
        return None
    first = next(name for name in one.names if name in one.matched)
    message = (
        f"the test {_text(one)} holds for {len(one.matched)} parameter names of {history.builder.name},"
        f" '{first}' among them, and for none of its head, which stays frozen"
    )
    return message, _hint(history, one, now), head, False


def _spares_no_head(history: ModelHistory, one: NameFilter, now: dict[str, ParameterRef]) -> Told | None:
    """A word that heads are called by is to keep the head from being frozen, which is called otherwise here."""
    if one.flag or _HEADS.isdisjoint(_telling(one)):
        return None
    head = _in_head(history, now)
    if not head or not head <= one.matched or any(word in name for word in one.words for name in head):
        return None
    if not _all_are(history, [now[name] for name in head], False):
        return None
    spared = [name for name in one.names if name not in one.matched]
    holds = f"the test {_text(one)} holds for all {len(one.names)} parameter names of {history.builder.name}"
    message = f"{holds}: its head is frozen with the rest"
    if spared:
        holds = f"the test {_text(one)} holds for the head of {history.builder.name} too, which is frozen"
        message = f"{holds}, and spares {len(spared)} other parameters, '{spared[0]}' among them"
    return message, _hint(history, one, now), head, False


def _leaves_norms(history: ModelHistory, one: NameFilter, now: dict[str, ParameterRef]) -> Told | None:
    """A word for BatchNorms freezes some of them, and leaves others that train."""
    if one.flag or not one.matched or _NORMS.isdisjoint(_telling(one)):
        return None
    norms = [name for name, parameter in now.items() if _is_in_norm(history, parameter)]
    left = [name for name in norms if name not in one.matched]
    if not left or not set(norms) >= one.matched or not _all_are(history, [now[name] for name in left], True):
        return None
    message = (
        f"the test {_text(one)} holds for {len(one.matched)} of the {len(norms)} parameters of BatchNorm layers in"
        f" {history.builder.name}: '{left[0]}'"
        + (f" and {len(left) - 1} more go on training" if len(left) > 1 else " goes on training")
    )
    return message, "test the modules instead: isinstance(module, nn.BatchNorm2d)", frozenset(left), True


_WAYS = (_nothing, _misses_head, _spares_no_head, _leaves_norms)


def _telling(one: NameFilter) -> set[str]:
    return {word.strip("._").lower() for word in one.words}


def _text(one: NameFilter) -> str:
    return " ".join(text_of(one.site).split())


def _hint(history: ModelHistory, one: NameFilter, now: dict[str, ParameterRef]) -> str:
    """How the head's parameters are called where the test looks at them."""
    head = _in_head(history, now)
    called = next((name for name in one.names if name in head), None)
    if called is not None:
        return f"the parameters of its head '{spelled(head_places(history)[0])}' are called '{called}' and the like"
    shown = ", ".join(f"'{name}'" for name in (one.names[0], one.names[-1]))
    return f"the names are such as {shown}"


def _all_are(history: ModelHistory, parameters: object, flag: bool) -> bool:
    return all(history.state.flags.get(parameter, True) is flag for parameter in parameters)  # type: ignore[attr-defined]


def _in_head(history: ModelHistory, now: dict[str, ParameterRef]) -> frozenset[str]:
    """The names of the parameters that stand in the head."""
    heads = tuple(f"{head}." for head in head_places(history))
    owners = {ref for ref, place in history.places.items() if f"{place}.".startswith(heads)}
    return frozenset(name for name, parameter in now.items() if _owner(parameter) in owners)


def _is_in_norm(history: ModelHistory, parameter: ParameterRef) -> bool:
    return is_batch_norm(modules.kind_of(history.state, _owner(parameter)))


def _owner(parameter: ParameterRef) -> ModuleRef:
    return ModuleRef(parameter.object, parameter.path.rpartition(".")[0])
