"""Which Python is chosen, and that nothing runs merely because it lies in the checked tree."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from probe_helpers import LOAD_WORKER, build, failed, needs_torch, prober, recipe

from headlint.probe import python as python_module
from headlint.probe.client import WORKER
from headlint.probe.process import environment
from headlint.probe.protocol import Failure
from headlint.probe.python import Choice, Installed, find_python, installed_versions, site_directories

pytestmark = pytest.mark.skipif(os.name == "nt", reason="environments are laid out in another way there")


def environment_with(
    prefix: Path, *packages: str, python: str = "3.11", settings: str = "", metadata: bool = True
) -> Path:
    """An environment whose interpreter leaves a mark if it is ever run; packages as `torch-2.5.0`."""
    (prefix / "bin").mkdir(parents=True)
    interpreter = prefix / "bin" / "python"
    interpreter.write_text(f"#!/bin/sh\ntouch {prefix}/was-run\n")
    interpreter.chmod(0o755)
    (prefix / "pyvenv.cfg").write_text(f"home = /nowhere/bin\nversion = {python}.4\n{settings}")
    packages_directory = prefix / "lib" / f"python{python}" / "site-packages"
    packages_directory.mkdir(parents=True)
    for package in packages:
        name = package.partition("-")[0]
        (packages_directory / name).mkdir()
        (packages_directory / name / "__init__.py").write_text("raise SystemExit('imported')\n")
        if metadata:
            (packages_directory / f"{package}.dist-info").mkdir()
    return interpreter


BOTH = ("torch-2.5.0+cpu", "torchvision-0.20.0+cpu")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The running interpreter has no torch, no environment is activated, and the tree holds tempting ones."""
    tree = tmp_path / "tree"
    for name in (".venv", "venv", "env"):
        environment_with(tree / name, *BOTH)
    (tree / "torch").mkdir()
    (tree / "torch" / "__init__.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(tree)
    monkeypatch.syspath_prepend(str(tree))
    monkeypatch.setattr(python_module, "running_site_directories", lambda: [str(tmp_path / "empty")])
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)


@needs_torch
def test_the_running_interpreter_is_used_if_it_has_torch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment_with(tmp_path / "env", *BOTH)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    choice = find_python(None)
    assert isinstance(choice, Choice)
    assert (choice.python, choice.why) == (sys.executable, "it runs headlint")
    assert choice.installed is not None


@pytest.mark.usefixtures("without_torch")
def test_nothing_in_the_checked_tree_is_used(tmp_path: Path) -> None:
    assert find_python(None) == Failure("no Python with torch and torchvision was found", "python")
    assert not list(tmp_path.rglob("was-run"))


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_activated_environment_is_used_if_it_has_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    interpreter = environment_with(tmp_path / "env", *BOTH)
    monkeypatch.setenv(variable, str(tmp_path / "env"))
    why = f"its environment is activated ({variable})"
    assert find_python(None) == Choice(str(interpreter), why, Installed("2.5.0+cpu", "0.20.0+cpu"))
    assert not (tmp_path / "env" / "was-run").exists()


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("packages", [(), BOTH[:1], BOTH[1:]])
def test_an_activated_environment_without_them_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...]
) -> None:
    environment_with(tmp_path / "env", *packages)
    interpreter = environment_with(tmp_path / "conda", *BOTH)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    assert isinstance(find_python(None), Failure)
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    choice = find_python(None)
    assert isinstance(choice, Choice)
    assert choice.python == str(interpreter)


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("value", ["", ".venv", "/nowhere", "/dev/null"])
def test_an_activation_that_names_no_environment_is_passed_over(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", value)
    assert isinstance(find_python(None), Failure)


def test_an_asked_for_python_is_used_whatever_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interpreter = environment_with(tmp_path / "env")
    assert find_python(str(interpreter)) == Choice(str(interpreter), "it was asked for", None)
    monkeypatch.chdir(tmp_path)
    assert find_python("env/bin/python") == Choice(str(interpreter), "it was asked for", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_python("~/env/bin/python") == Choice(str(interpreter), "it was asked for", None)
    interpreter.rename(interpreter.with_name("python-by-name"))
    monkeypatch.setenv("PATH", str(interpreter.parent))
    by_name = find_python("python-by-name")
    assert isinstance(by_name, Choice)
    assert by_name.python == str(interpreter.with_name("python-by-name"))
    # A file of that name in the current directory is none that somebody asked for.
    monkeypatch.chdir(interpreter.parent)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_python("python-by-name") == Failure("there is no python-by-name on the PATH", "python")
    assert isinstance(find_python("./python-by-name"), Choice)


def test_a_bad_option_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("")
    bad = {
        "nowhere/python": "there is no Python at nowhere/python",
        "no-such-python": "there is no no-such-python on the PATH",
        str(tmp_path): f"{tmp_path} is a directory, not a Python",
        str(tmp_path / "text"): f"{tmp_path / 'text'} cannot be executed",
    }
    assert {option: find_python(option) for option in bad} == {
        option: Failure(reason, "python") for option, reason in bad.items()
    }


def test_versions_are_read_off_the_names_of_the_metadata(tmp_path: Path) -> None:
    def versions(*names: str) -> Installed | None:
        directory = tmp_path / "-".join(names)[:200]
        for name in names:
            (directory / name).mkdir(parents=True)
        return installed_versions([str(tmp_path / "nowhere"), str(directory)])

    both = Installed("2.5.0", "0.20.0")
    assert versions("torch-2.5.0.dist-info", "torchvision-0.20.0.dist-info", "torch_geometric-2.6.dist-info") == both
    assert versions("torch-2.5.0-py3.11.egg-info", "torchvision-0.20.0.egg-info", "torchaudio-1.dist-info") == both
    assert versions("torch-2.5.0.dist-info") is None
    assert versions("torch-2.5.0.dist-info", "torch-2.4.0.dist-info", "torchvision-0.20.0.dist-info") is None


def test_an_environment_that_shares_the_packages_of_its_base(tmp_path: Path) -> None:
    base = environment_with(tmp_path / "base", *BOTH)
    (tmp_path / "base" / "pyvenv.cfg").unlink()
    settings = f"home = {base.parent}\ninclude-system-site-packages = true\n"
    shared = environment_with(tmp_path / "env", settings=settings)
    assert installed_versions(site_directories(str(shared))) == Installed("2.5.0+cpu", "0.20.0+cpu")


def test_versions_of_an_interpreter_that_tells_nothing_are_unknown(tmp_path: Path) -> None:
    shim = tmp_path / "shims" / "python"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\n")
    shim.chmod(0o755)
    assert find_python(str(shim)) == Choice(str(shim), "it was asked for", None)


def test_a_real_environment_without_torch(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    with prober(python=str(python)) as asked:
        assert failed(asked.observe(recipe(build("resnet18")))).reason == "torch is not installed"


def test_packages_of_the_user_are_found_as_usual(tmp_path: Path) -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = tmp_path / ".local" / "lib" / base.name / "site-packages"
    for name in ("torch", "torchvision"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("raise ImportError('the one of the user')\n")
    script = (
        LOAD_WORKER + "from headlint_worker import importing\n"
        "before = list(sys.path)\n"
        "importing.append_user_site()\n"
        "print([path for path in sys.path if path not in before])\n"
    )
    command = [str(base), "-I", "-c", script]
    done = subprocess.run(command, env={"HOME": str(tmp_path)}, check=True, capture_output=True, text=True)
    assert ast.literal_eval(done.stdout) == [str(packages)]


def test_the_worker_gets_a_cut_down_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PYTHONPATH", "PYTORCH_JIT", "TORCH_LOGS", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "1")
    given = environment(str(tmp_path))
    assert given["LD_LIBRARY_PATH"] == "1"
    assert given["PATH"] == os.environ["PATH"]
    assert (given["CUDA_VISIBLE_DEVICES"], given["OMP_NUM_THREADS"]) == ("", "1")
    assert Path(given["TORCH_HOME"]).parent == tmp_path
    assert not given.keys() & {"PYTHONPATH", "PYTORCH_JIT", "TORCH_LOGS", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY"}


def test_modules_beside_the_worker_or_in_its_directory_are_not_imported(tmp_path: Path) -> None:
    worker = tmp_path / "worker"
    shutil.copytree(WORKER.parent, worker)
    for name in ("torch", "json", "select"):
        (worker / f"{name}.py").write_text("raise SystemExit('imported')\n")
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    venv.create(tmp_path / "env", with_pip=False)
    with prober(worker / WORKER.name, python=str(tmp_path / "env" / "bin" / "python")) as asked:
        assert failed(asked.versions()).reason == "torch is not installed"


@pytest.mark.parametrize("path", sorted(WORKER.parent.glob("*.py")), ids=lambda path: str(path.stem))
def test_the_worker_is_for_old_pythons_and_imports_nothing_but_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
        node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0
    }
    assert all(node.level <= 1 for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
