"""Whether a part of a model, or a chain around one, gives the same for whatever it gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def is_constant(part: nn.Module, shape: Sequence[int], models: Iterable[nn.Module]) -> bool:
    """Whether it is the same for random numbers of this shape; False where it raises.

    What comes of one of the models in it is random, too: without trained weights little of a picture arrives there.
    """
    hooks = [model.register_forward_hook(_random) for model in models]
    try:
        with torch.no_grad():
            values = torch.cat([part(torch.randn(tuple(shape)) * 4) for _ in range(3)])
    except Exception:
        return False
    finally:
        for hook in hooks:
            hook.remove()
    return bool((values == values[:1]).all())


def _random(module: nn.Module, given: Any, result: Any) -> Any:
    return torch.randn_like(result) * 4 if isinstance(result, Tensor) else result
