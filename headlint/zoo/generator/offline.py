"""torchvision's builders without network, without random numbers and without compiled operators."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

# Smaller tensors are zeroed in place; larger ones alias the pool and cost no memory.
POOLED_ELEMENTS = 1 << 14

RANDOM_INITIALISERS = (
    "uniform_",
    "normal_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
)

# Declarations hold as long as the object that made them.
_declared: list[object] = []


def load_torchvision() -> None:
    """Import torchvision, declaring first the operators it names when its compiled library does not load.

    That is so for a CPU torch beside a torchvision built for CUDA: the import registers a fake kernel for
    `torchvision::nms` and fails if nobody declared it.
    """
    if "torchvision" not in sys.modules and not _compiled_operators_load():
        torch_library: Any = torch.library
        library = torch_library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)
    import_module("torchvision")


def _compiled_operators_load() -> bool:
    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("No module named 'torchvision'")
    operators: Any = torch.ops
    for library in (*Path(spec.origin).parent.glob("_C*.so"), *Path(spec.origin).parent.glob("_C*.pyd")):
        try:
            operators.load_library(library)
        except OSError:
            continue
        return True
    return False


@contextmanager
def zero_weights() -> Iterator[None]:
    """While it lasts, what would be initialised at random is zero, and large tensors share one mapping of zeros."""
    pool: dict[torch.dtype, Tensor] = {}

    def zero(tensor: Tensor, *_: object, **__: object) -> Tensor:
        with torch.no_grad():
            if tensor.numel() < POOLED_ELEMENTS or not tensor.is_contiguous():
                return tensor.zero_()
            zeros = pool.get(tensor.dtype)
            if zeros is None or zeros.numel() < tensor.numel():
                zeros = pool[tensor.dtype] = torch.zeros(max(tensor.numel(), 1 << 24), dtype=tensor.dtype)
            tensor.data = zeros[: tensor.numel()].view(tensor.shape)
        return tensor

    with _patched_initialisers(zero):
        yield


@contextmanager
def _patched_initialisers(replacement: Callable[..., Tensor]) -> Iterator[None]:
    patches = [
        patch.object(module, name, replacement)
        for module in (nn.init, nn.modules.activation)
        for name in RANDOM_INITIALISERS
        if hasattr(module, name)
    ]
    for started in patches:
        started.start()
    try:
        yield
    finally:
        for started in patches:
            started.stop()


class NoWeights(dict[str, Tensor]):
    """What stands for downloaded weights: `load_state_dict` leaves the model alone when it is given this."""


@contextmanager
def no_downloads() -> Iterator[None]:
    """While it lasts, weights are an empty stand-in, so that builders make the structure that weights impose."""
    from torchvision.models import WeightsEnum

    load_state_dict = nn.Module.load_state_dict

    def load(self: nn.Module, state_dict: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(state_dict, NoWeights):
            return None
        return load_state_dict(self, state_dict, *arguments, **options)

    with (
        patch.object(WeightsEnum, "get_state_dict", lambda *_, **__: NoWeights()),
        patch.object(nn.Module, "load_state_dict", load),
    ):
        yield


def build(name: str, **arguments: Any) -> nn.Module:
    """The model that the registered builder makes, in eval mode, with zero weights."""
    from torchvision.models import get_model_builder

    with warnings.catch_warnings(), zero_weights(), no_downloads():
        warnings.simplefilter("ignore")
        model: nn.Module = get_model_builder(name)(**arguments)
    return model.eval()
