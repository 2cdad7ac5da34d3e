"""What autograd recorded of a forward, without running backward."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

from .tensors import tensors_in


def used_parameters(output: Any) -> set[int]:
    """Identities of the parameters that a gradient from `output` reaches, found by walking the graph.

    What a backward pass would do, without its numbers: its leaves are the AccumulateGrad nodes.
    """
    found = set()
    nodes = []
    for tensor in tensors_in(output):
        if tensor.grad_fn is not None:
            nodes.append(tensor.grad_fn)
        elif tensor.requires_grad:
            found.add(id(tensor))
    seen = set(nodes)
    while nodes:
        node = nodes.pop()
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.add(id(variable))
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return found


def never_unpacked(*_: Any) -> Any:
    """Nothing runs backward behind this forward, so nothing asks for what it would have saved."""
    raise RuntimeError("no backward pass runs behind this forward")


@contextlib.contextmanager
def plain_checkpoints(torch: Any) -> Iterator[None]:
    """Within, checkpointed parts run as usual: checkpoints hide parameters from the graph and save nothing here."""
    module: Any = importlib.import_module("torch.utils.checkpoint")
    original = module.checkpoint
    module.checkpoint = lambda function, *args, **kwargs: function(*args)
    try:
        yield
    finally:
        module.checkpoint = original
