"""headlint's own work on a file against a bare parse of it and against TorchFix, in one warm process."""

from __future__ import annotations

import ast
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import libcst

from benchmarks.report import ROOT, figure, fixtures, heading
from headlint import Linter, Settings

ROUNDS = 5


def against_a_bare_parse() -> None:
    """The analysis without confirmation."""
    files = fixtures()
    heading(f"headlint's analysis of {len(files)} fixtures, in one process")
    trees = python_trees(files)
    with Linter(Settings(confirm="off")) as linter:
        ratios, (bare, whole) = compare(
            files,
            ("libcst.parse_module alone", lambda text: libcst.parse_module(text)),
            ("headlint as in flake8, that parse included", lambda text: linter.lint(text, "name.py", trees[text])),
        )
    figure("headlint's own part, without that parse", whole - bare, bare)
    worst = max(ratios, key=lambda path: ratios[path])
    print(f"  per file: median {statistics.median(ratios.values()):.2f} times, at most {ratios[worst]:.2f}", end="")
    print(f" ({worst.relative_to(ROOT)})")


def against_torchfix() -> None:
    """The same with TorchFix, if it is installed; each is called as flake8 calls it."""
    heading("headlint's analysis against TorchFix, in one process")
    if importlib.util.find_spec("torchfix") is None:
        print("  TorchFix is not installed")
        return
    from torchfix.torchfix import TorchChecker

    files = fixtures()
    trees = python_trees(files)
    with Linter(Settings(confirm="off")) as linter:
        compare(
            files,
            ("headlint", lambda text: linter.lint(text, "name.py", trees[text])),
            ("TorchFix", lambda text: list(TorchChecker(trees[text], text.splitlines(keepends=True)).run())),
        )


def python_trees(files: list[Path]) -> dict[str, ast.Module]:
    """Python's own tree of each text: flake8 has parsed a file before it asks a plugin, and hands its tree over."""
    return {text: ast.parse(text) for text in (path.read_text(encoding="utf-8") for path in files)}


Side = tuple[str, Callable[[str], object]]


def compare(files: list[Path], first: Side, second: Side) -> tuple[dict[Path, float], list[float]]:
    """Print the sums over all files of each file's best round; returns the ratio of each file, and the sums."""
    sums = [0.0, 0.0]
    ratios: dict[Path, float] = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        best = [min(rounds) for rounds in zip(*(timed(text, first, second) for _ in range(ROUNDS)), strict=True)]
        ratios[path] = best[1] / best[0]
        sums = [total + seconds for total, seconds in zip(sums, best, strict=True)]
    figure(first[0], sums[0])
    figure(second[0], sums[1], sums[0])
    return ratios, sums


def timed(text: str, *sides: Side) -> list[float]:
    """The processor time of one round of each side."""
    seconds = []
    for _, work in sides:
        started = time.process_time()
        work(text)
        seconds.append(time.process_time() - started)
    return seconds
