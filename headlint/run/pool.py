"""Files checked in several processes, all of which ask the one worker of the process that started them.

A process gets paths and gives back what came of them; in between it sends recipes and waits for their observations.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headlint.lint import Linter
from headlint.run.checked import FOUND, Checked, Complaint
from headlint.run.checking import Checker, Task

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from headlint.probe.protocol import Failure, Observation, Observer

# Files that a process has before it is done with the first, so that it need not wait for this process.
AHEAD = 2
# Files for which another process is worth its start.
FILES_PER_PROCESS = 8

Job = tuple[int, Path, bool]


def processes_for(files: int, jobs: int | None) -> int:
    """How many processes check so many files; `jobs` None leaves it to the number of processors."""
    if jobs is None:
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        jobs = min(processors, files // FILES_PER_PROCESS)
    return max(1, min(jobs, files))


def check_files(task: Task, observer: Observer, files: Sequence[tuple[Path, bool]], jobs: int) -> Iterator[Checked]:
    """What came of each file, in order; each path comes with whether it was named. Ends its processes in any case."""
    # Where it is safe, processes begin with all that is imported here already.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    members: list[_Member] = []
    try:
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, task), daemon=True)
            process.start()
            theirs.close()
            members.append(_Member(process, ours))
        yield from _in_order(_collect(members, observer, files))
    finally:
        for member in members:
            member.connection.close()
            member.process.terminate()
        for member in members:
            member.process.join()


@dataclass
class _Member:
    """A process and the files that it has."""

    process: BaseProcess
    connection: Connection
    jobs: deque[Job] = field(default_factory=deque)


def _collect(
    members: list[_Member], observer: Observer, files: Sequence[tuple[Path, bool]]
) -> Iterator[tuple[int, Checked]]:
    """What comes of the files, as it comes; a process that dies is told for the file that it was at."""
    waiting = deque((number, path, named) for number, (path, named) in enumerate(files))
    alive = list(members)
    while waiting or any(member.jobs for member in alive):
        for member in alive:
            while waiting and len(member.jobs) < AHEAD:
                member.jobs.append(waiting.popleft())
                with suppress(OSError):
                    member.connection.send(member.jobs[-1])
        ready = wait([member.connection for member in alive])
        for member in [member for member in alive if member.connection in ready]:
            try:
                answer = member.connection.recv()
            except (EOFError, OSError):
                alive.remove(member)
                if member.jobs:
                    number, path, _ = member.jobs.popleft()
                    yield number, _lost(path)
                waiting.extendleft(reversed(member.jobs))
                member.jobs.clear()
                continue
            if isinstance(answer, Checked):
                yield member.jobs.popleft()[0], answer
            else:
                with suppress(OSError):
                    member.connection.send(observer.observe(answer))
        if not alive:
            yield from ((number, _lost(path)) for number, path, _ in waiting)
            return


def _lost(path: Path) -> Checked:
    complaint = Complaint(f"{path}:1:1: headlint failed on this file (its process ended)", FOUND)
    return Checked(str(path), complaints=(complaint,), unchecked=True)


def _in_order(results: Iterator[tuple[int, Checked]]) -> Iterator[Checked]:
    early: dict[int, Checked] = {}
    number = 0
    for known, checked in results:
        early[known] = checked
        while number in early:
            yield early.pop(number)
            number += 1


# -- In the other process ------------------------------------------------------------------------------------------


def serve(connection: Connection, task: Task) -> None:
    """Check files until nobody sends any more; an interrupt is for the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Raised where it happens to be, so that a file that is about to be replaced leaves nothing behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    remote = _Remote(connection)
    checker = Checker(task, Linter(task.plan.settings, remote))
    with suppress(EOFError, OSError):
        while True:
            _, path, named = remote.next_job()
            connection.send(checker.check(path, named=named))


class _Remote:
    """Asks the process that started this one; files that come meanwhile wait."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._jobs: deque[Job] = deque()

    def next_job(self) -> Job:
        """The next file."""
        return self._jobs.popleft() if self._jobs else self._connection.recv()

    def observe(self, recipe: dict[str, Any]) -> Observation | Failure:
        """What the worker sees."""
        self._connection.send(recipe)
        while isinstance(answer := self._connection.recv(), tuple):
            self._jobs.append(answer)
        seen: Observation | Failure = answer
        return seen
