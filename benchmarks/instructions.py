"""`python -m benchmarks.instructions`: headlint's work on some fixtures against libcst's parse, in instructions.

A processor's clock tells more of who else is busy than of a change in the code; valgrind counts the same instructions
every time, give or take some thousandths. All counts come of one run, as ratios, so that they hold on any machine.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import ROOT

# What headlint may cost beside the parse, in parses: about 15 % more than it did when this was set.
MOST = 2.75

FILES = (
    "ablation_backbones.py",
    "clean/combinations_nobody_reaches.py",
    "clean/extractors_without_head.py",
    "finetune_tutorial.py",
    "finetune_zoo.py",
    "idioms/freezing.py",
    "quiz/resnet50_head.py",
    "timm_and_own_models.py",
)

ACTIONS = ("nothing", "parse", "lint")

_COUNT = re.compile(r"I +refs: +([\d,]+)")


def main() -> int:
    """Print the ratio; 1 if it is larger than it may be, 2 if it cannot be counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--most", type=float, default=MOST, metavar="TIMES", help="default: %(default)s")
    most = parser.parse_args().most
    if shutil.which("valgrind") is None:
        print("valgrind, which counts instructions, is not here", file=sys.stderr)
        return 2
    counts = counted()
    if isinstance(counts, str):
        print(f"the instructions could not be counted: {counts}", file=sys.stderr)
        return 2
    nothing, parse, lint = counts
    bare, own = parse - nothing, lint - parse
    print(f"{len(FILES)} fixtures: libcst.parse_module takes {bare / 1e6:.0f} million instructions,")
    print(f"headlint's own work {own / 1e6:.0f} million, {own / bare:.2f} times as many; {most:.2f} times is the limit")
    return int(own > most * bare)


def counted() -> list[int] | str:
    """The instructions of a process up to where it does nothing more, parses the files, or lints them; else why not."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
        command += [f"--log-file={directory}/%p", sys.executable, "-c"]
        command += ["from benchmarks.instructions import work; work()"]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        logs = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in Path(directory).iterdir()}
    if ran.returncode != 0:
        # What valgrind has to say of itself is in its logs.
        said = [line for text in (ran.stderr, *logs.values()) for line in text.splitlines() if line.strip()]
        return said[-1] if said else f"valgrind ended with {ran.returncode}"
    counts = [_COUNT.search(logs.get(number, "")) for number in ran.stdout.split()]
    found = [int(count[1].replace(",", "")) for count in counts if count is not None]
    return found if len(found) == len(ACTIONS) else "valgrind gave no counts"


def work() -> None:
    """Get ready, then print the numbers of three processes that go on from here: to nothing, a parse, and all of it."""
    import libcst

    from headlint import Linter, Settings

    linter = Linter(Settings(confirm="off"))
    texts = [(ROOT / "fixtures" / name).read_text(encoding="utf-8") for name in FILES]
    trees = {text: ast.parse(text) for text in texts}

    def parse(text: str) -> None:
        libcst.parse_module(text)

    def lint(text: str) -> None:
        linter.lint_unguarded(text, "name.py", trees[text])

    for text in texts:
        lint(text)
    actions: dict[str, Callable[[str], object]] = {"nothing": len, "parse": parse, "lint": lint}
    for name in ACTIONS:
        print(_in_a_fork(actions[name], texts), flush=True)


def _in_a_fork(action: Callable[[str], object], texts: list[str]) -> int:
    number = os.fork()
    if number == 0:
        for text in texts:
            action(text)
        os._exit(0)
    os.waitpid(number, 0)
    return number


if __name__ == "__main__":
    sys.exit(main())
