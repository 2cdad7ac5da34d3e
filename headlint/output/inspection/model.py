"""The data of an inspection: a model with its parts, and what the replay saw of them. Plain and frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

State = Literal["raises", "unused", "auxiliary", "trains", "partly", "frozen", "plain"]
"""What became of a part: forward raises in it; forward never uses it; only train mode uses it; all of its parameters
train; some do; none does; it has none."""

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A module with all that is in it; numbers of parameters are those of the whole part.

    `used` is None where forward did not come to its end. `new` is the line on which the code puts it in, "" for what
    the builder made; `flagged` the line that last wrote flags of its parameters. `arrived` and `returned` are the
    shapes of the first tensors of its first call, batch first.
    """

    name: str
    place: str
    type: str
    says: str
    state: State
    new: str
    flagged: str
    calls: int
    arrived: Shape | None
    returned: Shape | None
    parameters: int
    trainable: int
    used: int | None
    held: int
    children: tuple[Part, ...]

    @property
    def is_plain_sailing(self) -> bool:
        """Whether nothing in it differs from the whole of it."""
        return all(part.state in (self.state, "plain") and not part.new for part in self.below())

    def below(self) -> Iterator[Part]:
        """All parts in it."""
        for child in self.children:
            yield child
            yield from child.below()


@dataclass(frozen=True)
class OptimizerFacts:
    """An optimizer: what it holds of the model, in tensors.

    `missing` are the names of those that train and that neither it nor one before it holds. `raised` is what torch
    says where it could not be made; `known` is False where its parameters are not known.
    """

    kind: str
    line: str
    tensors: int
    outside: int
    missing: tuple[str, ...]
    raised: str
    known: bool


@dataclass(frozen=True)
class Memory:
    """Bytes: of weights and buffers; of their gradients; of what the optimizer keeps beside; of what forward keeps.

    `kept` is measured: the storages that autograd saves for backward in one forward in train mode on a batch of
    `batch` pictures of `picture`. It is None where that `failed`, with the reason.
    """

    weights: int
    gradients: int
    optimizer: int
    kept: int | None
    batch: int
    picture: Shape
    failed: str

    @property
    def step(self) -> int | None:
        """What a training step takes at that batch."""
        return None if self.kept is None else self.weights + self.gradients + self.optimizer + self.kept


@dataclass(frozen=True)
class Inspection:
    """One model on one path (or several that do the same): what the code does, and what a replay of it saw.

    `steps` are lines with what happens there. `failed` says why there was nothing to see; then `root` is None.
    `input` is what forward ran on, and `usual` what the model is meant for, batch first both.
    `output` and `training_output` are shapes as the user would see them, "" where there are none; `raised` is what
    torch says, and `raised_in` the place of the module in which it was raised. `stand_ins` are sizes that the code
    does not give, with the numbers that stand for them.
    """

    file: str
    line: str
    builder: str
    number: int
    conditions: tuple[str, ...]
    until: str
    complete: bool
    steps: tuple[tuple[str, str], ...]
    failed: str = ""
    root: Part | None = None
    input: Shape | None = None
    usual: Shape | None = None
    output: str = ""
    classes: tuple[str, ...] = ()
    training_output: str = ""
    raised: str = ""
    raised_in: str = ""
    optimizers: tuple[OptimizerFacts, ...] = ()
    memory: Memory | None = None
    stand_ins: tuple[tuple[str, int], ...] = ()
    torch: str = ""
    torchvision: str = ""

    @cached_property
    def title(self) -> str:
        """The model in a few words: `net.py:8: resnet50 when pretrained`."""
        again = f", number {self.number + 1} of those built here" if self.number else ""
        assumed = f", when {' and '.join(self.conditions)}" if self.conditions else ""
        until = f", as it stands at line {self.until}" if self.until else ""
        return f"{self.file}:{self.line}: {self.builder}{again}{until}{assumed}"
