"""Which files a path stands for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headlint.source.patterns import Patterns, read_patterns

SKIPPED_DIRECTORIES = frozenset({"__pycache__", "node_modules", "build"})
SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True)
class Scope:
    """What is left out below a directory: what git ignores, and the patterns that speak for a directory.

    With `force_exclude` paths that are named are left out too, where one below a directory would be; git has no say
    in those.
    """

    exclude_in: Callable[[str], Patterns | None] = lambda _directory: None
    respect_gitignore: bool = True
    force_exclude: bool = False

    def excludes(self, path: str, *, directory: bool = False) -> bool:
        """Whether a pattern leaves this path (absolute) out."""
        patterns = self.exclude_in(os.path.dirname(path))
        return patterns is not None and patterns.matches(path, directory=directory) is True

    def excludes_named(self, path: Path) -> bool:
        """Whether a path that is named is left out all the same."""
        if not self.force_exclude:
            return False
        absolute, here = os.path.abspath(path), os.getcwd()
        if self.excludes(absolute, directory=path.is_dir()):
            return True
        inside = os.path.relpath(absolute, here).split(os.sep)
        directories = inside if path.is_dir() else inside[:-1]
        above = [os.path.join(here, *inside[:depth]) for depth in range(len(directories))]
        return any(_is_skipped(folder, name) for folder, name in zip(above, directories, strict=True))


def python_files(paths: Iterable[str | os.PathLike[str]], scope: Scope | None = None) -> Iterator[Path]:
    """The files named by `paths`, and Python files and notebooks under the directories, each once, in a stable order.

    A file that is named is taken whatever it is called, and a directory that is named is walked whatever it
    is called; below it hidden directories, caches, virtual environments, `node_modules`, `build`, what git
    ignores and what `scope` excludes are left out. Links to directories are not followed. Raises
    FileNotFoundError for a path that does not exist.
    """
    scope = scope or Scope()
    seen: set[str] = set()
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"no such file or directory: {path}")
        if scope.excludes_named(path):
            continue
        for file in _walk(path, scope) if path.is_dir() else (path,):
            identity = os.path.abspath(file)
            if identity not in seen:
                seen.add(identity)
                yield file


def _walk(directory: Path, scope: Scope) -> Iterator[Path]:
    ignored = Ignored(os.path.abspath(directory)) if scope.respect_gitignore else None
    for folder, subdirectories, names in os.walk(directory):
        absolute = os.path.abspath(folder)
        if ignored is not None:
            ignored.enter(absolute, names)

        def left_out(name: str, *, directory: bool, within: str = absolute) -> bool:
            path = os.path.join(within, name)
            if ignored is not None and ignored.holds(path, directory=directory):
                return True
            return scope.excludes(path, directory=directory)

        subdirectories[:] = sorted(
            name for name in subdirectories if not _is_skipped(folder, name) and not left_out(name, directory=True)
        )
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not left_out(name, directory=False):
                yield Path(folder, name)


def _is_skipped(folder: str, name: str) -> bool:
    if (name.startswith(".") and name not in (os.curdir, os.pardir)) or name in SKIPPED_DIRECTORIES:
        return True
    return os.path.isfile(os.path.join(folder, name, "pyvenv.cfg"))


class Ignored:
    """What the `.gitignore` files of a repository leave out, collected on a walk from the top down."""

    def __init__(self, start: str) -> None:
        self._files: dict[str, Patterns | None] = {}
        self._above = _above(start)
        # Somebody who names a directory that is ignored as a whole wants what is in it.
        if any(patterns.matches(start, directory=True) for patterns in self._above):
            self._above = []

    def enter(self, folder: str, names: Iterable[str]) -> None:
        """Take the patterns of a folder that is walked, if it has any."""
        if ".gitignore" in names:
            self._files[folder] = read_patterns(os.path.join(folder, ".gitignore"))

    def holds(self, path: str, *, directory: bool) -> bool:
        """Whether git would ignore this path: the patterns that stand nearest to it decide."""
        for patterns in self._nearest_first(os.path.dirname(path)):
            verdict = patterns.matches(path, directory=directory)
            if verdict is not None:
                return verdict
        return False

    def _nearest_first(self, folder: str) -> Iterator[Patterns]:
        if self._files:
            while True:
                patterns = self._files.get(folder)
                if patterns is not None:
                    yield patterns
                parent = os.path.dirname(folder)
                if parent == folder:
                    break
                folder = parent
        yield from self._above


def _above(start: str) -> list[Patterns]:
    """The patterns above a directory, up to the root of its repository, nearest first; none outside of one."""
    found: list[Patterns | None] = []
    folder = start
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return []
        folder = parent
        found.append(read_patterns(os.path.join(folder, ".gitignore")))
    found.append(read_patterns(os.path.join(folder, ".git", "info", "exclude"), root=folder))
    return [patterns for patterns in found if patterns is not None]
