"""The plugin through flake8 itself: its noqa, columns, standard input, processes and options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, needs_torch

WRONG = """\
from torch import nn
from torchvision import models

model = models.vgg16(weights="DEFAULT")
model.fc = nn.Linear(4096, 10)
"""
RIGHT = WRONG.replace("model.fc", "model.classifier[6]")
MESSAGE = "HL101 vgg16 never calls 'fc'"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "other.py").write_text("import os\n")
    return tmp_path


@needs_torch
def test_findings_are_reported_where_they_stand_and_confirmed(flake8: Run, project: Path) -> None:
    done = flake8("wrong.py", "right.py", "other.py", cwd=project)
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"wrong.py:5:1: {MESSAGE}")
    assert "[confirmed: forward returns (2, 1000)" in line
    assert done.returncode == 1
    assert done.stderr == ""


def test_columns_count_code_points_after_anything(flake8: Run, project: Path) -> None:
    (project / "wide.py").write_text(
        "from torch import nn\nfrom torchvision import models\nm = models.resnet18()\n"
        "if True:\n\t'日本語😀'; m.fc = nn.Linear(100, 2)\n"
    )
    done = flake8("--headlint-confirm=off", "wide.py", cwd=project)
    line = (project / "wide.py").read_text().splitlines()[4]
    assert f"wide.py:5:{line.index('nn.Linear') + 1}: HL201 " in done.stdout


def test_standard_input_has_the_same_findings(flake8: Run, project: Path) -> None:
    done = flake8("--headlint-confirm=off", "--stdin-display-name=train.py", "-", cwd=project, stdin=WRONG)
    assert done.stdout.startswith(f"train.py:5:1: {MESSAGE}")
    assert done.returncode == 1


@needs_torch
def test_several_processes_find_what_one_finds(flake8: Run, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"wrong{number}.py").write_text(WRONG)
    alone = flake8("-j1", ".", cwd=tmp_path)
    together = flake8("-j4", ".", cwd=tmp_path)
    assert len(alone.stdout.splitlines()) == 8
    assert together.stdout == alone.stdout
    assert "[confirmed: " in together.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("10)\n", "10)  # noqa\n"),
        ("10)\n", "10)  # noqa: HL101\n"),
        ("10)\n", "10)  # noqa: E501,HL1\n"),
        ("from torch import", "# flake8: noqa\nfrom torch import"),
    ],
)
def test_noqa_is_flake8s_own(flake8: Run, project: Path, old: str, new: str) -> None:
    (project / "wrong.py").write_text(WRONG.replace(old, new))
    assert flake8("--headlint-confirm=off", "wrong.py", cwd=project).stdout == ""
    unheard = flake8("--headlint-confirm=off", "--disable-noqa", "wrong.py", cwd=project)
    assert MESSAGE in unheard.stdout


def test_options_come_from_a_configuration_file(flake8: Run, project: Path) -> None:
    (project / ".flake8").write_text("[flake8]\nheadlint-confirm = off\nheadlint-timeout = 5\n")
    assert "[unconfirmed: confirmation is off]" in flake8("wrong.py", cwd=project).stdout
    require = flake8("--headlint-confirm=require", f"--headlint-python={project / 'python'}", "wrong.py", cwd=project)
    assert (require.stdout, require.returncode) == ("", 0)


def test_a_python_that_is_not_there_leaves_findings_unconfirmed(flake8: Run, project: Path) -> None:
    done = flake8("--headlint-python=./env/bin/python", "wrong.py", cwd=project)
    missing = project / "env" / "bin" / "python"
    assert f"[unconfirmed: there is no Python at {missing}]" in done.stdout
    assert done.returncode == 1


@needs_torch
def test_verdicts_are_kept_where_the_option_says(flake8: Run, project: Path) -> None:
    assert "[confirmed: " in flake8("--headlint-cache-dir=./kept", "wrong.py", cwd=project).stdout
    assert list((project / "kept").iterdir())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("headlint-confirm = perhaps", "invalid auto, require or off value: 'perhaps'"),
        ("headlint-timeout = never", "invalid number of seconds value: 'never'"),
        ("headlint-timeout = -1", "invalid number of seconds value: '-1'"),
        ("headlint-timeout = nan", "invalid number of seconds value: 'nan'"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(flake8: Run, project: Path, settings: str, complaint: str) -> None:
    (project / ".flake8").write_text(f"[flake8]\n{settings}\n")
    done = flake8("wrong.py", cwd=project)
    assert done.stderr.splitlines()[-1].endswith(complaint)
    assert done.returncode == 2


@pytest.mark.parametrize(
    "text",
    ["", "\n", "from torchvision import models\ndef (:\n", "\x0c\n"],
    ids=["empty", "line end", "syntax error", "form feed"],
)
def test_odd_files_are_nothing_to_fall_over(flake8: Run, project: Path, text: str) -> None:
    (project / "odd.py").write_text(text)
    assert flake8("odd.py", "wrong.py", "--headlint-confirm=off", cwd=project).stdout.count("\n") == 1


def test_undecodable_bytes_do_not_stop_the_other_files(flake8: Run, project: Path) -> None:
    (project / "odd.py").write_bytes(WRONG.encode() + b"# \xff\n")
    done = flake8("odd.py", "wrong.py", "--headlint-confirm=off", cwd=project)
    assert f"wrong.py:5:1: {MESSAGE}" in done.stdout


def test_a_file_that_does_not_concern_it_costs_no_import(project: Path, clean_environment: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from flake8.main.cli import main\n"
        "before = set(sys.modules)\n"
        "main(['-j1', '--select=HL', 'other.py'])\n"
        "new = {name for name in set(sys.modules) - before if not name.startswith('flake8')}\n"
        "print(*sorted(name for name in new if name.split('.')[0] == 'headlint'))\n"
        "print(*sorted({'json', 'libcst', 'sqlite3', 'subprocess', 'torch'} & new))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project,
        env=clean_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded, heavy = done.stdout.splitlines()
    assert loaded.split() == ["headlint", "headlint.flake8_plugin", "headlint.relevance", "headlint.rulepages"]
    assert heavy == ""


@needs_torch
def test_the_linting_process_never_imports_torch(project: Path, clean_environment: dict[str, str]) -> None:
    program = (
        "import sys\n"
        "from flake8.main.cli import main\n"
        "main(['-j1', '--select=HL', 'wrong.py'])\n"
        "print(*sorted({'libcst', 'torch', 'torchvision'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=clean_environment, capture_output=True, text=True, check=True
    )
    finding, loaded = done.stdout.splitlines()
    assert MESSAGE in finding
    assert "[confirmed: " in finding
    assert loaded == "libcst"


def test_flake8_lists_the_plugin(flake8: Run) -> None:
    assert "headlint: " in flake8("--version").stdout
    assert "--headlint-confirm {auto,require,off}" in flake8("--help").stdout


@pytest.mark.parametrize(
    ("option", "reported"),
    [
        ("--max-line-length=200", 0),
        ("--select=HL", 0),
        ("--ignore=E501", 0),
        ("--select=HL101", 1),
        ("--extend-select=HL101", 1),
    ],
)
def test_a_rule_that_is_off_is_heard_when_it_is_named(
    project: Path, clean_environment: dict[str, str], option: str, reported: int
) -> None:
    pages = project / "pages"
    pages.mkdir()
    (pages / "HL101-unused-head.md").write_text("---\ncode: HL101\nname: unused-head\ndefault: off\n---\n")
    program = (
        "import sys, headlint.rulepages\n"
        "headlint.rulepages.pages_directory = lambda: 'pages'\n"
        "from flake8.main.cli import main\n"
        "sys.exit(main(['wrong.py', '--headlint-confirm=off', sys.argv[1]]))\n"
    )
    command = [sys.executable, "-c", program, option]
    done = subprocess.run(command, cwd=project, env=clean_environment, capture_output=True, text=True, check=False)
    assert (done.stdout.count(MESSAGE), done.returncode, done.stderr) == (reported, reported, "")
