"""Files are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable


class ChangedMeanwhile(Exception):
    """Somebody else wrote the file since it was read."""


def replace_file(path: str | os.PathLike[str], old: bytes, new: bytes) -> None:
    """Put `new` in the place of a file that holds `old`, following links and keeping its mode.

    Raises ChangedMeanwhile if the file holds something else by now, and OSError. The file is never there by half.
    """
    target = os.path.realpath(path)
    mode = stat.S_IMODE(os.stat(target).st_mode)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    def unchanged() -> None:
        with open(target, "rb") as current:
            if current.read() != old:
                raise ChangedMeanwhile

    _put(target, new, mode, unchanged)


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file, new or in the place of another one, following links; raises OSError."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        # A terminal, a pipe or a device is written to and not replaced; a directory raises.
        with open(target, "wb") as stream:
            stream.write(data)
        return
    mask = os.umask(0)
    os.umask(mask)
    _put(target, data, stat.S_IMODE(os.stat(target).st_mode) if os.path.exists(target) else 0o666 & ~mask)


def _put(target: str, data: bytes, mode: int, check: Callable[[], None] = lambda: None) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".headlint-", suffix=".tmp", dir=os.path.dirname(target))
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode)
        check()
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
