"""Edits of a text, and fixes applied round by round."""

from __future__ import annotations

import pytest
from conftest import needs_torch

from headlint.finding import Edit, Span
from headlint.lint import Linter, Settings
from headlint.rewrite import apply_edits, fix_text
from headlint.source.edits import Offsets, Shift

PROGRAM = (
    "from torch import nn\r\n"
    "from torchvision import models\r\n"
    "\r\n"
    "vgg = models.vgg16(weights='DEFAULT')\r\n"
    "for p in vgg.features.parameters():\r\n"
    "\tp.require_grad = False \t# kept\r\n"
    "\f\r\n"
    "vgg.classifier[6] = nn.Linear(4096, 10);  setattr(vgg.classifier[0].weight, 'requires_gradient', False)"
)


def test_edits_change_what_they_are_about() -> None:
    text = "a = 1\r\nb = 2\rc = 3\nd"
    edits = [Edit(Span(2, 4, 2, 5), "two"), Edit(Span(4, 1, 4, 1), " = 4"), Edit(Span(1, 0, 2, 0), "")]
    assert apply_edits(text, edits) == "b = two\rc = 3\nd = 4"


def test_edits_that_overlap_raise() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abc", [Edit(Span(1, 0, 1, 2), ""), Edit(Span(1, 1, 1, 3), "")])


def test_places_and_offsets_are_inverse() -> None:
    text = "a\r\nbc\r\f\nd"
    offsets = Offsets(text)
    for offset in range(len(text) + 1):
        assert offsets.of(*offsets.place(offset)) == offset


def test_places_move_with_the_edits_before_them() -> None:
    text = "one two three"
    edits = [Edit(Span(1, 0, 1, 3), "1"), Edit(Span(1, 4, 1, 4), "and ")]
    new, shift = apply_edits(text, edits), Shift(text, edits)
    assert new[shift.moved(text.index("two")) :] == "two three"
    assert new[shift.moved(text.index("three")) :] == "three"


@needs_torch
def test_fixes_keep_every_other_byte() -> None:
    with Linter(Settings()) as linter:
        done = fix_text(linter, PROGRAM, "program.py", unsafe=False)
    assert done.text == PROGRAM.replace("require_grad ", "requires_grad ").replace("requires_gradient", "requires_grad")
    assert [finding.code for finding in done.fixed] == ["HL304", "HL304"]
    assert done.remaining == ()


def test_nothing_is_safe_without_proof() -> None:
    with Linter(Settings(confirm="off")) as linter:
        safe = fix_text(linter, PROGRAM, "program.py", unsafe=False)
        both = fix_text(linter, PROGRAM, "program.py", unsafe=True)
    assert (safe.text, safe.fixed) == (PROGRAM, ())
    assert {finding.fix.applicability for finding in safe.remaining if finding.fix} == {"unsafe"}
    assert both.text.count("requires_grad") == 2


def test_what_is_not_wanted_stays() -> None:
    with Linter(Settings(confirm="off")) as linter:
        done = fix_text(linter, PROGRAM, "p.py", unsafe=True, wanted=lambda text, finding: finding.span.line != 6)
    assert done.text == PROGRAM.replace("requires_gradient", "requires_grad")
    assert [finding.span.line for finding in done.remaining] == [6]


def test_fixes_are_made_for_those_who_ask() -> None:
    with Linter(Settings(confirm="off")) as linter:
        assert all(finding.fix is None for finding in linter.lint(PROGRAM, "p.py").findings)
    with Linter(Settings(confirm="off", fixes=True)) as linter:
        assert all(finding.fix for finding in linter.lint(PROGRAM, "p.py").findings)


def test_a_fault_in_making_fixes_costs_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr("headlint.proof.edits_of", broken)
    with Linter(Settings(confirm="off", fixes=True)) as linter:
        report = linter.lint(PROGRAM, "p.py")
        done = fix_text(linter, PROGRAM, "p.py", unsafe=True)
    assert [finding.code for finding in report.findings] == ["HL304", "HL304"]
    assert report.notes == ("1:1: headlint failed on this file (KeyError: 'oops')",)
    assert (done.text, done.fixed) == (PROGRAM, ())
