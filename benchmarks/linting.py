"""flake8 with and without headlint, as whole processes and on the processor's clock."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import figure, fixtures, heading, line_count, share, standard_library

ROUNDS = 9

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

# What flake8 does for the plugin, in a process that has flake8 already: load it, ask its options, run it on files.
OWN_PART = """
import sys, time
import flake8.main.cli
texts = [open(name, encoding="utf-8").readlines() for name in sys.argv[1:]]
class Manager:
    def add_option(self, *names, **how): pass
    def extend_default_ignore(self, codes): pass
started = time.perf_counter()
from headlint.flake8_plugin import HeadlintPlugin
HeadlintPlugin.add_options(Manager())
for name, lines in zip(sys.argv[1:], texts):
    list(HeadlintPlugin(None, lines, name).run())
print(time.perf_counter() - started)
"""


def irrelevant_files() -> None:
    """Files that have nothing to do with torchvision."""
    files = standard_library()
    heading(f"flake8 on {len(files)} files of the standard library ({line_count(files)} lines)")
    own_part(files, compare(files))
    heading("flake8 on one empty file: what starting costs")
    with tempfile.NamedTemporaryFile(suffix=".py") as empty:
        own_part([Path(empty.name)], compare([Path(empty.name)], rounds=3 * ROUNDS))


def relevant_files() -> None:
    """Files with surgery on models, without confirmation and with every verdict in the cache."""
    files = fixtures()
    heading(f"flake8 on {len(files)} fixtures ({line_count(files)} lines), not confirmed")
    compare(files, "--headlint-confirm=off", rounds=3)
    with tempfile.TemporaryDirectory() as cache:
        option = f"--headlint-cache-dir={cache}"
        processor_seconds("torchfix", [option, *map(str, files)])
        heading(f"flake8 on {len(files)} fixtures, every verdict in the cache")
        compare(files, option, rounds=3)


def compare(files: list[Path], *options: str, rounds: int = ROUNDS) -> float:
    """Print both sides and return flake8's; their rounds alternate, and the least of each counts."""
    paths = [str(path) for path in files]
    without: list[float] = []
    along: list[float] = []
    for _ in range(rounds):
        without.append(processor_seconds("headlint,torchfix", paths))
        along.append(processor_seconds("torchfix", [*options, *paths]))
    figure("without headlint", min(without))
    figure("with headlint", min(along), min(without))
    return min(without)


def own_part(files: list[Path], flake8_alone: float) -> None:
    """Print what headlint itself adds, which the comparison of whole processes shows only as far as they repeat."""
    command = [sys.executable, "-c", OWN_PART, *map(str, files)]
    rounds = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(ROUNDS)]
    share("headlint's own part", min(map(float, rounds)), flake8_alone)


def processor_seconds(hidden: str, arguments: list[str]) -> float:
    """What one run of flake8 costs, user and system time together, that of its processes included."""
    command = [sys.executable, "-c", PROGRAM, hidden, "--isolated", "-j1", "-q", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime
