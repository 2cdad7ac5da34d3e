"""What a program finds in the place of what it must not have: data sets, weights, GPUs, a network and Lightning."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from headlint.zoo.generator.offline import RANDOM_INITIALISERS, NoWeights, no_downloads

# Weights larger than this share one pool of random numbers while a builder makes them.
POOLED = 1 << 14
_pool = [torch.randn(1 << 22) * 0.03]


def _filled(tensor: Tensor, *_: object, **__: object) -> Tensor:
    if len(_pool[0]) < tensor.numel():
        _pool[0] = _pool[0].repeat(-(-tensor.numel() // len(_pool[0])))
    values = _pool[0][: tensor.numel()].view(tensor.shape)
    with torch.no_grad():
        if tensor.numel() < POOLED or not tensor.is_contiguous():
            return tensor.copy_(values)
        tensor.data = values
    return tensor


def _zeros_if_small(tensor: Tensor) -> Tensor:
    with torch.no_grad():
        return _filled(tensor) if tensor.numel() >= POOLED else tensor.zero_()


@contextmanager
def quick_weights() -> Iterator[None]:
    """While it lasts, layers get their random numbers from one pool."""
    with ExitStack() as stack:
        # Zeros would be written into the pool, and weights that were trained are none.
        stack.enter_context(patch.object(nn.init, "zeros_", _zeros_if_small))
        for module in (nn.init, nn.modules.activation):
            for name in RANDOM_INITIALISERS:
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, _filled))
        yield


def quick(build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """A builder that makes what it makes quickly, and with weights where there are none to be had."""

    def made(*args: Any, **kwargs: Any) -> nn.Module:
        with quick_weights(), no_downloads():
            model = build(*args, **kwargs)
        _train_a_little(model)
        _look_at_small_pictures(model)
        return model

    return made


def _train_a_little(model: nn.Module) -> None:
    """No weight that was trained is zero throughout, as some are in a new model."""
    for parameter in model.parameters():
        if parameter.ndim > 1 and not parameter.flatten()[:64].any() and not parameter.any():
            _filled(parameter)


def _look_at_small_pictures(model: nn.Module) -> None:
    """Let a detector take pictures as small as they are here, and look at few regions: its layers are the same."""
    details: Any = model
    if hasattr(model, "transform") and not getattr(details.transform, "fixed_size", None):
        details.transform.min_size, details.transform.max_size = (64,), 64
    if hasattr(model, "rpn"):
        for counts in (details.rpn._pre_nms_top_n, details.rpn._post_nms_top_n):
            counts.update(dict.fromkeys(counts, 8))
    if hasattr(model, "roi_heads"):
        details.roi_heads.detections_per_img = 4


class Data:
    """A data set of which only its classes are known; every sample is made where it is wanted."""

    def __init__(self, *_: object, **__: object) -> None:
        self.classes = ["ant", "bee", "wasp"]
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return 2


def loader_class(batch: Callable[[], Any]) -> type:
    """A `DataLoader` that gives the same batch once."""

    class DataLoader:
        def __init__(self, dataset: Any = None, *_: object, **__: object) -> None:
            self.dataset = Data() if dataset is None else dataset

        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[Any]:
            yield batch()

    return DataLoader


def lightning() -> ModuleType:
    """What stands for `pytorch_lightning`: a trainer that runs one batch as the real one would."""

    class LightningModule(nn.Module):
        current_epoch = 0

        def save_hyperparameters(self, *_: object, **__: object) -> None:
            frame = sys._getframe(1)
            values = {name: value for name, value in frame.f_locals.items() if name not in ("self", "__class__")}
            object.__setattr__(self, "hparams", SimpleNamespace(**values))

        def log(self, *_: object, **__: object) -> None:
            pass

        log_dict = log

        def freeze(self) -> None:
            self.requires_grad_(False)
            self.eval()

    class Trainer:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def fit(self, model: Any, loader: Any) -> None:
            made = model.configure_optimizers()
            optimizer = made["optimizer"] if isinstance(made, dict) else made
            optimizer = optimizer[0][0] if isinstance(optimizer, tuple) else optimizer
            nn.Module.train(model, True)
            for index, batch in enumerate(loader):
                loss = model.training_step(batch, index)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    module = ModuleType("pytorch_lightning")
    vars(module).update(LightningModule=LightningModule, Trainer=Trainer, seed_everything=lambda *_, **__: None)
    return module


def hub_load(builders: dict[str, Callable[..., nn.Module]]) -> Callable[..., nn.Module]:
    """`torch.hub.load` for the models of torchvision."""

    def load(_: str, name: str, *args: Any, **kwargs: Any) -> nn.Module:
        return builders[name](*args, **kwargs)

    return load


def saved(*_: object, **__: object) -> NoWeights:
    """`torch.load`: whatever was saved fits."""
    return NoWeights()


def blocked(event: str, _: Any) -> None:
    """An audit hook: nothing reaches for the network."""
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request", "subprocess.Popen", "os.system"):
        raise PermissionError(f"programs under comparison do not get {event}")
