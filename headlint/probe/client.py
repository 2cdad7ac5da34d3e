"""The linter's side of the probe: answers from the cache, and a worker for what the cache does not know."""

from __future__ import annotations

import itertools
import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from headlint.probe.cache import Cache, default_directory
from headlint.probe.protocol import (
    WORKER_VERSION,
    Failure,
    Observation,
    Versions,
    canonical,
    parse_answer,
    parse_versions,
)
from headlint.probe.python import Choice, Installed, find_python

if TYPE_CHECKING:
    from headlint.probe.process import WorkerProcess

WORKER = Path(__file__).parent / "worker" / "__main__.py"
DEFAULT_TIMEOUT = 30.0
DEFAULT_MEMORY = 2 << 30
START_SECONDS = 120.0
MOST_FAILED_STARTS = 3


class Prober:
    """Does experiments, one at a time; may be shared by threads, and used on both sides of a fork.

    `python` is the interpreter that has torch (None: find one), `timeout` the seconds and `memory` the bytes one
    experiment may take, `cache_directory` where answers are kept (None: the system's place, "": nowhere).
    Nothing starts before the first question that the cache cannot answer, and nothing raises.
    """

    def __init__(
        self,
        python: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        cache_directory: str | None = None,
        memory: int = DEFAULT_MEMORY,
        *,
        worker: Path = WORKER,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._python = python
        self.timeout = timeout
        self.memory = memory
        self._worker_file = worker
        self._start_seconds = start_seconds
        self._cache_directory = cache_directory
        self._cache: Cache | None = None
        self._choice: Choice | Failure | None = None
        self._worker_digest = ""
        self._numbers = itertools.count(1)
        self._set_up()

    def _set_up(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._failed_starts = 0
        self._given_up: Failure | None = None

    def _guard(self) -> threading.Lock:
        """The lock; in a fork a new one, and no worker, since the old ones belong to the parent."""
        if os.getpid() != self._owner:
            if self._worker is not None:
                self._worker.stop()
            self._set_up()
        return self._lock

    # -- Questions ---------------------------------------------------------------------------------------

    def observe(self, recipe: dict[str, Any]) -> Observation | Failure:
        """What the worker saw when it replayed this recipe, or why there is nothing to see."""
        with self._guard():
            choice = self.choice()
            if isinstance(choice, Failure):
                return choice
            try:
                text = canonical(recipe)
            except (TypeError, ValueError, RecursionError):
                return Failure("the recipe is not plain data", "refused")
            versions = choice.installed or self._running_versions(choice)
            if isinstance(versions, Failure):
                return versions
            key = self._key(text, versions)
            return self._remembered(key) or self._experiment(choice, text, key)

    def recall(self, recipe: dict[str, Any]) -> Observation | Failure | None:
        """What is kept of an earlier replay of this recipe, None if nothing is; never starts a worker."""
        with self._guard():
            choice = self.choice()
            if isinstance(choice, Failure):
                return choice
            return self._remembered(self._key(canonical(recipe), choice.installed)) if choice.installed else None

    def interrupt(self) -> None:
        """End the worker, from any thread: an experiment that runs in it fails."""
        worker = self._worker
        if worker is not None:
            worker.stop()

    def versions(self) -> Versions | Failure:
        """The versions of the worker's Python, torch and torchvision; starts it to be sure."""
        with self._guard():
            choice = self.choice()
            return choice if isinstance(choice, Failure) else self._running_versions(choice)

    def choice(self) -> Choice | Failure:
        """Which Python does the experiments, and why that one."""
        if self._choice is None:
            self._choice = find_python(self._python)
        return self._choice

    def try_again(self) -> None:
        """Choose the Python anew and start it when it is needed, unless it runs: what failed may do by now."""
        if self.process_id is None:
            self._choice = self._given_up = None
            self._failed_starts = 0

    @property
    def process_id(self) -> int | None:
        """The number of the worker's process, while one runs."""
        return self._worker.process_id if self._worker is not None and self._worker.alive else None

    @property
    def cache_path(self) -> str | None:
        """The file that answers are kept in."""
        return self._open_cache().path

    # -- The cache ---------------------------------------------------------------------------------------

    def _open_cache(self) -> Cache:
        if self._cache is None:
            directory = self._cache_directory
            self._cache = Cache(default_directory() if directory is None else directory)
        return self._cache

    def _key(self, recipe: str, versions: Versions | Installed) -> str:
        import hashlib

        if not self._worker_digest:
            # The worker's own text stands in the key, so that an answer never outlives the code that gave it.
            file = self._worker_file
            files = sorted(file.parent.glob("*.py")) if file.name == WORKER.name else [file]
            try:
                self._worker_digest = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()
            except OSError:
                self._worker_digest = "missing"
        parts = (recipe, versions.torch, versions.torchvision, str(WORKER_VERSION), self._worker_digest)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _remembered(self, key: str) -> Observation | Failure | None:
        text = self._open_cache().get(key)
        if text is None:
            return None
        try:
            stored = json.loads(text)
        except (ValueError, RecursionError):
            return None
        versions = parse_versions(stored)
        return None if versions is None else parse_answer(stored, versions)

    def _remember(self, key: str, answer: Observation | Failure, versions: Versions) -> None:
        """Keep what would come out the same again: what was seen, and what is refused."""
        stored: dict[str, Any]
        if isinstance(answer, Observation):
            stored = {"observation": answer.data}
        elif answer.kind == "refused":
            stored = {"failed": answer.reason, "kind": answer.kind}
        else:
            return
        stored.update(python=versions.python, torch=versions.torch, torchvision=versions.torchvision)
        # In the order in which it came, so that what is shown of it is the same from the cache.
        self._open_cache().put(key, json.dumps(stored))

    # -- The worker --------------------------------------------------------------------------------------

    def _running(self, choice: Choice) -> WorkerProcess | Failure:
        """A worker that runs; after too many failed starts no more are tried."""
        if self._worker is not None and self._worker.alive:
            return self._worker
        self._end_worker()
        if self._given_up is not None:
            return self._given_up
        # A warm run starts no process, and so does not pay for what that takes.
        from headlint.probe.process import start_worker

        started = start_worker(choice.python, self._worker_file, self._start_seconds)
        if isinstance(started, Failure):
            self._failed_starts += 1
            if started.kind == "environment" or self._failed_starts >= MOST_FAILED_STARTS:
                self._given_up = started
        else:
            self._worker = started
            self._failed_starts = 0
        return started

    def _running_versions(self, choice: Choice) -> Versions | Failure:
        running = self._running(choice)
        return running if isinstance(running, Failure) else running.versions

    def _experiment(self, choice: Choice, recipe: str, key: str) -> Observation | Failure:
        running = self._running(choice)
        if isinstance(running, Failure):
            return running
        number = next(self._numbers)
        request = f'{{"id":{number},"timeout":{self.timeout!r},"memory":{self.memory},"recipe":{recipe}}}\n'
        try:
            # The worker keeps the time itself; that it does not answer at all shows a little later.
            answer = running.ask(request.encode(), self.timeout * 1.1 + 1.0)
        except BaseException:
            self._end_worker()
            raise
        if isinstance(answer, Failure):
            self._end_worker()
            return Failure(f"timed out after {self.timeout:g} s", "time") if answer.kind == "time" else answer
        parsed = parse_answer(answer, running.versions)
        if parsed is None or not isinstance(answer, dict) or answer.get("id") != number:
            self._end_worker()
            return Failure("the worker answered with garbage", "crash")
        self._remember(key, parsed, running.versions)
        return parsed

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    # -- The end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the worker and let go of the cache; both come back when they are needed again."""
        with self._guard():
            self._end_worker()
            if self._cache is not None:
                self._cache.close()

    def __enter__(self) -> Prober:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
