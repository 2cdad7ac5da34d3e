"""A sample of what `python tests/ecosystem.py` analyses: no file of other people makes headlint raise."""

from __future__ import annotations

from pathlib import Path

import ecosystem
import pytest

from headlint.lint import Linter


def test_files_of_the_standard_library_raise_nothing() -> None:
    title, root, files = ecosystem.title_and_files("python")
    assert title.startswith("python 3.")
    assert len(files) > 500
    said = [line for file in files[7::160] for line in ecosystem.said_of(root, file).lines]
    assert [line for line in said if ": raises " in line or " HL" in line] == []


def test_findings_and_exceptions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("from torchvision import models\nm = models.resnet18()\nm.classifier = 1\n")
    assert ecosystem.said_of(tmp_path, tmp_path / "a.py").lines == ()
    (tmp_path / "a.py").write_text(
        "import torch\nfrom torchvision import models\nm = models.resnet18()\nm.classifier = torch.nn.Linear(512, 2)\n"
    )
    (told,) = ecosystem.said_of(tmp_path, tmp_path / "a.py").lines
    assert told.startswith("a.py:4:1: HL101 ")

    def fails(*arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(Linter, "lint_unguarded", fails)
    assert ecosystem.said_of(tmp_path, tmp_path / "a.py").lines == ("a.py: raises ZeroDivisionError: on purpose",)


def test_the_files_that_cost_most_for_their_size_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    files = [ecosystem.Said("a.py", (), 1.0, 100.0), ecosystem.Said("b.py", (), 0.5, 10.0)]
    ecosystem.print_cost(files, 1)
    assert capsys.readouterr().out.splitlines() == [
        "  2 files, 110 KB, 2 s of CPU",
        "      50 ms/KB     0.5 s  b.py",
    ]
