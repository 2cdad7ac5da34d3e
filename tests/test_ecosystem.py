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
    said = [*ecosystem.said_of(root, files[7::160])]
    assert [line for line in said if ": raises " in line or " HL" in line] == []


def test_findings_and_exceptions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("from torchvision import models\nm = models.resnet18()\nm.classifier = 1\n")
    assert list(ecosystem.said_of(tmp_path, [tmp_path / "a.py"])) == []
    (tmp_path / "a.py").write_text(
        "import torch\nfrom torchvision import models\nm = models.resnet18()\nm.classifier = torch.nn.Linear(512, 2)\n"
    )
    (told,) = ecosystem.said_of(tmp_path, [tmp_path / "a.py"])
    assert told.startswith("a.py:4:1: HL101 ")

    def fails(*arguments: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(Linter, "lint_unguarded", fails)
    assert list(ecosystem.said_of(tmp_path, [tmp_path / "a.py"])) == ["a.py: raises ZeroDivisionError: on purpose"]
