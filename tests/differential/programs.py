"""Whole programs, drawn by hypothesis: an architecture, a style, a surgery and at most two mistakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from differential import detectors, layouts, networks, others, styles
from differential.cells import in_cells
from differential.program import Program
from differential.writing import finished

STYLES = {**styles.STYLES, **layouts.STYLES, **networks.STYLES, **detectors.STYLES, **others.STYLES}


@st.composite
def programs(draw: Any) -> Program:
    """A whole program."""
    style = draw(st.sampled_from(list(STYLES)))
    program: Program = STYLES[style](draw)
    program = replace(program, text=finished(draw, program.text), style=style)
    return in_cells(draw, program) if draw(st.integers(0, 7)) == 0 else program
