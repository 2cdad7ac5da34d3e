"""`headlint check --fix`: what is written, what is told, and what is left alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from conftest import Run, needs_torch

from headlint.lint import Linter
from headlint.run.checking import Checker, Task
from headlint.run.plan import Plan
from headlint.source.configuration import Configuration
from headlint.source.writing import ChangedMeanwhile, replace_file, write_file

TYPO = """\
from torchvision import models

model = models.resnet18(weights="DEFAULT")
for p in model.parameters():
    p.require_grad = False
"""
MENDED = TYPO.replace("require_grad", "requires_grad")

pytestmark = needs_torch


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "typo.py").write_text(TYPO)
    (tmp_path / "clean.py").write_text(MENDED)
    return tmp_path


def test_a_safe_fix_is_applied_and_told(headlint: Run, project: Path) -> None:
    told = headlint("check", cwd=project)
    assert told.stdout.endswith("Found 1 finding (1 confirmed) in 1 of 2 files\n1 fixable with --fix\n")
    assert (project / "typo.py").read_text() == TYPO
    done = headlint("check", "--fix", cwd=project)
    assert done.stdout == "Found 1 finding (1 fixed, 0 remaining) in 1 of 2 files\n"
    assert (done.returncode, done.stderr) == (0, "")
    assert (project / "typo.py").read_text() == MENDED
    again = headlint("check", "--fix", cwd=project)
    assert (again.stdout, again.returncode) == ("No findings in 2 files\n", 0)
    assert sorted(path.name for path in project.iterdir()) == ["clean.py", "typo.py"]


ONE_LOGIT = """\
from torch import nn
model.fc = nn.Linear(model.fc.in_features, 1)
criterion = nn.CrossEntropyLoss()
for images, labels in loader:
    loss = criterion(model(images), labels)
"""


def test_what_remains_is_told_and_fails(headlint: Run, project: Path) -> None:
    (project / "typo.py").write_text(TYPO + ONE_LOGIT)
    done = headlint("check", "--fix", "--select=HL304,HL402", "typo.py", cwd=project)
    assert done.stdout.startswith("typo.py:7:12: HL402 ")
    assert done.stdout.endswith("Found 2 findings (1 fixed, 1 remaining) in 1 of 1 file\n")
    assert done.returncode == 1
    assert (project / "typo.py").read_text() == MENDED + ONE_LOGIT


def test_a_diff_is_printed_and_nothing_written(headlint: Run, project: Path) -> None:
    done = headlint("check", "--diff", cwd=project)
    assert done.stdout == (
        "--- typo.py\n+++ typo.py\n@@ -2,4 +2,4 @@\n \n"
        ' model = models.resnet18(weights="DEFAULT")\n for p in model.parameters():\n'
        "-    p.require_grad = False\n+    p.requires_grad = False\n"
    )
    assert (done.stderr, done.returncode) == ("Would fix 1 finding in 1 file\n", 1)
    assert (project / "typo.py").read_text() == TYPO
    clean = headlint("check", "--diff", "clean.py", cwd=project)
    assert (clean.stdout, clean.stderr, clean.returncode) == ("", "", 0)


def test_standard_input_comes_out_fixed_and_the_report_goes_elsewhere(headlint: Run, project: Path) -> None:
    done = headlint("check", "--fix", "-", stdin=TYPO, cwd=project)
    assert (done.stdout, done.returncode) == (MENDED, 0)
    assert done.stderr == "Found 1 finding (1 fixed, 0 remaining) in 1 of 1 file\n"
    for text in ("x = 1", "", "def (:\n"):
        assert headlint("check", "--fix", "-", stdin=text).stdout == text
    crlf = headlint("check", "--fix", "-", stdin=TYPO.replace("\n", "\r\n").encode())
    assert crlf.stdout == MENDED.replace("\n", "\r\n")


def test_encoding_mark_line_ends_mode_and_links_stay(headlint: Run, project: Path) -> None:
    latin = "# coding: latin-1\n# é\n" + TYPO
    marked = "# é\n" + TYPO.replace("\n", "\r\n")
    (project / "latin.py").write_bytes(latin.encode("latin-1"))
    (project / "marked.py").write_bytes(marked.encode("utf-8-sig"))
    (project / "typo.py").chmod(0o750)
    (project / "deep").mkdir()
    (project / "typo.py").rename(project / "deep" / "real")
    (project / "typo.py").symlink_to("deep/real")
    done = headlint("check", "--fix", cwd=project)
    assert done.stdout.startswith("Found 3 findings (3 fixed, 0 remaining)"), done.stdout
    changed = ("require_grad", "requires_grad")
    assert (project / "latin.py").read_bytes() == latin.replace(*changed).encode("latin-1")
    assert (project / "marked.py").read_bytes() == marked.replace(*changed).encode("utf-8-sig")
    assert (project / "typo.py").is_symlink()
    assert (project / "deep" / "real").read_text() == MENDED
    assert stat.S_IMODE((project / "deep" / "real").stat().st_mode) == 0o750


def test_what_is_silenced_is_not_fixed(headlint: Run, project: Path) -> None:
    silenced = TYPO.replace("False\n", "False  # noqa: HL304\n")
    (project / "typo.py").write_text(silenced)
    done = headlint("check", "--fix", cwd=project)
    assert (done.stdout, (project / "typo.py").read_text()) == ("No findings in 2 files\n", silenced)


def test_a_fix_in_a_notebook_changes_its_cell_alone(headlint: Run, tmp_path: Path) -> None:
    cells = ["%matplotlib inline\nfrom torchvision import models", TYPO.partition("\n\n")[2]]
    lines = [cell.splitlines(keepends=True) for cell in cells]
    made = [{"cell_type": "code", "execution_count": 1.0, "source": source} for source in lines]
    written = json.dumps({"cells": made, "metadata": {"é": [1e5]}, "nbformat": 4}, indent=1)
    (tmp_path / "train.ipynb").write_text(written)
    done = headlint("check", "--fix", str(tmp_path))
    assert (done.stdout, done.returncode) == ("Found 1 finding (1 fixed, 0 remaining) in 1 of 1 file\n", 0)
    assert (tmp_path / "train.ipynb").read_text() == written.replace("require_grad", "requires_grad")


def test_a_file_that_changes_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "typo.py"
    path.write_text(TYPO)
    replace = os.replace
    task = Task(Plan(Configuration(confirm="auto"), isolated=True), change="fix", write=True)
    with Linter(task.plan.settings) as linter:
        checker = Checker(task, linter)
        check_data = checker.check_data

        def interrupted(data: bytes, name: str, path: Path) -> object:
            checked = check_data(data, name, path)
            path.write_text(TYPO + "# mine\n")
            return checked

        monkeypatch.setattr(checker, "check_data", interrupted)
        checked = checker.check(path)
    assert os.replace is replace
    assert path.read_text() == TYPO + "# mine\n"
    assert [complaint.line for complaint in checked.complaints] == [
        f"{path}: has changed meanwhile and is left as it is"
    ]
    assert (checked.fixed, checked.status, [finding.code for finding in checked.findings]) == (0, 2, ["HL304"])


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ChangedMeanwhile):
        replace_file(path, b"other", b"new")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            replace_file(path, b"old", b"new")
        with pytest.raises(KeyboardInterrupt):
            write_file(path, b"new")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["a"])
    replace_file(path, b"old", b"new")
    assert path.read_bytes() == b"new"


def test_a_file_that_cannot_be_written_is_told(headlint: Run, project: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (project / "typo.py").chmod(0o444)
    done = headlint("check", "--fix", cwd=project)
    assert done.stderr == "headlint: typo.py: cannot be written: Permission denied\n"
    assert done.returncode == 2


# -- suppressions --------------------------------------------------------------------------------------------------

FOUR = """\
from torch import nn
from torchvision import models
model = models.vgg16()
model.fc = nn.Linear(4096, 10)
model.fd = nn.Linear(4096, 10)  # noqa: E501
model.fe = nn.Linear(4096, 10)  # the head
model.ff = nn.Linear(4096, len('''
'''))
model.fg = \\
    nn.Linear(4096, 10)
"""


def test_findings_are_silenced_where_flake8_looks(headlint: Run, flake8: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(FOUR.replace("\n", "\r\n").encode())
    done = headlint("check", "--confirm=off", "--add-noqa", cwd=tmp_path)
    assert (done.stdout, done.returncode) == ("Silenced 5 findings in 1 file\n", 0)
    assert (tmp_path / "a.py").read_bytes().decode().split("\r\n")[3:-1] == [
        "model.fc = nn.Linear(4096, 10)  # noqa: HL101",
        "model.fd = nn.Linear(4096, 10)  # noqa: E501,HL101",
        "model.fe = nn.Linear(4096, 10)  # the head  # noqa: HL101",
        "model.ff = nn.Linear(4096, len('''",
        "'''))  # noqa: HL101",
        "model.fg = \\",
        "    nn.Linear(4096, 10)  # noqa: HL101",
    ]
    assert headlint("check", "--confirm=off", cwd=tmp_path).stdout == "No findings in 1 file\n"
    assert flake8("--headlint-confirm=off", cwd=tmp_path).stdout == ""
    assert headlint("check", "--confirm=off", "--unused-noqa", cwd=tmp_path).returncode == 0


def test_comments_that_silence_nothing_are_named(headlint: Run, tmp_path: Path) -> None:
    lines = FOUR.splitlines()[:3]
    lines += ["model.fc = nn.Linear(4096, 10)  # noqa: HL101, E501, HL4", "x = 1  # noqa: hl101 F401", "y = 2  # noqa"]
    lines += ["z = '''", "'''  # noqa:HL999", "model.fd = nn.Linear(4096, 10)  # NOQA : HL9"]
    (tmp_path / "a.py").write_text("\n".join(lines) + "\n")
    done = headlint("check", "--confirm=off", "--unused-noqa", cwd=tmp_path)
    assert done.stderr.splitlines() == [
        "headlint: a.py:4:33: noqa of HL4 silences nothing",
        "headlint: a.py:5:8: noqa of hl101 silences nothing",
        "headlint: a.py:8:6: noqa of HL999 silences nothing",
    ]
    assert done.returncode == 1
    # Of rules that were not asked nothing is known.
    done = headlint("check", "--confirm=off", "--unused-noqa", "--select=HL101", cwd=tmp_path)
    assert "HL4" not in done.stderr
