"""The lines that come in, and those that go out."""

from __future__ import annotations

import json
import os
import queue
import select
import threading
from collections.abc import Sequence
from typing import Any

from .directory import leave_directory


class ParentGone(Exception):
    """Nobody is left to answer to."""


class Requests:
    """Lines from the client; notices when the client has gone, also while an experiment runs."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""
        self.parent = os.getppid()

    def ready(self, seconds: float, others: Sequence[int] = ()) -> list[int]:
        """Which of the descriptors can be read, within so many seconds."""
        ready: list[int] = select.select([self.descriptor, *others], [], [], seconds)[0]
        if self.descriptor in ready:
            chunk = os.read(self.descriptor, 1 << 16)
            if not chunk:
                raise ParentGone
            self.buffer += chunk
        elif os.getppid() != self.parent:
            raise ParentGone
        return ready

    def line(self) -> bytes:
        """The next line."""
        while b"\n" not in self.buffer:
            self.ready(2.0)
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line


class PlainRequests(Requests):
    """Where there is no fork: a thread reads, so that the client's end is noticed while an experiment runs."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Lines into the queue; the end of input ends the process."""
        with open(self.descriptor, "rb", closefd=False) as stream:
            for line in stream:
                self.lines.put(line)
        leave_directory()
        os._exit(0)

    def line(self) -> bytes:
        """The next line."""
        return self.lines.get()


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def encoded(answer: dict[str, Any]) -> bytes:
    """An answer as one line."""
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"
