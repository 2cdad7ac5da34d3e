"""Softmaxes and sigmoids that code applies to what a model has returned, outside of its forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from headlint.flow.state import LayerObject
from headlint.flow.value import Constant, Symbol, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    import libcst as cst

    from headlint.flow.arguments import Arguments

_FUNCTIONS = frozenset(
    f"{package}.{name}" for package in ("torch", "torch.nn.functional") for name in ("softmax", "sigmoid")
)
_LAYERS = frozenset({"Softmax", "Sigmoid"})

Form = Literal["function", "method", "layer"]


@dataclass(frozen=True, slots=True)
class Squash:
    """One of them: `kind` is that of the layer, `dim` the axis of a softmax (None if not given), `site` the call."""

    kind: str
    dim: int | None
    form: Form
    site: cst.CSTNode


def by_function(name: str, given: Value, arguments: Arguments, node: cst.CSTNode) -> Symbol | None:
    """What a function of torch makes of `given`, None if it is no softmax or sigmoid."""
    if name not in _FUNCTIONS:
        return None
    dim = arguments.get(1, "dim") or arguments.get(None, "axis")
    return _squashed(given, name.rpartition(".")[2].capitalize(), dim, "function", node)


def by_method(name: str, given: Value, arguments: Arguments, node: cst.CSTNode) -> Symbol | None:
    """The same of a method."""
    if name not in ("softmax", "sigmoid"):
        return None
    dim = arguments.get(0, "dim") or arguments.get(None, "axis")
    return _squashed(given, name.capitalize(), dim, "method", node)


def by_layer(record: object, given: Value, node: cst.CSTNode) -> Symbol | None:
    """The same of a layer of the code."""
    if not isinstance(record, LayerObject) or record.kind not in _LAYERS:
        return None
    dim = dict(record.arguments).get("dim")
    return _squashed(given, record.kind, Constant(dim), "layer", node)


def _squashed(given: Value, kind: str, dim: Value | None, form: Form, node: cst.CSTNode) -> Symbol | None:
    axis = None if dim is None else dim.value if isinstance(dim, Constant) else node
    if axis is not None and type(axis) is not int:
        return None
    if kind == "Softmax" and isinstance(given, Symbol) and any(one.op == "reshaped" for one in (given, *given.inside)):
        # Which axis has the classes is no longer known.
        return None
    return Symbol("squashed", (given, Constant(Squash(kind, axis, form, node))), text_of(node))
