"""Threads that do one thing after the other, so that the server's own never waits for any of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Overtaken(BaseException):
    """What is being worked out is wanted no longer; no guard against faults takes it for one."""


class Lane:
    """One thread, which ends with the process whatever it is doing then."""

    def __init__(self, name: str) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            future, action = self._waiting.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(action())
            except BaseException as error:  # noqa: BLE001  (whoever waits for the result gets it)
                future.set_exception(asyncio.CancelledError() if isinstance(error, Overtaken) else error)
            del future, action

    async def run(self, action: Callable[[], Result]) -> Result:
        """The result of an action, once the lane has come to it."""
        future: Future[Result] = Future()
        self._waiting.put((future, action))
        return await asyncio.wrap_future(future)
