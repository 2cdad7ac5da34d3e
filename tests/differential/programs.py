"""Whole programs: an architecture, a style, a surgery and at most two mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from random import Random
from typing import Any

from hypothesis import assume
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


def program_of_choices(below: Callable[[int], int], wishes: Sequence[str]) -> Program | None:
    """The program that a row of choices makes, each a number below some count, with mistakes against some rules.

    None if the style that is drawn has no place for one of them.
    """
    draw = Draw(below, wishes)
    style = draw.pick(list(STYLES))
    program: Program = STYLES[style](draw)
    if draw.wishes:
        return None
    program = replace(program, text=finished(draw, program.text), style=style, planned=tuple(draw.planned))
    return in_cells(draw, program) if draw.one_in(8) else program


def programs_of_seed(seed: int) -> Iterator[Program]:
    """Different programs without end, always the same for a seed; no rule comes again before all have come."""
    return (program for program, _ in choices_of_seed(seed))


def choices_of_seed(seed: int) -> Iterator[tuple[Program, list[int]]]:
    """The same with the choices by which `programs` makes each."""
    seen: set[str] = set()
    random = Random(seed)
    deck: list[str] = []
    while True:
        count = random.choice(COUNTS)
        if len(deck) < count:
            deck += random.sample(rules(), len(rules()))
        wishes = list(dict.fromkeys(deck.pop(0) for _ in range(count)))
        for attempt in range(TRIES):
            if attempt == TRIES // 2:
                # No style has a place for both.
                deck += wishes[1:]
                del wishes[1:]
            choices: list[int] = []
            program = program_of_choices(partial(_noted, random, choices), wishes)
            if program is not None:
                break
        else:
            raise RuntimeError(f"no style has a place for {wishes[0]}")
        if program.text not in seen:
            seen.add(program.text)
            yield program, [len(wishes), *(rules().index(rule) for rule in wishes), *choices]


def _noted(random: Random, choices: list[int], count: int) -> int:
    """A number below some count, which is added to the choices unless it is the only one."""
    found = random.randrange(count)
    if count > 1:
        choices.append(found)
    return found


@st.composite
def programs(draw: Any) -> Program:
    """A whole program as hypothesis draws it, which makes it smaller where something is wrong with it."""

    def below(count: int) -> int:
        return int(draw(st.integers(0, count - 1))) if count > 1 else 0

    wishes = dict.fromkeys(rules()[below(len(rules()))] for _ in range(below(3)))
    program = program_of_choices(below, tuple(wishes))
    assume(program is not None)
    assert program is not None
    return program
