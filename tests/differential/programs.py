"""Whole programs: an architecture, a style, a surgery and at most two mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from differential import auxiliary, detectors, layouts, networks, others, styles, trunks
from differential.cells import in_cells
from differential.drawing import Draw
from differential.program import Program
from differential.writing import finished
from headlint.checks.candidate import all_checks

STYLES = {
    **styles.STYLES,
    **layouts.STYLES,
    **networks.STYLES,
    **detectors.STYLES,
    **others.STYLES,
    **auxiliary.STYLES,
    **trunks.STYLES,
}
# What comes of itself: whoever freezes a model with BatchNorms has it.
UNASKED = frozenset({"HL310"})
# Three of eight programs have no mistake that was meant, one has two.
COUNTS = (0, 0, 0, 1, 1, 1, 1, 2)
TRIES = 400


@cache
def rules() -> tuple[str, ...]:
    """The rules whose mistakes programs are asked for, each as often as the others."""
    return tuple(sorted({code for code, _ in all_checks()} - UNASKED))


def program_of_choices(below: Callable[[int], int], wishes: Sequence[str]) -> Program:
    """The program that a row of choices makes, each a number below some count, with mistakes against some rules.

    A style is drawn until there is one that has a place for all of them, or at last for the first of them.
    """
    for attempt in range(TRIES):
        draw = Draw(below, wishes if attempt < TRIES // 2 else wishes[:1])
        style = draw.pick(list(STYLES))
        program: Program = STYLES[style](draw)
        if not draw.wishes:
            program = replace(program, text=finished(draw, program.text), style=style, planned=tuple(draw.planned))
            return in_cells(draw, program) if draw.one_in(8) else program
    raise RuntimeError(f"no style has a place for {wishes[0]}")


def programs_of_seed(seed: int) -> Iterator[Program]:
    """Different programs without end, always the same for a seed; no rule comes again before all have come."""
    seen: set[str] = set()
    random = Random(seed)
    deck: list[str] = []
    while True:
        count = random.choice(COUNTS)
        if len(deck) < count:
            deck += random.sample(rules(), len(rules()))
        wishes = tuple(dict.fromkeys(deck.pop(0) for _ in range(count)))
        program = program_of_choices(random.randrange, wishes)
        made = {name[:5] for name in program.planned}
        deck += [rule for rule in wishes if rule not in made]
        if program.text not in seen:
            seen.add(program.text)
            yield program


@st.composite
def programs(draw: Any) -> Program:
    """A whole program as hypothesis draws it, which makes it smaller where something is wrong with it."""
    wishes = draw(st.lists(st.sampled_from(rules()), max_size=2, unique=True))
    return program_of_choices(lambda count: draw(st.integers(0, count - 1)), wishes)
