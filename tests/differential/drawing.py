"""What drawing needs: one of several options, with or without its name."""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def pick(draw: Any, options: dict[str, T] | list[T] | tuple[T, ...]) -> T:
    """One of several options."""
    values = list(options.values()) if isinstance(options, dict) else list(options)
    found: T = draw(st.sampled_from(values))
    return found


def pick_named(draw: Any, options: dict[str, str]) -> tuple[str, str]:
    """One of several options with its name."""
    name = draw(st.sampled_from(list(options)))
    return name, options[name]
