"""Which files a path stands for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED_DIRECTORIES = frozenset({"__pycache__", "node_modules", "build"})


def python_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """The files named by `paths`, and Python files and notebooks under the directories, each once, in a stable order.

    A file that is named is taken whatever it is called, and a directory that is named is walked whatever it
    is called; below it hidden directories, caches, virtual environments, `node_modules` and `build` are
    left out. Raises FileNotFoundError for a path that does not exist.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"no such file or directory: {path}")
        for file in _walk(path) if path.is_dir() else (path,):
            identity = os.path.abspath(file)
            if identity not in seen:
                seen.add(identity)
                yield file


def _walk(directory: Path) -> Iterator[Path]:
    for folder, subdirectories, names in os.walk(directory):
        subdirectories[:] = sorted(name for name in subdirectories if not _is_skipped(folder, name))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith((".py", ".ipynb")))


def _is_skipped(folder: str, name: str) -> bool:
    if name.startswith(".") or name in SKIPPED_DIRECTORIES:
        return True
    return os.path.isfile(os.path.join(folder, name, "pyvenv.cfg"))
