"""The workers that confirm findings: one for each workspace and Python, kept warm, asked in threads of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from headlint.history import Recipe
from headlint.lint import Settings
from headlint.lsp.lanes import Lane
from headlint.probe.client import Prober
from headlint.probe.protocol import Failure, Observation, Versions, canonical
from headlint.probe.python import whereabouts

Result = TypeVar("Result")
Answer = TypeVar("Answer", bound="Observation | Versions | Failure | None")

PENDING = Failure("not yet confirmed", "pending")
_CLOSED = Failure("this Python is asked no more", "crash")
# Answers that are kept beside those on disk, most of which no edit asks for again.
MOST_ANSWERS = 500
# Failures that are the Python's, whatever is asked of it: it may have torch, or come up, the next time.
OF_THE_PYTHON = frozenset({"python", "environment", "start"})
# Until a Python that did not come up is tried again with nothing about it changed, in seconds.
PAUSE = 60.0


@dataclass(frozen=True)
class _Failed:
    """That a Python could not be asked, when that was, and what of it could be seen then."""

    reason: Failure
    whereabouts: tuple[tuple[str, int], ...]
    when: float


class Worker:
    """One Python with torch: its process, which is started again after a crash, and what it has answered."""

    def __init__(self, python: str | None, timeout: float, cache_directory: str | None) -> None:
        self._python = python
        self._prober = Prober(python, timeout, cache_directory)
        # That one is busy for as long as an experiment takes; this one only looks up what is kept.
        self._shelf = Prober(python, timeout, cache_directory)
        self._lane = Lane("headlint-worker")
        self._answers: dict[str, Observation | Failure] = {}
        self._lock = threading.Lock()
        self._failed: _Failed | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._prober.process_id is not None

    @property
    def available(self) -> bool:
        """Whether there is a Python to run it."""
        return not isinstance(self._shelf.choice(), Failure)

    def known(self, recipe: Recipe) -> Observation | Failure:
        """The answer to a recipe without waiting for one: PENDING where it has to be asked for."""
        key = canonical(recipe.body)
        found = self._answers.get(key)
        if found is None and (self._closed or self._failed is not None):
            return _CLOSED if self._failed is None else self._failed.reason
        if found is None:
            found = self._keep(key, lambda: self._shelf.recall(recipe.body))
        return PENDING if found is None else found

    def retry(self) -> None:
        """Forget that the Python has failed, if it may do by now: packages have come to it, or time has passed."""
        failed = self._failed
        if failed is None:
            return
        rested = failed.reason.kind == "start" and time.monotonic() - failed.when > PAUSE
        if rested or whereabouts(self._python) != failed.whereabouts:
            self._prober.try_again()
            self._shelf.try_again()
            self._failed = None

    async def start(self) -> None:
        """Start the process, unless it runs."""
        await self.run(lambda: None if self._closed else self._keep(None, self._prober.versions))

    async def run(self, action: Callable[[], Result]) -> Result:
        """The result of an action in the worker's own thread, which alone may wait for answers."""

        def unless_closed() -> Result:
            try:
                return action()
            finally:
                # It may have been closed while the process was being started.
                if self._closed:
                    self._prober.close()

        return await self._lane.run(unless_closed)

    async def ask(self, recipe: Recipe) -> None:
        """Have a recipe replayed, so that its answer is known."""
        await self.run(lambda: self.observe(recipe.body))

    def observe(self, recipe: dict[str, Any]) -> Observation | Failure:
        """What the worker saw when it replayed this recipe, waiting for it; for the worker's own thread alone."""
        key = canonical(recipe)
        known = self._answers.get(key)
        if known is not None:
            return known
        if self._closed:
            return _CLOSED
        answer = self._keep(key, lambda: self._prober.observe(recipe))
        if isinstance(answer, Failure) and answer.kind == "crash" and not self._closed:
            # It may not have been this recipe's fault.
            answer = self._keep(key, lambda: self._prober.observe(recipe))
        return answer

    def _keep(self, key: str | None, ask: Callable[[], Answer]) -> Answer:
        """What is answered to a recipe; kept, if it is one that the same question would get again."""
        found = whereabouts(self._python) if self._failed is None else ()
        answer = ask()
        if isinstance(answer, Failure) and answer.kind in OF_THE_PYTHON:
            self._failed = self._failed or _Failed(answer, found, time.monotonic())
        elif key is not None and isinstance(answer, (Observation, Failure)):
            with self._lock:
                self._answers[key] = answer
                if len(self._answers) > MOST_ANSWERS:
                    del self._answers[next(iter(self._answers))]
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing; it is asked nothing more."""
        self._closed = True
        self._prober.interrupt()


class Workers:
    """The workers of one server."""

    def __init__(self) -> None:
        self._workers: dict[tuple[object, ...], Worker] = {}

    def of(self, workspace: str, settings: Settings) -> Worker:
        """The worker for the files of a workspace with these settings."""
        key = (workspace, settings.python, settings.timeout, settings.cache_directory)
        worker = self._workers.get(key)
        if worker is None:
            worker = self._workers[key] = Worker(settings.python, settings.timeout, settings.cache_directory)
        return worker

    def keep(self, workers: Collection[Worker]) -> None:
        """End all others."""
        for key, worker in list(self._workers.items()):
            if worker not in workers:
                worker.close()
                del self._workers[key]

    def close(self) -> None:
        """End them all; the next question starts a new one, which has forgotten what could not be answered."""
        self.keep(())
