"""What the worker's process is not allowed, and what became of what it tried."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from .refusal import NoObservation, gigabytes

BLOCKED_FROM_THE_START = frozenset(
    (
        "urllib.Request",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
    )
)


BLOCKED_ONCE_IMPORTED = frozenset(
    ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn")
)


# Each with how many paths it takes.
CHANGES = {
    **dict.fromkeys(("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
}


WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """The audit hook: no network ever; once the libraries are in, no other programs and no changes to files outside."""

    def __init__(self) -> None:
        self.attempt: str | None = None
        self.blocked = BLOCKED_FROM_THE_START
        self.directory: str | None = None

    def __call__(self, event: str, arguments: Any) -> None:
        if event in self.blocked or (self.directory is not None and self.changes_outside(event, arguments)):
            self.attempt = event
            raise PermissionError("headlint's worker does not allow " + event)

    def libraries_are_in(self, directory: str) -> None:
        """From now on experiments run, which may write in this directory alone."""
        self.blocked = BLOCKED_FROM_THE_START | BLOCKED_ONCE_IMPORTED
        self.directory = directory
        sys.dont_write_bytecode = True

    def experiments_are_over(self) -> None:
        """What is left to do is to remove the temporary directory."""
        self.directory = None

    def changes_outside(self, event: str, arguments: Any) -> bool:
        """Whether the event changes a file that is not in the worker's directory."""
        paths: Sequence[Any] = ()
        if event == "open":
            path, _, flags = arguments
            paths = (path,) if isinstance(flags, int) and flags & WRITING and path != os.devnull else ()
        elif event in CHANGES:
            paths = arguments[: CHANGES[event]]
        return not all(map(self.is_inside, paths))

    def is_inside(self, path: Any) -> bool:
        """Whether a path, or the file behind a descriptor that is open already, may be written to."""
        if isinstance(path, int):
            return True
        return os.path.abspath(os.fsdecode(path)).startswith(os.path.join(str(self.directory), ""))


GUARD = Guard()


OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|Storage size calculation overflowed", re.IGNORECASE
)


NO_OPERATOR = re.compile(
    r"Couldn't load custom C\+\+ ops|operator torchvision::\w+"
    r"|Could not run 'torchvision::|'_OpNamespace' 'torchvision'"
)


def judge(error: BaseException) -> dict[str, str]:
    """What torch raised, as evidence; NoObservation where it only tells of this machine."""
    text = str(error)
    if GUARD.attempt is not None:
        raise NoObservation("environment", f"the experiment wanted {GUARD.attempt}, which is not allowed")
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(text):
        wanted = re.search(r"allocate (\d+) bytes", text)
        size = f"{gigabytes(int(wanted[1]))} at once" if wanted else "more memory than there is"
        raise NoObservation("memory", "needs " + size)
    if NO_OPERATOR.search(text):
        raise NoObservation("environment", "needs compiled operators of torchvision that do not load with this torch")
    return {"type": type(error).__name__, "text": text if len(text) <= 2000 else text[:1997] + "..."}
