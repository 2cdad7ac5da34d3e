"""The workers that confirm findings: one for each workspace and Python, kept warm, asked in threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from headlint.history import Recipe
from headlint.lint import Settings
from headlint.lsp.lanes import Lane
from headlint.probe.client import Prober
from headlint.probe.protocol import Failure, Observation, canonical

Result = TypeVar("Result")

PENDING = Failure("not yet confirmed", "pending")
# Answers that are kept beside those on disk, most of which no edit asks for again.
MOST_ANSWERS = 500


class Worker:
    """One Python with torch: its process, which is started again after a crash, and what it has answered."""

    def __init__(self, python: str | None, timeout: float, cache_directory: str | None) -> None:
        self._prober = Prober(python, timeout, cache_directory)
        # That one is busy for as long as an experiment takes; this one only looks up what is kept.
        self._shelf = Prober(python, timeout, cache_directory)
        self._lane = Lane("headlint-worker")
        self._answers: dict[str, Observation | Failure] = {}
        self._lock = threading.Lock()

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
        if found is None:
            found = self._shelf.recall(recipe.body)
            if found is not None:
                self._keep(key, found)
        return PENDING if found is None else found

    async def start(self) -> None:
        """Start the process, unless it runs."""
        await self.run(self._prober.versions)

    async def run(self, action: Callable[[], Result]) -> Result:
        """The result of an action in the worker's own thread, which alone may wait for answers."""
        return await self._lane.run(action)

    async def ask(self, recipe: Recipe) -> None:
        """Have a recipe replayed, so that its answer is known."""
        await self.run(lambda: self.observe(recipe.body))

    def observe(self, recipe: dict[str, Any]) -> Observation | Failure:
        """What the worker saw when it replayed this recipe, waiting for it; for the worker's own thread alone."""
        key = canonical(recipe)
        known = self._answers.get(key)
        if known is not None:
            return known
        answer = self._prober.observe(recipe)
        if isinstance(answer, Failure) and answer.kind == "crash":
            # It may not have been this recipe's fault.
            answer = self._prober.observe(recipe)
        self._keep(key, answer)
        return answer

    def _keep(self, key: str, answer: Observation | Failure) -> None:
        with self._lock:
            self._answers[key] = answer
            if len(self._answers) > MOST_ANSWERS:
                del self._answers[next(iter(self._answers))]

    def close(self) -> None:
        """End the process, whatever it is doing."""
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

    def close(self) -> None:
        """End them all; the next question starts a new one, which has forgotten what could not be answered."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
