"""Verdicts: what the model says to the suspicions of one mistake, and the finding that comes of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from headlint.checks.paths import build_key
from headlint.checks.recipes import recipes
from headlint.checks.wholes import entrance, is_certain, outermost, pictures
from headlint.claims import Judgement, RaisesFrom, RunsInside, judged
from headlint.claims.surgery import holds
from headlint.finding import Evidence, Finding, Verdict
from headlint.probe.protocol import Failure, canonical

if TYPE_CHECKING:
    from headlint.checks.agreement import Suspicion
    from headlint.flow.histories import ModelHistory
    from headlint.history import Recipe
    from headlint.probe.protocol import Observation, Observer
    from headlint.source.program import Program

Observe = Callable[["Recipe"], "Observation | Failure"]


def decide(program: Program, group: Sequence[Suspicion], observe: Observe | None) -> Finding | None:
    """The finding that a group of suspicions of the same mistake gives, None if the model refutes them.

    `observe` says what the worker sees when it replays a recipe; without it nobody is asked.
    """
    unconfirmed: tuple[Suspicion, Judgement] | None = None
    if group[0].candidate.unforeseen:
        return _decide_unforeseen(program, group, observe)
    for suspicion in group:
        judgement, evidence = _judge(suspicion, observe)
        if judgement.verdict.kind == "confirmed":
            return _finding(program, suspicion, judgement, evidence)
        if judgement.verdict.kind == "unconfirmed" and not suspicion.candidate.speculative:
            unconfirmed = unconfirmed or (suspicion, judgement)
    return None if unconfirmed is None else _finding(program, *unconfirmed, None)


def _decide_unforeseen(program: Program, group: Sequence[Suspicion], observe: Observe | None) -> Finding | None:
    """The finding if every path confirms it."""
    judged = [_judge(suspicion, observe) for suspicion in group]
    if any(judgement.verdict.kind != "confirmed" for judgement, _ in judged):
        return None
    return _finding(program, group[0], *judged[0])


def forward_passes(histories: Sequence[ModelHistory], observe: Observe) -> tuple[int, int]:
    """How many models run at the end of every path that makes them, and how many could not be run or do not."""
    models: dict[object, bool] = {}
    for history in histories:
        key = build_key(history)
        models[key] = models.get(key, True) and _runs(history, observe)
    return sum(models.values()), len(models) - sum(models.values())


def _runs(history: ModelHistory, observe: Observe) -> bool:
    if not is_certain(history):
        return False
    whole = entrance(history)
    claim = RaisesFrom((), pictures(history))
    if whole is None and history.model not in history.state.called:
        # Parts of it run in something else, which is then what the program has.
        whole, claim = outermost(history), RunsInside((), pictures(history))
    if whole is None:
        return False
    answer = observe(next(recipes(history, claim, whole)))
    return not isinstance(answer, Failure) and holds(answer.data)


def decide_all(
    program: Program, groups: Iterable[Sequence[Suspicion]], observe: Observe | None
) -> Iterator[tuple[Finding | None, Sequence[Suspicion]]]:
    """What `decide` says of each group, with the group.

    What no rule foresaw comes last, and only for models of which none has told; each layer without effect is told.
    """
    told: set[int] = set()
    for group in sorted(groups, key=lambda group: group[0].candidate.unforeseen):
        histories = {id(suspicion.whole) for suspicion in group}
        if group[0].candidate.unforeseen and not told.isdisjoint(histories):
            continue
        finding = decide(program, group, observe)
        if finding is not None and not group[0].candidate.unless_used:
            told |= histories
        yield finding, group


def _judge(suspicion: Suspicion, observe: Observe | None) -> tuple[Judgement, Evidence | None]:
    if observe is None:
        return Judgement(Verdict("unconfirmed", "confirmation is off"), ""), None
    judgement = Judgement(Verdict("unconfirmed", ""), "")
    candidate = suspicion.candidate
    # A speculative one rests on all that the history does to the model, not only on what it is about.
    most = 1 if candidate.speculative and not candidate.claim.looks else None
    for recipe in islice(recipes(suspicion.history, candidate.claim, candidate.model), most):
        answer = observe(recipe)
        if isinstance(answer, Failure):
            judgement = Judgement(Verdict("unconfirmed", answer.reason), "")
            # The rest of the history may be what is refused, or what takes so long.
            if answer.kind == "refused" or (answer.kind in ("memory", "time") and not candidate.claim.needs_forward):
                continue
            break
        judgement = judged(candidate.claim, recipe, answer.data)
        if judgement.verdict.kind != "unconfirmed":
            text = without_witnesses(judgement.evidence, recipe)
            text = f"{text} (torchvision {answer.versions.torchvision.partition('+')[0]})"
            return judgement, Evidence(text, answer.versions.torch, answer.versions.torchvision)
    return judgement, None


class Replays:
    """The answers to the recipes of one file: each is asked for once, however many claims it decides."""

    def __init__(self, observer: Callable[[], Observer]) -> None:
        self._observer = observer
        self._answers: dict[str, Observation | Failure] = {}

    def observe(self, recipe: Recipe) -> Observation | Failure:
        """What the worker sees when it replays this recipe, or why there is nothing to see."""
        key = canonical(recipe.body)
        if key not in self._answers:
            self._answers[key] = self._observer().observe(recipe.body)
        return self._answers[key]


def _finding(program: Program, suspicion: Suspicion, judgement: Judgement, evidence: Evidence | None) -> Finding:
    candidate = suspicion.candidate
    message = suspicion.opening + candidate.message
    return Finding(
        code=candidate.code,
        span=program.span(candidate.site),
        message=" ".join(message.split()),
        hint=candidate.hint,
        verdict=judgement.verdict,
        evidence=evidence,
        fix=None,
    )


def without_witnesses(text: str, recipe: Recipe) -> str:
    """Evidence with the symbols in the place of the numbers that stood for them."""
    texts = {str(number): text for number, text in recipe.witnesses.texts.items()}

    def shown(number: re.Match[str]) -> str:
        symbol = texts.get(number[0])
        if symbol is None:
            return number[0]
        return symbol if _is_atom(symbol) else f"({symbol})"

    # Whole numbers only: no loss of 0.25 holds the 25 that stands for a symbol.
    return re.sub(r"(?<![\d.])\d+(?!\.?\d)", shown, text)


def _is_atom(text: str) -> bool:
    """Whether an expression reads as one thing between others: `n`, `args.hidden`, `len(names)`, not `n * 2`."""
    import ast

    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant))
