"""How a figure is printed, and the files that are measured."""

from __future__ import annotations

import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent


def heading(text: str) -> None:
    """The title of a section."""
    print(f"\n{text}", flush=True)


def figure(subject: str, seconds: float, against: float | None = None) -> None:
    """One line: what was measured, how long it took and, as a ratio, against what."""
    amount = f"{seconds:8.2f} s " if seconds >= 1 else f"{seconds * 1000:8.2f} ms"
    ratio = "" if against is None else f"   {seconds / against:.3f} times"
    print(f"  {subject:46} {amount}{ratio}", flush=True)


def share(subject: str, seconds: float, of: float) -> None:
    """One line: a part of something measured before."""
    print(f"  {subject:46} {seconds * 1000:8.2f} ms   {seconds / of:.2%} of it", flush=True)


def fixtures() -> list[Path]:
    """The programs that concern headlint."""
    return sorted((ROOT / "fixtures").rglob("*.py"))


def standard_library() -> list[Path]:
    """Ordinary files of some size that do not concern it, from the standard library."""
    names = "argparse ast calendar configparser csv difflib fractions heapq inspect shlex textwrap zipapp".split()
    library = Path(sysconfig.get_paths()["stdlib"])
    return [library / f"{name}.py" for name in names]


def line_count(files: list[Path]) -> int:
    """How many lines the files have together."""
    return sum(path.read_text(encoding="utf-8").count("\n") for path in files)
