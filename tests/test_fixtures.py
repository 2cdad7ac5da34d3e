"""Whole programs: each gets exactly the findings that its markers expect, all confirmed by the worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from expectations import Mark, MarkerFault, expected, found
from probe_helpers import PYTHON

from headlint.lint import Linter, Settings
from headlint.rulebook import default_codes

FIXTURES = Path(__file__).parent.parent / "fixtures"
PROGRAMS = sorted(FIXTURES.rglob("*.py"))


def read(program: Path) -> str:
    return program.read_text(encoding="utf-8")


def title(program: Path) -> str:
    return program.relative_to(FIXTURES).as_posix()


@pytest.fixture(scope="module")
def linter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linter]:
    with Linter(Settings(python=PYTHON, timeout=120.0, cache_directory=str(tmp_path_factory.mktemp("cache")))) as one:
        yield one


@pytest.mark.parametrize("program", PROGRAMS, ids=title)
def test_program_gets_its_findings(program: Path, linter: Linter) -> None:
    text = read(program)
    assert found(linter, text, title(program)) == expected(text)


def test_every_rule_is_expected_somewhere() -> None:
    codes = {mark.code for program in PROGRAMS for mark in expected(read(program))}
    assert codes == default_codes()


def test_many_programs_are_clean() -> None:
    scripts = [program for program in PROGRAMS if program.parent == FIXTURES]
    clean = [program for program in scripts if not expected(read(program))]
    assert 0.4 <= len(clean) / len(scripts) <= 0.6


def test_every_clean_look_alike_has_a_twin_with_the_real_mistake() -> None:
    clean, twins = ({path.name: read(path) for path in (FIXTURES / name).glob("*.py")} for name in ("clean", "twins"))
    assert clean.keys() == twins.keys()
    assert len(clean) >= 18
    assert [name for name, text in clean.items() if expected(text)] == []
    assert [name for name, text in twins.items() if not expected(text)] == []


def test_marker_gives_line_and_codes() -> None:
    text = "x = 1\ny = f(\n    2,  # width  # expect: HL201, HL101\n)\n"
    assert expected(text) == [Mark(3, "HL101"), Mark(3, "HL201")]


def test_marker_inside_a_string_is_text() -> None:
    assert expected('text = """\n# expect: HL201\n"""\n') == []


@pytest.mark.parametrize(
    "comment",
    [
        "# expect HL201",
        "# expects: HL201",
        "#expect: HL201",
        "# expect: HL201 HL101",
        "# expect: HL2",
        "# Expect: HL201",
    ],
)
def test_slip_in_a_marker_raises(comment: str) -> None:
    with pytest.raises(MarkerFault, match=r"^line 1: "):
        expected(f"x = 1  {comment}\n")
