"""headlint in editors that people use: Neovim with the language server, and what calls flake8 for an editor."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, needs_torch

from headlint.cli import main

ROOT = Path(__file__).parent.parent
FIXTURE = ROOT / "fixtures" / "quiz" / "resnet50_head.py"


@needs_torch
@pytest.mark.skipif(shutil.which("nvim") is None, reason="Neovim is not installed")
def test_neovim_shows_a_finding_and_mends_it(clean_environment: dict[str, str], tmp_path: Path) -> None:
    file, answer = tmp_path / "train.py", tmp_path / "answer.json"
    text = FIXTURE.read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    line = next(number for number, line in enumerate(text.splitlines(), start=1) if "expect: HL101" in line)
    told = {"SERVER_PYTHON": sys.executable, "FILE": str(file), "ANSWER": str(answer), "LINE": str(line)}
    done = subprocess.run(
        ["nvim", "--headless", "--clean", "-n", "-S", str(ROOT / "tests" / "editors" / "neovim.lua")],
        env={**clean_environment, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path), **told},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert answer.exists(), done.stderr
    seen = json.loads(answer.read_text(encoding="utf-8"))
    first = next(items for items in seen["said"] if items)
    assert first[0]["message"].endswith("[not yet confirmed]")
    assert seen["confirmed"] is True
    last = next(items for items in reversed(seen["said"]) if items)
    assert [(item["line"], item["column"], item["source"]) for item in last] == [(line - 1, 0, "headlint")]
    assert "resnet50 never calls 'head'" in last[0]["message"]
    assert "resnet50 (torchvision.models.resnet50)" in seen["hover"]
    assert "the last probe saw (HL101): forward returns (2, 1000)" in seen["hover"]
    assert "Show the rule HL101" in seen["actions"]
    assert "model.fc = nn.Linear(" in seen["text"]
    assert seen["clean"] is True


@needs_torch
@pytest.mark.skipif(shutil.which("emacs") is None, reason="Emacs is not installed")
def test_emacs_shows_a_finding_and_mends_it(clean_environment: dict[str, str], tmp_path: Path) -> None:
    emacs = ["emacs", "--batch", "-f", "package-initialize", "-l"]
    if subprocess.run([*emacs, "eglot"], capture_output=True, check=False).returncode:
        pytest.skip("eglot is not installed")
    file, answer = tmp_path / "train.py", tmp_path / "answer.json"
    file.write_text(FIXTURE.read_text(encoding="utf-8"), encoding="utf-8")
    told = {"SERVER_PYTHON": sys.executable, "FILE": str(file), "ANSWER": str(answer)}
    done = subprocess.run(
        [*emacs, str(ROOT / "tests" / "editors" / "eglot.el")],
        env={**clean_environment, "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path), **told},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert answer.exists(), done.stderr
    seen = json.loads(answer.read_text(encoding="utf-8"))
    assert "resnet50 never calls 'head'" in seen["first"]
    assert seen["first"].endswith("[not yet confirmed]")
    assert seen["confirmed"] is True
    assert seen["line"] == 8
    assert "the last probe saw (HL101): forward returns (2, 1000)" in seen["hover"]
    assert "model.fc = nn.Linear(" in seen["text"]
    assert seen["clean"] is True


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("headlint.commands.lsp.find_spec", lambda name: None)
    assert main(["lsp"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "headlint lsp: the language server is not installed: pip install 'headlint[lsp]'\n"


def test_flake8_takes_a_file_as_editors_give_it(flake8: Run) -> None:
    # As ALE calls it, and python-lsp-server without the name.
    text = FIXTURE.read_text(encoding="utf-8")
    done = flake8("--format=default", "--stdin-display-name", "src/train.py", "-", stdin=text)
    assert done.returncode == 1
    assert done.stdout.startswith("src/train.py:8:1: HL101 resnet50 never calls 'head'")
    assert flake8("-", stdin=text).stdout == done.stdout.replace("src/train.py", "stdin")
