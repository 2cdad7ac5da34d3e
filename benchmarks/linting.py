"""flake8 with and without headlint, as whole processes and on the processor's clock."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import figure, fixtures, heading, line_count, standard_library

ROUNDS = 7

# Both sides pay for this filter. TorchFix, where it is installed, is part of neither.
PROGRAM = """
import sys
import importlib.metadata as metadata
hidden, arguments = sys.argv[1].split(","), sys.argv[2:]
everything = metadata.distributions
metadata.distributions = lambda **given: (d for d in everything(**given) if d.metadata["name"] not in hidden)
from flake8.main.cli import main
main(arguments)
"""


def irrelevant_files() -> None:
    """Files that have nothing to do with torchvision."""
    files = standard_library()
    heading(f"flake8 on {len(files)} files of the standard library ({line_count(files)} lines)")
    compare(files)
    heading("flake8 on one empty file: what starting costs")
    with tempfile.NamedTemporaryFile(suffix=".py") as empty:
        compare([Path(empty.name)])


def relevant_files() -> None:
    """Files with surgery on models, without confirmation and with every verdict in the cache."""
    files = fixtures()
    heading(f"flake8 on {len(files)} fixtures ({line_count(files)} lines), not confirmed")
    compare(files, "--headlint-confirm=off")
    with tempfile.TemporaryDirectory() as cache:
        option = f"--headlint-cache-dir={cache}"
        processor_seconds("torchfix", [option, *map(str, files)])
        heading(f"flake8 on {len(files)} fixtures, every verdict in the cache")
        compare(files, option)


def compare(files: list[Path], *options: str) -> None:
    """Print both sides; their rounds alternate, and the least of each counts."""
    paths = [str(path) for path in files]
    without: list[float] = []
    along: list[float] = []
    for _ in range(ROUNDS):
        without.append(processor_seconds("headlint,torchfix", paths))
        along.append(processor_seconds("torchfix", [*options, *paths]))
    figure("without headlint", min(without))
    figure("with headlint", min(along), min(without))


def processor_seconds(hidden: str, arguments: list[str]) -> float:
    """What one run of flake8 costs, user and system time together, that of its processes included."""
    command = [sys.executable, "-c", PROGRAM, hidden, "--isolated", "-j1", "-q", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime
