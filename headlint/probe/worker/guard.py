"""What the worker's process is not allowed, and what became of what it tried."""

from __future__ import annotations

import re
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


class Guard:
    """The audit hook: no network ever, and no other programs once the libraries are in."""

    def __init__(self) -> None:
        self.attempt: str | None = None
        self.blocked = BLOCKED_FROM_THE_START

    def __call__(self, event: str, arguments: Any) -> None:
        if event in self.blocked:
            self.attempt = event
            raise PermissionError("headlint's worker does not allow " + event)


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
