"""`headlint check --watch`: the same report again whenever a file changes, by one warm worker."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from headlint.commands.check import Run, plan_of
from headlint.run.checking import Checker, Task
from headlint.source.configuration import ConfigurationFault
from headlint.source.discovery import python_files

if TYPE_CHECKING:
    from headlint.lint import Linter
    from headlint.run.checked import Checked
    from headlint.run.plan import Plan

INTERVAL = 0.5

Signature = tuple[int, int, int]


def watch(options: argparse.Namespace, plan: Plan) -> int:
    """Report until somebody interrupts; files that stay the same are checked once."""
    from headlint.lint import Linter

    seen: dict[str, Signature] | None = None
    while True:
        with Linter(plan.settings) as linter:
            memory = _Memory(plan, linter, options)
            while True:
                now = _signatures(options, plan)
                if now != seen:
                    seen = now
                    if sys.stdout.isatty():
                        sys.stdout.write("\x1b[2J\x1b[H")
                    Run(options, plan, linter).check(memory.check)
                    sys.stdout.flush()
                time.sleep(INTERVAL)
                newer = _newer_plan(options, plan)
                if newer is not None:
                    plan, seen = newer, None
                    break


def _newer_plan(options: argparse.Namespace, plan: Plan) -> Plan | None:
    """A new plan if the configuration is another one by now; one that is wrong is passed over until it is right."""
    try:
        newer = plan_of(options)
    except (ValueError, OSError):
        return None
    return newer if newer.base != plan.base else None


def _signatures(options: argparse.Namespace, plan: Plan) -> dict[str, Signature]:
    """What shows that a file, or a configuration, has changed."""
    found: dict[str, Signature] = {}
    try:
        paths = [path for path in options.paths if os.path.exists(path)]
        for path in python_files(paths, plan.scope):
            signature = _signature(path)
            if signature is not None:
                found[str(path)] = signature
    except (ConfigurationFault, OSError):
        return found
    return found


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class _Memory:
    """What came of each file, as long as it stays the same.

    The language server's Reparser is not used: it would save 20 to 35 of the 70 to 160 milliseconds that a file of
    500 lines takes, less than a tenth of INTERVAL, and hold the trees of all files.
    """

    def __init__(self, plan: Plan, linter: Linter, options: argparse.Namespace) -> None:
        self._checker = Checker(Task(plan, unused=options.unused_noqa, explain=options.explain), linter)
        self._known: dict[Path, tuple[Signature | None, Checked]] = {}

    def check(self, path: Path, named: bool) -> Checked:
        """What there is to say about a file."""
        signature = _signature(path)
        known = self._known.get(path)
        if known is None or signature is None or known[0] != signature:
            known = self._known[path] = (signature, self._checker.check(path, named=named))
        return known[1]
