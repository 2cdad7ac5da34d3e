"""torch and torchvision as an experiment uses them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from .operators import substitute_operators
from .standins import opaque_class, wrapper_class


class Libraries:
    """torch and torchvision, imported once, and what is looked up in them once."""

    def __init__(self, torch: Any, torchvision: Any) -> None:
        self.torch = torch
        self.torchvision = torchvision
        self.nn = torch.nn
        self.builders = frozenset(torchvision.models.list_models())
        self.internals = frozenset(vars(torch.nn.Module())) - {"training"}
        self.random_inits = find_random_inits(torch)
        self.regions = None if torchvision.extension._has_ops() else substitute_operators(torch)
        self.optimizers = {name: vars(torch.optim)[name] for name in OPTIMIZERS}
        spare_compiler(torch)
        self.opaque = opaque_class(torch)
        self.wrappers = {name: wrapper_class(torch, name) for name in ("DataParallel", "DistributedDataParallel")}

    @contextlib.contextmanager
    def regions_for_backward(self) -> Iterator[None]:
        """Within, detection models run an RoIAlign that backward can run through."""
        switch = self.regions or (lambda backward: None)
        switch(True)
        try:
            yield
        finally:
            switch(False)


RANDOM_INITS = (
    "uniform_",
    "normal_",
    "trunc_normal_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "zeros_",
)


# The optimizers that take nothing but parameters and a learning rate, with how many tensors they keep for each.
OPTIMIZERS = {
    "SGD": 0,
    "Adadelta": 2,
    "Adagrad": 1,
    "Adam": 2,
    "Adamax": 2,
    "AdamW": 2,
    "ASGD": 1,
    "NAdam": 2,
    "RAdam": 2,
    "RMSprop": 1,
    "Rprop": 2,
}


def spare_compiler(torch: Any) -> None:
    """Let optimizers be made without the second it takes to import torch's compiler, only to switch it off."""
    adding = torch.optim.Optimizer.add_param_group
    torch.optim.Optimizer.add_param_group = getattr(adding, "__wrapped__", adding)


def find_random_inits(torch: Any) -> list[tuple[dict[str, Any], str, Any]]:
    """Every place where torch or torchvision looks up a function that fills a whole tensor."""
    originals = {name: getattr(torch.nn.init, name) for name in RANDOM_INITS}
    places: list[tuple[dict[str, Any], str, Any]] = []
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith(("torch.nn.", "torchvision.")):
            names = vars(module)
            places.extend((names, name, f) for name, f in originals.items() if names.get(name) is f)
    return places
