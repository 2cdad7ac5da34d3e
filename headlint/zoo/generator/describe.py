"""One real model as plain data: its module tree, and where two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

# What the interpreter or `copy` adds to classes, by version and by what ran before.
FLEETING = frozenset(
    """
    __annotate__ __annotate_func__ __annotations__ __annotations_cache__ __firstlineno__ __getstate__
    __slotnames__ __static_attributes__
    """.split()
)


def attributes_of(thing: object) -> frozenset[str]:
    """The names that `hasattr` finds, those that come and go left out."""
    return frozenset(dir(thing)) - FLEETING


BASE_ATTRIBUTES = attributes_of(nn.Module())


@dataclass(frozen=True)
class ModuleFacts:
    """One module: `sizes` are its plain public attributes in JSON, `attributes` what else `hasattr` finds on it."""

    path: str
    kind: type[nn.Module]
    sizes: dict[str, Any]
    parameters: dict[str, tuple[int, ...]]
    buffers: tuple[str, ...]
    attributes: frozenset[str]

    @property
    def qualified_type(self) -> str:
        return qualified(self.kind)


@dataclass(frozen=True)
class TreeFacts:
    """All modules of a model in the order of `named_modules`, and the parameters it has frozen from the start."""

    modules: tuple[ModuleFacts, ...]
    frozen: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """A value that two models of one structure do not share; `axis` is the one of a parameter's shape."""

    module: int
    group: str
    name: str
    axis: int | None
    values: tuple[Any, ...]


def qualified(kind: type) -> str:
    """The name by which a class can be imported."""
    return f"{kind.__module__}.{kind.__qualname__}"


def bases(kind: type[nn.Module]) -> tuple[str, ...]:
    """The classes below Module that `kind` inherits from, nearest first."""
    return tuple(qualified(base) for base in kind.__mro__[1:] if issubclass(base, nn.Module) and base is not nn.Module)


def encoded(value: Any) -> Any:
    """A plain value in JSON (tuples as lists, a list as `{"list": [...]}`); LookupError for any other."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is tuple:
        return [encoded(item) for item in value]
    if type(value) is list:
        return {"list": [encoded(item) for item in value]}
    raise LookupError(type(value).__name__)


def describe(model: nn.Module) -> TreeFacts:
    """Everything the data holds about a model."""
    return TreeFacts(
        modules=tuple(_module_facts(path, module) for path, module in model.named_modules()),
        frozen=tuple(path for path, parameter in model.named_parameters() if not parameter.requires_grad),
    )


def _module_facts(path: str, module: nn.Module) -> ModuleFacts:
    sizes: dict[str, Any] = {}
    for name, value in _public_attributes(module):
        try:
            sizes[name] = encoded(value)
        except LookupError:
            continue
    sizes.update(dict.fromkeys(name for name, child in module._modules.items() if child is None))
    own = module._parameters
    if "bias" in own:
        sizes["bias"] = own["bias"] is not None
    return ModuleFacts(
        path=path,
        kind=type(module),
        sizes=sizes,
        parameters={name: tuple(value.shape) for name, value in own.items() if value is not None},
        buffers=tuple(name for name, value in module._buffers.items() if value is not None),
        attributes=attributes_of(module) - BASE_ATTRIBUTES - {name for name, _ in module.named_children()},
    )


def _public_attributes(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Attributes of the class that torchvision or torch.nn wrote there, then those of the instance."""
    found: dict[str, Any] = {}
    for kind in reversed(type(module).__mro__):
        if issubclass(kind, nn.Module) and kind is not nn.Module:
            found.update(vars(kind))
    found.update(vars(module))
    for name in sorted(found):
        if not name.startswith("_") and name not in BASE_ATTRIBUTES:
            yield name, found[name]


def differences(models: tuple[TreeFacts, ...]) -> list[Difference] | None:
    """Where models differ in sizes and parameter shapes; None if their structure differs."""
    first = models[0]
    if any(_structure(model) != _structure(first) for model in models[1:]):
        return None
    found: list[Difference] = []
    for number, modules in enumerate(zip(*(model.modules for model in models), strict=True)):
        for name in modules[0].sizes:
            sizes = tuple(module.sizes[name] for module in modules)
            if any(size != sizes[0] or type(size) is not type(sizes[0]) for size in sizes):
                found.append(Difference(number, "size", name, None, sizes))
        for name, shape in modules[0].parameters.items():
            for axis in range(len(shape)):
                lengths = tuple(module.parameters[name][axis] for module in modules)
                if len(set(lengths)) > 1:
                    found.append(Difference(number, "parameter", name, axis, lengths))
    return found


def _structure(model: TreeFacts) -> list[Mapping[str, Any]]:
    return [
        {
            "path": module.path,
            "kind": module.kind,
            "sizes": list(module.sizes),
            "parameters": [(name, len(shape)) for name, shape in module.parameters.items()],
            "buffers": module.buffers,
            "attributes": module.attributes,
        }
        for module in model.modules
    ]
