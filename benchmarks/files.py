"""How the cost and the memory of the linting process grow with the number of files."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.report import figure, fixtures, heading

# Lints the files it is given, then prints its processor time in seconds and its peak in the unit of the platform.
PROGRAM = """
import resource, sys
from headlint import Linter, Settings
with Linter(Settings(confirm="off")) as linter:
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            linter.lint(file.read(), name)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def by_number() -> None:
    """Fixtures in one process that begins with the first, without confirmation; on Linux the unit is a kilobyte."""
    heading("one process that lints fixtures without confirmation, its start included, against half as many files")
    files = [str(path) for path in fixtures()]
    before: float | None = None
    for times, part in ((1, 8), (1, 4), (1, 2), (1, 1), (2, 1), (4, 1)):
        some = files[::part] * times
        ran = subprocess.run([sys.executable, "-c", PROGRAM, *some], capture_output=True, text=True, check=True)
        seconds, peak = map(float, ran.stdout.split())
        figure(f"{len(some)} files, peak {peak / 1024:.0f} MB", seconds, before)
        before = seconds
