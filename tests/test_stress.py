"""Many processes, bad workers and bad places for the cache at once: no finding is lost and no run fails."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from probe_helpers import HELLO

FILES = 8
PROGRAM = """from torch import nn
from torchvision import models

net = models.resnet18()
net.classifier = nn.Linear(512, {number})
"""

# What stands in the place of the user's Python: it says hello, reads one question, and then does something else.
WORKER = """#!{python}
import json, os, random, sys, time
print({hello!r}, flush=True)
for line in sys.stdin:
    request = json.loads(line)
    {fault}
"""
FAULTS = {
    "dies": "os.kill(os.getpid(), 9)",
    "answers half a line": "sys.stdout.write('{'); sys.stdout.flush(); sys.exit(0)",
    "answers nonsense": "print('[' * 100000, flush=True)",
    "answers in drops": "[print(c, end='', flush=True) for c in json.dumps({'id': request['id']}) + '\\n']",
    "answers twice": "print(json.dumps({'id': request['id'], 'failed': 'no', 'kind': 'crash'}) * 2, flush=True)",
    "is late": "time.sleep(30)",
    "does any of it": "random.choice([sys.exit, lambda: os.kill(os.getpid(), 9), lambda: print('{', flush=True)])()",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with programs, one mistake in each."""
    directory = tmp_path / "project"
    directory.mkdir()
    for number in range(FILES):
        (directory / f"train_{number:02}.py").write_text(PROGRAM.format(number=number + 2))
    return directory


def places(output: str) -> list[str]:
    """The files in which something was found."""
    return sorted(re.findall(r"(train_\d\d\.py):5:1: HL101", output))


def everything(project: Path) -> list[str]:
    return sorted(path.name for path in project.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands in for a Python")
@pytest.mark.parametrize("fault", FAULTS)
def test_findings_of_bad_workers_are_unconfirmed_and_all_there(
    flake8: Run, project: Path, tmp_path: Path, fault: str
) -> None:
    worker = tmp_path / "python"
    worker.write_text(WORKER.format(python=sys.executable, hello=HELLO, fault=FAULTS[fault]))
    worker.chmod(0o755)
    options = [f"--headlint-python={worker}", "--headlint-timeout=0.3", f"--headlint-cache-dir={tmp_path / 'cache'}"]
    done = flake8("--isolated", "-j4", *options, ".", cwd=project)
    assert done.returncode == 1
    assert places(done.stdout) == everything(project)
    assert done.stdout.count("[unconfirmed: ") == FILES


def garbage(path: Path) -> None:
    path.mkdir()
    (path / "observations.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)


PLACES: dict[str, Callable[[Path], object]] = {
    "new": lambda path: None,
    "garbage": garbage,
    "a file in the way": lambda path: path.write_text("in the way"),
}


@pytest.mark.parametrize("place", PLACES)
def test_processes_share_a_cache_that_may_be_bad(flake8: Run, project: Path, tmp_path: Path, place: str) -> None:
    pytest.importorskip("torch")
    cache = tmp_path / "cache"
    PLACES[place](cache)
    done = flake8("--isolated", "-j2", f"--headlint-cache-dir={cache}", ".", cwd=project)
    assert (done.returncode, done.stderr) == (1, "")
    assert places(done.stdout) == everything(project)
    assert done.stdout.count("[confirmed: ") == FILES


# A write beyond the limit fails with EFBIG, as one to a full disk does with ENOSPC.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from headlint.probe.cache import Cache
cache = Cache(sys.argv[2])
for number in range(300):
    cache.put(str(number), "x" * 1000)
kept = [number for number in range(300) if cache.get(str(number)) is not None]
assert all(cache.get(str(number)) == "x" * 1000 for number in kept)
print(len(kept))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits for files")
@pytest.mark.parametrize(
    ("size", "least", "most"), [(0, 0, 0), (4096, 0, 0), (100_000, 1, 100), (10_000_000, 300, 300)]
)
def test_a_disk_that_is_full_keeps_what_it_has(
    tmp_path: Path, clean_environment: dict[str, str], size: int, least: int, most: int
) -> None:
    command = [sys.executable, "-c", LIMITED, str(size), str(tmp_path / "cache")]
    done = subprocess.run(command, env=clean_environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert least <= int(done.stdout) <= most
