"""Drawing: one of several options after the other, and with them the mistakes that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Choices one after the other; `below(n)` makes each, a number below `n`.

    `wishes` are the rules whose mistakes are wanted. Options that are named after a rule ("HL202 norm") are mistakes:
    they are drawn where their rule is wanted and nowhere else, and `planned` has the names of those that were.
    """

    def __init__(self, below: Callable[[int], int], wishes: Sequence[str] = ()) -> None:
        self.below = below
        self.wishes = list(wishes)
        self.planned: list[str] = []

    def pick(self, options: Sequence[T] | Mapping[str, T]) -> T:
        """One of several options."""
        values = list(options.values()) if isinstance(options, Mapping) else options
        return values[self.below(len(values))]

    def coin(self) -> bool:
        """True in half of the cases."""
        return self.one_in(2)

    def one_in(self, count: int) -> bool:
        """True in one of so many cases."""
        return self.below(count) == count - 1

    def named(self, options: Mapping[str, T]) -> tuple[str, T]:
        """One of several options with its name: a mistake if there is one that is wanted, otherwise none."""
        wanted = [name for name in options if name[:5] in self.wishes]
        name = self.pick(wanted or [name for name in options if not name.startswith("HL")])
        if wanted:
            self.plan(name)
        return name, options[name]

    def plan(self, name: str) -> None:
        """Note a mistake that was wanted, and has been made."""
        self.wishes.remove(name[:5])
        self.planned.append(name)
