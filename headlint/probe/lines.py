"""Lines to and from a process that may hang: every read and write has a deadline."""

from __future__ import annotations

import os
import time
from typing import IO, Protocol

LONGEST_LINE = 64 << 20


class Channel(Protocol):
    """A way to exchange lines; both methods raise TimeoutError, and OSError or EOFError if the other end is gone."""

    def write(self, line: bytes, deadline: float) -> None:
        """Send a line that ends in a newline, before `deadline` (of `time.monotonic`)."""

    def read(self, deadline: float) -> bytes:
        """The next line without its newline."""


class PolledChannel:
    """Over pipes that can be polled, which is everywhere but on Windows."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._requests = requests.fileno()
        self._answers = answers.fileno()
        self._buffer = b""
        os.set_blocking(self._requests, False)

    def write(self, line: bytes, deadline: float) -> None:
        """Send a line."""
        import selectors

        view = memoryview(line)
        while view:
            wait(self._requests, selectors.EVENT_WRITE, deadline)
            view = view[os.write(self._requests, view) :]

    def read(self, deadline: float) -> bytes:
        """The next line."""
        import selectors

        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise EOFError("a line without end")
            wait(self._answers, selectors.EVENT_READ, deadline)
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                raise EOFError("half a line" if self._buffer else "no line")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def wait(descriptor: int, event: int, deadline: float) -> None:
    """Wait until a descriptor can be read or written."""
    import selectors

    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if selector.select(left):
                return


class ThreadedChannel:
    """Over pipes that cannot be polled: one thread reads, one writes, and this one waits for them."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        import queue
        import threading

        self._lines: queue.Queue[bytes] = queue.Queue()
        self._requests: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._receive, args=(answers,), daemon=True).start()
        threading.Thread(target=self._send, args=(requests,), daemon=True).start()

    def _receive(self, answers: IO[bytes]) -> None:
        try:
            while line := answers.readline(LONGEST_LINE):
                self._lines.put(line)
        except (OSError, ValueError):
            pass
        self._lines.put(b"")

    def _send(self, requests: IO[bytes]) -> None:
        try:
            while line := self._requests.get():
                requests.write(line)
                requests.flush()
        except (OSError, ValueError):
            pass

    def write(self, line: bytes, deadline: float) -> None:
        """Send a line; one that does not arrive shows when no answer comes."""
        self._requests.put(line)

    def read(self, deadline: float) -> bytes:
        """The next line."""
        import queue

        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if not line.endswith(b"\n"):
            self._lines.put(b"")
            raise EOFError("half a line" if line else "no line")
        return line[:-1]
