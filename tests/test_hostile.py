"""A tree that wants to be run: whatever headlint does with it, nothing in it is imported or executed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run, needs_torch
from probe_helpers import IMAGES, build, prober, recipe, seen

from headlint.lint import Linter, Settings
from headlint.relevance import concerns

SURGERY = "from torch import nn\nfrom torchvision import models\n"
MISTAKE = SURGERY + "net = models.resnet18()\nnet.classifier = nn.Linear(512, 10)\n"
FINDING = "HL101 resnet18 never calls 'classifier'"

# What headlint, flake8 or the worker import, early or late; and what Python itself looks for.
SHADOWS = (
    *("torch", "torchvision", "numpy", "PIL", "libcst", "platformdirs", "headlint_worker", "sitecustomize"),
    *("usercustomize", "conftest", "setup", "json", "ast", "sqlite3", "hashlib", "selectors", "subprocess", "tempfile"),
    *("weakref", "gc", "difflib", "zlib", "ctypes", "resource", "mmap", "typing_extensions"),
)


class Trap:
    """A checked tree in which everything that could run leaves a mark."""

    def __init__(self, directory: Path) -> None:
        self.tree = directory / "tree"
        self.tree.mkdir()
        self.mark = directory / "was-run"
        self.code = f"open({str(self.mark)!r}, 'a').write(__file__ + '\\n')\n"
        for name in SHADOWS:
            (self.tree / f"{name}.py").write_text(self.code)
        for package in ("models", "headlint", "encodings"):
            (self.tree / package).mkdir()
            (self.tree / package / "__init__.py").write_text(self.code)
        (self.tree / "evil.pth").write_text(f"import os; open({str(self.mark)!r}, 'a').write('pth')\n")
        (self.tree / "train.py").write_text(f"{self.code}import models, conftest\n{MISTAKE}")
        self.script(self.tree / ".venv" / "bin" / "python")
        self.script(self.tree / "python")
        (self.tree / ".venv" / "pyvenv.cfg").write_text("version = 3.11.7\n")
        for name in ("torch", "torchvision"):
            package_path = self.tree / ".venv" / "lib" / "python3.11" / "site-packages" / name
            package_path.mkdir(parents=True)
            (package_path / "__init__.py").write_text(self.code)
        # A configuration below the current directory may say what is checked, not what runs.
        (self.tree / "below").mkdir()
        (self.tree / "below" / "train.py").write_text(MISTAKE)
        (self.tree / "below" / "pyproject.toml").write_text('[tool.headlint]\npython = "../python"\n')
        (self.tree / "below" / "tox.ini").write_text("[flake8]\nheadlint-python = ../python\n")

    def script(self, path: Path) -> None:
        """A program that leaves a mark."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho $0 >> {self.mark}\n")
        path.chmod(0o755)

    def untouched(self) -> bool:
        """Whether nothing has run."""
        return not self.mark.exists()


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def test_the_trap_works(trap: Trap) -> None:
    subprocess.run([sys.executable, "-c", "import json"], cwd=trap.tree, check=False, capture_output=True)
    assert not trap.untouched()


def command(name: str, trap: Trap, environment: dict[str, str], *arguments: str, stdin: str = "") -> str:
    """What an installed command says that is started in the tree, as its users start it."""
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{name} is not installed beside this Python")
    done = subprocess.run(
        [program, *arguments], cwd=trap.tree, env=environment, input=stdin, text=True, capture_output=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@needs_torch
@pytest.mark.parametrize(
    "arguments",
    [
        ["headlint", "check", "--output-format=concise", "."],
        ["headlint", "check", "--output-format=concise", "--stdin-filename=train.py", "-"],
        ["flake8", "--isolated", "--select=HL", "--exclude=.venv", "."],
        ["flake8", "--isolated", "--select=HL", "-j2", "train.py", "setup.py"],
    ],
)
def test_nothing_in_a_checked_tree_runs(trap: Trap, clean_environment: dict[str, str], arguments: list[str]) -> None:
    said = command(arguments[0], trap, clean_environment, *arguments[1:], stdin=MISTAKE)
    assert FINDING in said
    assert "[confirmed: " in said
    assert trap.untouched()


def test_python_minus_m_imports_headlint_and_nothing_else_from_where_it_stands(
    trap: Trap, headlint: Run, clean_environment: dict[str, str]
) -> None:
    # Python looks for the module that -m names where it stands, before any of ours runs.
    shutil.rmtree(trap.tree / "headlint")
    done = headlint("check", "--confirm=off", "--output-format=concise", "train.py", cwd=trap.tree)
    assert FINDING in done.stdout
    assert trap.untouched()


@pytest.mark.parametrize("arguments", [["doctor"], ["rule", "HL101"], ["heads", "resnet18"]])
def test_the_other_commands_run_nothing_either(
    trap: Trap, clean_environment: dict[str, str], arguments: list[str]
) -> None:
    assert command("headlint", trap, clean_environment, *arguments)
    assert trap.untouched()


@needs_torch
def test_the_worker_imports_nothing_that_the_environment_points_to(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.setenv(name, str(trap.tree))
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.chdir(trap.tree)
    with prober() as asked:
        head = seen(asked.observe(recipe(build("resnet18"), shape=IMAGES)))
    assert head["forward"]["output"] == [2, 1000]
    assert trap.untouched()


# MARK is what must not be made, CODE a program and SHELL a command that makes it.
EXECUTING = {
    "calls": "__import__('os').system(SHELL)\nexec(CODE)\neval(CODE)\ncompile(CODE, 'x', 'exec')\nopen(MARK, 'w')\n",
    "decorators": "@(lambda f: open(MARK, 'w'))\ndef f(): pass\n",
    "defaults": "def f(x=open(MARK, 'w')): pass\nclass A(open(MARK, 'w').__class__): x = open(MARK, 'w')\n",
    "operators": "class A:\n    def __add__(self, o): open(MARK, 'w')\n    __eq__ = __hash__ = __add__\nA() + A()\n",
    "formats": "class A:\n    def __format__(self, s): open(MARK, 'w')\n    __str__ = __format__\nf'{A()}'\n",
    "attributes": "class A:\n    def __getattr__(self, n): open(MARK, 'w')\nnet.fc = A().anything\n",
    "comprehensions": "[x := open(MARK, 'w') for y in (1, 2)]\n",
    "codecs": "'x'.encode('encodings').decode('evil')\n",
    "pickles": "import torch\nnet = torch.load(MARK)\nnet.load_state_dict(torch.load(MARK))\n",
    "hubs": "import torch\nnet = torch.hub.load('.', 'resnet18', source='local')\nnet.fc = nn.Linear(1, 2)\n",
    "names": "nn.__dict__['Module'].__init__.__globals__['sys'].exit()\ngetattr(nn, '__loader__').load_module('x')\n",
    "builders": "models.__builtins__['exec'](CODE)\nmodels.list_models()\nnet = models.os.system(SHELL)\nnet.fc = 1\n",
    "layers": "net.fc = nn.modules.module.os.system(SHELL)\nnet.fc = nn.functional.os.system(SHELL)\n",
    "weights": "net = models.resnet18(weights=MARK)\nnet = models.get_model('os.system', weights=SHELL)\nnet.fc = 1\n",
}


@pytest.fixture(scope="module")
def linter() -> Iterator[Linter]:
    """One that keeps nothing, so that its worker is asked each time."""
    with Linter(Settings(cache_directory="")) as one:
        yield one


@needs_torch
@pytest.mark.parametrize("kind", EXECUTING)
def test_what_a_program_does_is_read_and_not_done(tmp_path: Path, linter: Linter, kind: str) -> None:
    mark = tmp_path / "was-run"
    names = f"MARK = {str(mark)!r}\nSHELL = 'touch {mark}'\nCODE = \"open({str(mark)!r}, 'w')\"\n"
    # A real mistake beside it, so that the worker runs too.
    text = MISTAKE + names + EXECUTING[kind]
    compile(text, "program.py", "exec")
    assert concerns(text)
    findings = linter.lint_unguarded(text, str(tmp_path / "program.py")).findings
    assert any(finding.line.startswith(FINDING) and finding.verdict.kind == "confirmed" for finding in findings)
    assert not mark.exists()


@pytest.mark.parametrize("cookie", ["evil", "encodings.evil", "..evil", "train", "zlib", "hex", "rot13", "undefined"])
def test_a_coding_cookie_loads_no_codec_of_the_tree(trap: Trap, clean_environment: dict[str, str], cookie: str) -> None:
    (trap.tree / "evil.py").write_text(trap.code)
    program = trap.tree / "cookie.py"
    program.write_text(f"# -*- coding: {cookie} -*-\n{MISTAKE}")
    command("headlint", trap, clean_environment, "check", "--confirm=off", str(program))
    assert trap.untouched()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace tells what a process asks of the system")
@needs_torch
def test_what_the_whole_run_asks_of_the_system(trap: Trap, clean_environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "calls"
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    cache = Path(clean_environment["XDG_CACHE_HOME"])
    program = shutil.which("headlint", path=str(Path(sys.executable).parent))
    calls = "trace=open,openat,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,symlinkat,connect,execve"
    strace = ["strace", "-f", "-qq", "-y", "-e", calls, "-o", str(log)]
    traced = [*strace, str(program), "check", f"--cache-dir={cache / 'traced'}", "train.py"]
    done = subprocess.run(
        traced,
        cwd=trap.tree,
        env={**clean_environment, "TMPDIR": str(tmp)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip("processes may not be traced here")
    assert "confirmed: " in done.stdout, done.stderr
    lines = log.read_text(errors="replace").splitlines()
    started = [line for line in lines if "execve(" in line and " = 0" in line]
    assert len(started) == 2, started
    changing = ("O_WRONLY", "O_RDWR", "O_CREAT", "mkdir", "unlink", "rename", "symlink", "connect(")
    allowed = (str(tmp), str(cache / "traced"), '"/dev/null"', "__pycache__")
    changes = [line for line in lines if any(word in line for word in changing) and " = -1 " not in line]
    assert changes
    assert [line for line in changes if not any(place in line for place in allowed)] == []
    assert list(tmp.iterdir()) == []
    assert trap.untouched()
