"""The wheel holds everything it needs and nothing else; the public surface is what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from conftest import Run

import headlint as package
from headlint.rulebook import rules

if TYPE_CHECKING:
    from typing_extensions import assert_type

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = directory.iterdir()
    return path


def test_the_wheel_holds_pages_data_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"headlint/rules/{rule.page_name}" for rule in rules()} <= names
    assert {"headlint/py.typed", "headlint/zoo/zoo.bin", "headlint/probe/worker/__main__.py"} <= names
    assert {name.partition("/")[0] for name in names} == {"headlint", f"headlint-{package.__version__}.dist-info"}
    assert not [name for name in names if name.endswith((".pyc", "~"))]


def test_the_wheel_registers_its_entry_points(wheel: Path) -> None:
    metadata = f"headlint-{package.__version__}.dist-info/entry_points.txt"
    points = zipfile.ZipFile(wheel).read(metadata).decode().split("\n")
    assert {"headlint = headlint.cli:main", "HL = headlint.flake8_plugin:HeadlintPlugin"} <= set(points)


def test_an_unpacked_wheel_finds_its_pages_and_data(headlint: Run, wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    (tmp_path / "wrong.py").write_text(
        "from torch import nn\nfrom torchvision import models\n"
        "model = models.vgg16()\nmodel.fc = nn.Linear(4096, 10)\nmodel(1)\n"
    )
    path = str(installed)
    where = subprocess.run(
        [sys.executable, "-c", "import headlint.rulepages as r; print(r.pages_directory())"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.strip() == str(installed / "headlint" / "rules")
    assert "HL101 unused-head" in headlint("rule", "HL101", cwd=tmp_path, PYTHONPATH=path).stdout
    found = headlint("check", "--confirm=off", "wrong.py", cwd=tmp_path, PYTHONPATH=path)
    assert "wrong.py:4:1: HL101" in found.stdout


def test_the_pre_commit_hook_names_a_command_that_exists() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    assert "entry: headlint check --force-exclude\n" in hook
    assert "entry: headlint check --force-exclude --fix\n" in hook
    assert hook.count("types_or: [python, jupyter]\n") == 2


def test_public_names_are_all_there_and_typed() -> None:
    namespace: dict[str, object] = {}
    exec("from headlint import *", namespace)
    assert set(package.__all__) <= namespace.keys()
    assert set(package.__all__) <= set(dir(package))
    missing = "nothing"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(package, missing)


def test_the_public_functions(tmp_path: Path) -> None:
    text = "from torch import nn\nfrom torchvision import models\nm = models.vgg16()\nm.fc = nn.Linear(9, 9)\nm(1)\n"
    settings = package.Settings(confirm="off")
    report = package.lint_source(text, settings=settings)
    finding: package.Finding = report.findings[0]
    assert (finding.code, finding.span.line) == ("HL101", 4)
    assert finding.verdict == package.Verdict("unconfirmed", "confirmation is off")

    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_bytes(b"\xff")
    (tmp_path / "c.py").symlink_to("nowhere")
    reports = dict(package.lint_paths([tmp_path], settings))
    assert reports[tmp_path / "a.py"] == report
    assert reports[tmp_path / "b.py"].notes == ("1:1: cannot be decoded: byte 0xff is not valid utf-8",)
    assert reports[tmp_path / "c.py"].notes == ("1:1: cannot be read: No such file or directory",)
    with pytest.raises(FileNotFoundError):
        package.lint_paths([tmp_path / "nowhere"])


def test_the_function_that_fixes() -> None:
    text = (
        "from torchvision import models\nm = models.resnet18()\nfor p in m.parameters():\n    p.require_grad = False\n"
    )
    fixed = package.fix_source(text, settings=package.Settings(confirm="off"), unsafe=True)
    assert [finding.code for finding in fixed.fixed] == ["HL304"]
    assert (fixed.text, fixed.remaining) == (text.replace("require_grad", "requires_grad"), ())
    broken = package.fix_source("from torchvision import models\ndef (:\n")
    assert (broken.text, broken.fixed) == ("from torchvision import models\ndef (:\n", ())


def types_of_the_public_surface() -> None:
    """Never called: the type checker reads it."""
    report = assert_type(package.lint_source("x = 1\n"), package.Report)
    assert_type(report.findings, tuple[package.Finding, ...])
    assert_type(package.fix_source("x = 1\n", unsafe=True), package.Fixed)
    assert_type(package.fix_source("").remaining, tuple[package.Finding, ...])
    for path, found in package.lint_paths(["a", Path("b")], package.Settings(confirm="off")):
        assert_type(path, Path)
        assert_type(found, package.Report)
        for finding in found.findings:
            assert_type(finding.fix, package.Fix | None)
            assert_type(finding.verdict.kind, Literal["confirmed", "refuted", "unconfirmed"])


def test_importing_the_package_loads_nothing_of_weight() -> None:
    program = "import sys, headlint; print(*sorted(n for n in sys.modules if n.startswith(('headlint', 'libcst'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["headlint"]
