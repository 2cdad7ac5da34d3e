"""The documents that are open, what is known of each, and the work on it that is under way."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from lsprotocol import types
from pygls.workspace import Workspace

from headlint.finding import Finding, Fix
from headlint.flow.interpreter import Interpreter
from headlint.history import Recipe
from headlint.lsp.actions import fix_of, fixed_text
from headlint.lsp.completion import completions
from headlint.lsp.documents import Document, document_at
from headlint.lsp.lanes import Lane, Overtaken
from headlint.lsp.looks import Reader, Result, interruptible, judged
from headlint.lsp.settings import Options
from headlint.lsp.workers import PENDING, Worker, Workers
from headlint.probe.protocol import Failure, Observation, canonical
from headlint.relevance import concerns

Answer = TypeVar("Answer")

# Between two reports of verdicts on one document, in seconds.
REPORT_INTERVAL = 0.2
# What a replay may take for its answer to be waited for, in seconds.
MOMENT = 0.3

_STOPPED = object()


class _Look:
    """Work on one version of a document, until the next one comes; `read` is done when there is a first result."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.read: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Let go of it, wherever it is."""
        self.stop.set()
        self.read.cancel()
        if self.task is not None:
            self.task.cancel()


class Desk:
    """Looks at documents when they change, and tells every result to `tell`, with whether it is the first one.

    `starting` is told of a worker that is about to start, and waits until it has; `versioned` says whether the client
    takes edits of one version of a text.
    """

    def __init__(
        self,
        workspace: Workspace,
        options_of: Callable[[str], tuple[str, Options]],
        tell: Callable[[Result, bool], None],
        starting: Callable[[Worker], Coroutine[Any, Any, None]],
        *,
        versioned: bool,
    ) -> None:
        self._versioned = versioned
        self._workspace = workspace
        self._options_of = options_of
        self._tell = tell
        self._starting = starting
        self._starts: dict[Worker, asyncio.Task[None]] = {}
        self._readers: dict[str, Reader] = {}
        self._looks: dict[str, _Look] = {}
        self._changed: dict[str, float] = {}
        self._fixes: dict[str, dict[tuple[str, Finding], Fix | None]] = {}
        self.results: dict[str, Result] = {}
        self._replay: asyncio.Task[None] | None = None
        self.reading = Lane("headlint-reader")
        self._settled_down = False
        self.workers = Workers()

    def worker_for(self, uri: str, options: Options) -> Worker | None:
        """Who confirms the findings of a document, None if nobody is to."""
        if options.settings.confirm == "off":
            return None
        return self.workers.of(self._options_of(uri)[0], options.settings)

    def look_soon(self, uri: str, delay: float) -> None:
        """Look at a document that has changed: at once, or in `delay` seconds if the last change is not so long ago."""
        now = asyncio.get_running_loop().time()
        last, self._changed[uri] = self._changed.get(uri, 0.0), now
        self.look(uri, delay if now - last < delay else 0.0)

    def look(self, uri: str, delay: float = 0.0) -> None:
        """Look at a document as it is in `delay` seconds; a look that is under way is ended."""
        self._end(uri)
        look = self._looks[uri] = _Look()
        look.task = asyncio.get_running_loop().create_task(self._look(uri, look, delay))

    def look_at_all(self) -> None:
        """Look again at everything that is open: it may be judged otherwise now, and by other workers."""
        asked = [self.worker_for(uri, self._options_of(uri)[1]) for uri in self._looks]
        self.workers.keep([worker for worker in asked if worker is not None])
        for uri in list(self._looks):
            self.look(uri)

    def close(self, uri: str) -> Result | None:
        """Forget a document; what was last known of it."""
        self._end(uri)
        self._looks.pop(uri, None)
        self._changed.pop(uri, None)
        self._readers.pop(uri, None)
        self._fixes.pop(uri, None)
        return self.results.pop(uri, None)

    def end(self) -> None:
        """End all work and every worker."""
        for look in self._looks.values():
            look.end()
        if self._replay is not None:
            self._replay.cancel()
        self.workers.close()

    def _end(self, uri: str) -> None:
        look = self._looks.get(uri)
        if look is not None:
            look.end()

    async def newest(self, uri: str) -> Result | None:
        """What is known of a document as it is now, waiting for it to be read; None if it is not open."""
        while True:
            look = self._looks.get(uri)
            if look is None:
                return None
            try:
                # Whoever waits may be cancelled without ending the look.
                await asyncio.shield(look.read)
                return self.results.get(uri)
            except asyncio.CancelledError:
                if not look.read.cancelled() or look is self._looks.get(uri):
                    raise

    async def fix_of(self, result: Result, finding: Finding) -> Fix | None:
        """The proven fix of a finding, worked out once; None if it has none, or nobody can prove one."""
        key = (result.document.source.text, finding)
        fixes = self._fixes.setdefault(result.document.uri, {})
        if key not in fixes:
            fixes[key] = await fix_of(result, finding, self._prover(result))
            self._fixes[result.document.uri] = {known: fix for known, fix in fixes.items() if known[0] == key[0]}
        return fixes[key]

    async def fixed_text(self, result: Result) -> str:
        """The program with all of its safe fixes applied."""
        prover = self._prover(result)
        return result.document.source.text if prover is None else await fixed_text(result, prover)

    async def completions(self, result: Result, uri: str, position: types.Position) -> list[types.CompletionItem]:
        """What may be meant at a place in one of the client's texts."""
        document = result.document
        reader = self._readers.setdefault(document.uri, Reader())
        found = await self.answered(result, lambda run: completions(document, uri, position, reader.parse, run))
        return found or []

    async def answered(self, result: Result, ask: Callable[[type[Interpreter]], Answer]) -> Answer | None:
        """The answer to a question about a document, worked out where documents are read; None if that has changed."""
        uri = result.document.uri
        while (look := self._looks.get(uri)) is not None:
            answer = await self.reading.run(partial(_unless_stopped, ask, look.stop))
            if answer is not _STOPPED:
                return answer  # type: ignore[return-value]
            # It may have been looked at again for other reasons than a change.
            newest = await self.newest(uri)
            if newest is None or newest.document.source.text != result.document.source.text:
                return None
        return None

    async def replayed(self, result: Result, recipes: Sequence[Recipe]) -> dict[str, Observation | Failure]:
        """What the worker has answered to recipes by now or in a moment; the rest is asked for, for another time.

        What an earlier call has asked for is asked no more, unless the worker is at it.
        """
        worker = self._prover(result)
        if worker is None:
            return {}
        answers = await self.reading.run(lambda: [worker.known(recipe) for recipe in recipes])
        unknown = [recipe for recipe, answer in zip(recipes, answers, strict=True) if answer is PENDING]
        if unknown:
            if self._replay is not None:
                self._replay.cancel()
            self._replay = asyncio.get_running_loop().create_task(self._ask(worker, unknown))
            await asyncio.wait([self._replay], timeout=MOMENT)
        return {canonical(recipe.body): worker.known(recipe) for recipe in recipes}

    async def _ask(self, worker: Worker, recipes: Sequence[Recipe]) -> None:
        if not worker.running:
            await self._started(worker)
        for recipe in recipes:
            await worker.ask(recipe)

    def _prover(self, result: Result) -> Worker | None:
        return self.worker_for(result.document.uri, result.options)

    async def _look(self, uri: str, look: _Look, delay: float) -> None:
        try:
            await self._look_unguarded(uri, look, delay)
        except Exception:
            logging.getLogger(__name__).exception("headlint failed on %s", uri)
            if not look.read.done():
                look.read.set_result(None)

    async def _look_unguarded(self, uri: str, look: _Look, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        document = document_at(self._workspace, uri, versioned=self._versioned)
        result = None if document is None else await self._read(document, look)
        if result is not None:
            self.results[uri] = result
        if not look.read.done():
            look.read.set_result(None)
        if result is None:
            return
        self._tell(result, True)
        worker = self.worker_for(uri, result.options)
        if worker is not None and worker.available and concerns(result.document.source.text):
            await self._confirm(result, worker)

    async def _read(self, document: Document, look: _Look) -> Result:
        options = self._options_of(document.uri)[1]
        worker = self.worker_for(document.uri, options)
        if worker is not None:
            worker.retry()
        if not concerns(document.source.text):
            return Result(document, options)
        reader = self._readers.setdefault(document.uri, Reader())
        result = await self.reading.run(lambda: reader.read(document, options, worker, look.stop))
        if not self._settled_down:
            # What has been loaded by now stays: the collector need not walk it between any two keystrokes.
            self._settled_down = True
            gc.collect()
            gc.freeze()
        return result

    async def _started(self, worker: Worker) -> None:
        """Wait until a worker has started, which whatever overtakes this look leaves alone."""
        start = self._starts.get(worker)
        if start is None or start.done():
            start = self._starts[worker] = asyncio.get_running_loop().create_task(self._starting(worker))
        await asyncio.shield(start)

    async def _confirm(self, result: Result, worker: Worker) -> None:
        """Ask for the verdicts that are not known yet, and tell them as they come."""
        if not worker.running:
            await self._started(worker)
        loop = asyncio.get_running_loop()
        while result.pending:
            told = loop.time()
            for recipe in result.pending:
                await worker.ask(recipe)
                if loop.time() - told > REPORT_INTERVAL:
                    break
            before = result
            result = await self.reading.run(lambda r=before: judged(r, worker))  # type: ignore[misc]
            self.results[result.document.uri] = result
            if result.findings != before.findings:
                self._tell(result, False)


def _unless_stopped(ask: Callable[[type[Interpreter]], Answer], stop: threading.Event) -> Answer | object:
    try:
        return ask(interruptible(stop))
    except Overtaken:
        return _STOPPED
