"""Code that makes layers, and the arguments of calls that do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst

from headlint.mends.imports import written
from headlint.mends.mend import Change
from headlint.mends.scene import Scene
from headlint.torchlib.layers import REQUIRED, find_layer


def argument(call: cst.CSTNode | None, position: int, name: str) -> cst.Arg | None:
    """The argument of a call that stands at this position, or has this name."""
    if not isinstance(call, cst.Call):
        return None
    for number, arg in enumerate(call.args):
        if arg.star:
            return None
        if (arg.keyword is None and number == position) or (arg.keyword is not None and arg.keyword.value == name):
            return arg
    return None


def first_size(call: cst.CSTNode | None, kind: str) -> cst.BaseExpression | None:
    """What a call gives a layer of this kind as its first size, the one that it takes."""
    layer = find_layer(kind)
    found = argument(call, 0, layer.parameters[0][0]) if layer is not None and layer.parameters else None
    return None if found is None else found.value


def new_layer(
    scene: Scene, kind: str, sizes: Mapping[str, object], codes: Mapping[str, str]
) -> tuple[str, tuple[Change, ...]]:
    """The call that makes a layer of these sizes, some of which are given as code; with the import that it needs."""
    layer = find_layer(kind)
    parameters: Iterable[tuple[str, object]] = () if layer is None else layer.parameters
    written_as, imports = written(scene, f"torch.nn.{kind}")
    arguments: list[str] = []
    positional = True
    for name, default in parameters:
        value = sizes.get(name, default)
        if isinstance(value, tuple) and len(set(value)) == 1:
            # `(3, 3)` is what 3 stands for.
            value = value[0]
        if name not in codes and default is not REQUIRED and value == default:
            positional = False
            continue
        code = codes.get(name) or (repr(value) if isinstance(value, str) else str(getattr(value, "text", value)))
        # Sizes go without their names, everything else has one.
        arguments.append(code if positional and default is REQUIRED and len(arguments) < 2 else f"{name}={code}")
    return f"{written_as}({', '.join(arguments)})", imports
