"""What a client and the command line say about how headlint works here, and whom of them to believe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headlint.lint import Settings

MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Options:
    """Settings with what only an editor has: `debounce` is in seconds."""

    settings: Settings
    debounce: float = 0.03
    inlay_hints: bool = False
    faults: tuple[str, ...] = ()


def options_of(command_line: Settings, client: Mapping[str, Any], *, trusted: bool) -> Options:
    """The command line's settings with the client's on top.

    What a client sends may stand in a file of the workspace. Unless the workspace is trusted, it does not say which
    Python runs. A value that makes no sense is left out and is among the `faults`, which are one-line texts.
    """
    options = Options(command_line)
    faults: list[str] = []
    for key, value in client.items():
        reader = _READERS.get(key)
        if reader is None:
            continue
        if key == "python" and not trusted:
            faults.append("the workspace is not trusted: its setting 'python' does not count")
            continue
        try:
            options = reader(options, value)
        except (TypeError, ValueError) as wrong:
            faults.append(f"the setting {key!r} {wrong}")
    return replace(options, faults=tuple(faults))


def _confirm(options: Options, value: Any) -> Options:
    if value not in ("auto", "require", "off"):
        raise ValueError("must be 'auto', 'require' or 'off'")
    return replace(options, settings=replace(options.settings, confirm=value))


def _python(options: Options, value: Any) -> Options:
    if value is not None and not isinstance(value, str):
        raise ValueError("must be a path")
    return replace(options, settings=replace(options.settings, python=value or None))


def _timeout(options: Options, value: Any) -> Options:
    return replace(options, settings=replace(options.settings, timeout=_positive(value)))


def _debounce(options: Options, value: Any) -> Options:
    return replace(options, debounce=_positive(value) / MILLISECONDS)


def _inlay_hints(options: Options, value: Any) -> Options:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return replace(options, inlay_hints=value)


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError("must be a number above 0")
    return float(value)


_READERS: dict[str, Callable[[Options, Any], Options]] = {
    "confirm": _confirm,
    "python": _python,
    "timeout": _timeout,
    "debounce": _debounce,
    "inlayHints": _inlay_hints,
}
