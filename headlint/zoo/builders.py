"""torchvision's builders: what each one is called, what it accepts and where its head stands."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from headlint.zoo.archive import builder_parts, index, part

# Plain classes: making a dataclass or a named tuple costs more than all the reading that an ordinary run does.


class Head:
    """A layer whose width follows `num_classes`; `arrives` is the shape it is given in eval mode, without the batch.

    None arrives at a head that eval mode does not call, as the auxiliary ones of Inception and GoogLeNet.
    """

    def __init__(
        self,
        place: str,
        kind: str,
        in_features: int,
        out_features: int,
        auxiliary: bool,
        arrives: tuple[int, ...] | None,
    ) -> None:
        self.place: Final = place
        self.kind: Final = kind
        self.in_features: Final = in_features
        self.out_features: Final = out_features
        self.auxiliary: Final = auxiliary
        self.arrives: Final = arrives

    def __repr__(self) -> str:
        return f"Head({self.place!r}, {self.kind}, {self.in_features}, {self.out_features})"


class Builder:
    """A function that torchvision registers as a model builder; there is one object per name.

    `name` is the registered name (`quantized_resnet50`), `qualified_name` the shortest way to import the
    function, `task` one of classification, quantization, detection, segmentation, video and optical_flow, `family`
    the file it stands in. `parameters` are the keywords it accepts, those of its signature first. `classes` is 0 for
    a model without any. Inputs are shapes without the batch, for the structure without weights in eval mode. `stem`
    is the place of the first convolution. `heads` has the main heads first and auxiliary ones last.
    """

    def __init__(self, name: str, record: dict[str, Any]) -> None:
        self.name: Final = name
        self.qualified_name: Final[str] = record["qualified_name"]
        self.task: Final[str] = record["task"]
        self.family: Final[str] = record["family"]
        self.root_type: Final[str] = record["root_type"]
        self.parameters: Final[tuple[str, ...]] = tuple(record["parameters"])
        self.weights_enum: Final[str] = record["weights_enum"]
        self.weights: Final[tuple[str, ...]] = tuple(record["weights"])
        self.default_weights: Final[str] = record["default_weights"]
        self.classes: Final[int] = record["classes"]
        self.smallest_input: Final[tuple[int, ...]] = tuple(record["smallest_input"])
        self.default_input: Final[tuple[int, ...]] = tuple(record["default_input"])
        self.stem: Final[str | None] = record["stem"]
        self.heads: Final = tuple(
            Head(place, kind, inside, outside, auxiliary, None if arrives is None else tuple(arrives))
            for place, kind, inside, outside, auxiliary, arrives in record["heads"]
        )

    def __repr__(self) -> str:
        return f"Builder({self.name!r})"


def builder_names() -> tuple[str, ...]:
    """The registered names of all builders, sorted."""
    return tuple(builder_parts())


@cache
def builder_part(name: str) -> dict[str, Any] | None:
    """What the shipped file holds for one builder, its variants included."""
    number = builder_parts().get(name)
    found: dict[str, Any] | None = None if number is None else part(number)
    return found


@cache
def find_builder(name: str) -> Builder | None:
    """The builder registered under `name`."""
    data = builder_part(name)
    return None if data is None else Builder(name, data["record"])


def builder_at(qualified_name: str) -> Builder | None:
    """The builder that can be imported as `qualified_name`, by any of the paths that torchvision gives it."""
    module, _, attribute = qualified_name.rpartition(".")
    for exposed in index()["modules"].get(module, "").split():
        known_as, _, name = exposed.partition("=")
        if known_as == attribute:
            return find_builder(name or attribute)
    return None


@cache
def head_names() -> frozenset[str]:
    """The names on the way to the heads of all models: `fc`, `classifier`, `heads` and their like."""
    heads = [head for name in builder_names() if (builder := find_builder(name)) for head in builder.heads]
    return frozenset(name for head in heads for name in head.place.split(".") if not name.isdigit())


def nearest(name: str) -> tuple[str, ...]:
    """Up to three registered names that `name` may have meant, the likeliest first."""
    import difflib  # costs 3 ms, and is needed for a message to a person only

    wanted = "".join(letter for letter in name.lower() if letter.isalnum())
    spelled = {known.replace("_", ""): known for known in builder_names()}
    return tuple(spelled[match] for match in difflib.get_close_matches(wanted, spelled, n=3))
