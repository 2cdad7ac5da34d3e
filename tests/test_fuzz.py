"""A few of the wrong programs, files and answers that `python tests/fuzz.py` tries without end."""

from __future__ import annotations

from collections.abc import Callable

import fuzz
import pytest

CASES = {"program": 60, "bytes": 15, "configuration": 60, "answer": 1500, "cache": 25}


@pytest.mark.parametrize("trial", fuzz.TRIALS, ids=lambda trial: trial.__name__)
def test_nothing_raises(trial: Callable[[int], None]) -> None:
    for number in range(CASES[trial.__name__.removeprefix("try_")]):
        trial(number)


def test_programs_follow_from_their_numbers_and_are_wrong() -> None:
    made = [fuzz.program(number) for number in range(50)]
    assert made == [fuzz.program(number) for number in range(50)]
    assert len(set(made)) > 45


def test_tokens_give_the_program_again() -> None:
    for text in fuzz.programs()[:20]:
        assert "".join(fuzz.tokens_of(text)) == text
