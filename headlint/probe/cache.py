"""Answers of earlier experiments on disk: shared by many processes, and never a reason to fail."""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

FILE_NAME = "observations.sqlite"
FORMAT = 1
MOST_ROWS = 20_000
BUSY_SECONDS = 0.25
MOST_FAILURES = 3


def default_directory() -> str | None:
    """Where caches go on this system."""
    try:
        import platformdirs
    except ImportError:
        return None
    return platformdirs.user_cache_dir("headlint", appauthor=False)


class Cache:
    """Texts by key in one SQLite file. What cannot be read is not there; what cannot be written is not kept.

    The file is opened on first use, once per process, as a connection must not cross a fork. After three
    failures to read (or to write) this process reads (or writes) no more, so that waiting has an end.
    """

    def __init__(self, directory: str | None) -> None:
        self.path = os.path.join(directory, FILE_NAME) if directory else None
        self._connection: sqlite3.Connection | None = None
        self._closing: Callable[[], object] = lambda: None
        self._owner = 0
        self._failed_reads = 0
        self._failed_writes = 0
        self._abandoned: list[sqlite3.Connection] = []

    @property
    def given_up(self) -> bool:
        """Whether this process reads the file no more."""
        return self._failed_reads >= MOST_FAILURES

    def get(self, key: str) -> str | None:
        """The text stored under a key."""
        import sqlite3

        connection = self._open()
        if connection is None:
            return None
        try:
            row = connection.execute("SELECT body FROM answers WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            self._failed_reads += 1
            self._recover(error)
            return None
        return row[0] if row is not None and isinstance(row[0], str) else None

    def put(self, key: str, body: str) -> None:
        """Store a text under a key, and drop the oldest ones over the limit."""
        import sqlite3

        connection = self._open()
        if connection is None or self._failed_writes >= MOST_FAILURES:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT OR REPLACE INTO answers (key, body) VALUES (?, ?)", (key, body))
            connection.execute(
                "DELETE FROM answers WHERE number <= (SELECT max(number) FROM answers) - ?", (MOST_ROWS,)
            )
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed_writes += 1
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            self._recover(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None and self._owner == os.getpid():
            self._connection = None
            self._closing()

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is not None and self._owner != os.getpid():
            self._abandoned.append(self._connection)
            self._connection = None
        if self._connection is None and self.path is not None and not self.given_up:
            self._connection = connect(self.path)
            self._owner = os.getpid()
            if self._connection is None:
                self._failed_reads += 1
            else:
                # Unlike __del__, this comes before the end of the interpreter, where nothing can be imported.
                self._closing = weakref.finalize(self, close_connection, self._connection, self._owner)
        return self._connection

    def _recover(self, error: sqlite3.Error) -> None:
        """A damaged file is removed, and opened afresh by the next question."""
        if is_damage(error) and self.path is not None:
            self.close()
            discard(self.path)


def close_connection(connection: sqlite3.Connection, owner: int) -> None:
    """Close a connection, but not one that belongs to the process this one was forked from."""
    import sqlite3

    if os.getpid() == owner:
        with contextlib.suppress(sqlite3.Error):
            connection.close()


def connect(path: str) -> sqlite3.Connection | None:
    """Open the file, making it if need be; one that is damaged is replaced once."""
    import sqlite3

    for last in (False, True):
        connection = None
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            if prepare(connection):
                return connection
        except (sqlite3.Error, OSError) as error:
            damaged = is_damage(error)
        else:
            damaged = False
        if connection is not None:
            connection.close()
        if last or not damaged or not discard(path):
            return None
    return None


def prepare(connection: sqlite3.Connection) -> bool:
    """Whether the file has our table; it gets one if it is new, and is left alone if a newer headlint wrote it."""
    # Losing the last answers in a power cut costs an experiment each; waiting for the disk would cost every run.
    connection.execute("PRAGMA synchronous = OFF")
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS answers"
            " (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, body TEXT NOT NULL)"
        )
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    return found in (0, FORMAT)


def is_damage(error: Exception) -> bool:
    """Whether the file is no database any more, rather than locked, read-only or out of reach."""
    import sqlite3

    return type(error) is sqlite3.DatabaseError or "no such table" in str(error)


def discard(path: str) -> bool:
    """Remove a damaged file."""
    try:
        os.unlink(path)
    except OSError:
        return False
    with contextlib.suppress(OSError):
        os.unlink(path + "-journal")
    return True
