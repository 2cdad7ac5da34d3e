"""What `[tool.headlint]` in a pyproject.toml says, and which pyproject.toml speaks for which directory."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from headlint.source.patterns import Patterns
from headlint.source.selection import Selection, parse_codes

FILE_NAME = "pyproject.toml"
CONFIRM = ("auto", "require", "off")


class ConfigurationFault(ValueError):
    """A configuration is not as it must be; the message is one line that begins with the file."""


@dataclass(frozen=True)
class Configuration:
    """The settings of one `[tool.headlint]`, or of none; what it does not say is None, or empty.

    `file` is the absolute path of the pyproject.toml. `python` and `cache_dir` are absolute, or a bare name to be
    looked up on the PATH. The patterns count from the directory of the file.
    """

    file: str | None = None
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[Patterns, tuple[str, ...]], ...] = ()
    exclude: Patterns | None = None
    respect_gitignore: bool | None = None
    force_exclude: bool | None = None
    confirm: str | None = None
    python: str | None = None
    timeout: float | None = None
    cache_dir: str | None = None
    output_format: str | None = None
    jobs: int | None = None

    @property
    def selection(self) -> Selection:
        """Which rules it selects."""
        return Selection(self.select, self.extend_select, self.ignore)

    def overridden(self, by: Configuration) -> Configuration:
        """This configuration with a stronger one on top, key by key; selections as `Selection.overridden` has them."""
        selection = self.selection.overridden(by.selection)
        given = {name: value for name in _NAMES if (value := getattr(by, name)) not in (None, ())}
        return replace(
            self,
            **{
                **given,
                "select": selection.select,
                "extend_select": selection.extend_select,
                "ignore": selection.ignore,
            },
        )

    def without_python(self) -> Configuration:
        """This configuration, silent on the Python that confirms."""
        return replace(self, python=None)

    def ignored_for(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """The codes and beginnings of codes that `per-file-ignores` leaves out for one file."""
        absolute = os.path.abspath(path)
        return tuple(code for patterns, codes in self.per_file_ignores if patterns.matches(absolute) for code in codes)

    @property
    def decides_python(self) -> bool:
        """Whether the `python` of this file may choose what runs.

        Whoever may write a file that lies above the current directory would otherwise choose it, so the file must
        belong to the user, or to root. The caller sees to it that it is a file from above and none from below.
        """
        if self.python is None or self.file is None:
            return False
        if sys.platform == "win32":
            return True
        try:
            return os.stat(self.file).st_uid in (os.geteuid(), 0)
        except OSError:
            return False


NO_CONFIGURATION = Configuration()
DEFAULTS = Configuration(
    respect_gitignore=True, force_exclude=False, confirm="auto", timeout=30.0, output_format="text"
)
_NAMES = tuple(field.name for field in fields(Configuration) if field.name != "file")
KEYS = tuple(name.replace("_", "-") for name in _NAMES)


def read_configuration(file: str | os.PathLike[str]) -> Configuration | None:
    """The `[tool.headlint]` of a file, None if it has none; raises ConfigurationFault, or OSError if it is missing."""
    path = os.path.abspath(file)
    with open(path, "rb") as stream:
        data = stream.read()
    # Broken files of other tools' tests are no business of ours.
    if b"headlint" not in data:
        return None
    table = _table(path, data)
    if table is None:
        return None
    for key in table:
        if key not in KEYS:
            (nearest,) = difflib.get_close_matches(key, KEYS, n=1, cutoff=0.0)
            raise ConfigurationFault(f"{_shown(path)}: [tool.headlint] has no key {key!r}; the nearest: {nearest!r}")
    try:
        return replace(configuration_of(table, os.path.dirname(path)), file=path)
    except ConfigurationFault as wrong:
        raise ConfigurationFault(f"{_shown(path)}: [tool.headlint] {wrong}") from None


def configuration_of(table: Mapping[str, object], root: str) -> Configuration:
    """What a table says, whose paths count from `root`, keys of others left alone; raises ConfigurationFault."""
    values: dict[str, Any] = {}
    for key in (key for key in KEYS if key in table):
        try:
            values[key.replace("-", "_")] = _READERS[key](table[key], root)
        except ValueError as wrong:
            raise ConfigurationFault(f"{key}: {wrong}") from None
    return replace(NO_CONFIGURATION, **values)


def _table(path: str, data: bytes) -> Mapping[str, object] | None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        tool = tomllib.loads(data.decode()).get("tool")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as failure:
        raise ConfigurationFault(f"{_shown(path)}: cannot be read: {' '.join(str(failure).split())}") from None
    table = tool.get("headlint") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationFault(f"{_shown(path)}: [tool.headlint] is not a table")
    return table


def _shown(path: str) -> str:
    """A path as people read it: relative where that is shorter."""
    try:
        return min(path, os.path.relpath(path), key=len)
    except ValueError:
        return path


# -- One reader per kind of value; each raises ValueError ----------------------------------------------------------


def _texts(value: object, _root: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


def _codes(value: object, root: str) -> tuple[str, ...]:
    return parse_codes(_texts(value, root))


def _patterns(value: object, root: str) -> Patterns:
    return checked_patterns(root, _texts(value, root))


def checked_patterns(root: str, lines: tuple[str, ...]) -> Patterns:
    """Patterns that are known to be sound; raises ValueError."""
    for line in lines:
        try:
            Patterns(root, (line,)).matches(os.path.join(root, "a"))
        except ValueError:
            raise ValueError(f"{line!r} is not a pattern as .gitignore has them") from None
    return Patterns(root, lines)


def _codes_by_pattern(value: object, root: str) -> tuple[tuple[Patterns, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise ValueError("must be a table from pattern to codes")
    return tuple((checked_patterns(root, (pattern,)), _codes(codes, root)) for pattern, codes in value.items())


def _switch(value: object, _root: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _text(value: object, _root: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string")
    return value


def _confirm(value: object, _root: str) -> str:
    if not isinstance(value, str) or value not in CONFIRM:
        raise ValueError("must be 'auto', 'require' or 'off'")
    return value


def _path(value: object, root: str) -> str:
    return os.path.abspath(os.path.join(root, os.path.expanduser(_text(value, root))))


def _program(value: object, root: str) -> str:
    """A path counts from the file, a bare name is one on the PATH: it is never that of a file beside it."""
    text = _text(value, root)
    return text if os.path.basename(text) == text else _path(text, root)


def _seconds(value: object, _root: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError("must be a number of seconds")
    return float(value)


def _count(value: object, _root: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number from 1 on")
    return value


_READERS: dict[str, Callable[[object, str], object]] = {
    "select": _codes,
    "extend-select": _codes,
    "ignore": _codes,
    "per-file-ignores": _codes_by_pattern,
    "exclude": _patterns,
    "respect-gitignore": _switch,
    "force-exclude": _switch,
    "confirm": _confirm,
    "python": _program,
    "timeout": _seconds,
    "cache-dir": _path,
    "output-format": _text,
    "jobs": _count,
}


# -- Which file speaks for which directory ---------------------------------------------------------------------------


class Configurations:
    """The configuration of each directory: that of the nearest pyproject.toml with a `[tool.headlint]`, upwards.

    What was read is kept; make a new one to see changes.
    """

    def __init__(self) -> None:
        self._known: dict[str, Configuration] = {}

    def nearest(self, directory: str | os.PathLike[str]) -> Configuration:
        """The configuration that speaks for the files in a directory; raises ConfigurationFault."""
        path = os.path.abspath(directory)
        known = self._known.get(path)
        if known is None:
            known = self._known[path] = self._read(path)
        return known

    def _read(self, directory: str) -> Configuration:
        file = Path(directory, FILE_NAME)
        try:
            found = read_configuration(file) if file.is_file() else None
        except OSError as unreadable:
            raise ConfigurationFault(f"{_shown(str(file))}: cannot be read: {unreadable.strerror}") from None
        if found is not None:
            return found
        parent = os.path.dirname(directory)
        return NO_CONFIGURATION if parent == directory else self.nearest(parent)
