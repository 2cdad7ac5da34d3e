"""Modules that stand in for what is not understood, and for wrappers that need devices."""

from __future__ import annotations

from typing import Any


class OpaqueReached(Exception):
    """A replay or a forward came to something whose inside is not understood."""


def opaque_class(torch: Any) -> Any:
    """A module that can stand anywhere: it has one parameter, and whoever calls it or looks into it ends there.

    What was put into it is known. A `Program` as its own attribute `forward` makes it known what calling it does.
    """

    def initialise(self: Any) -> None:
        torch.nn.Module.__init__(self)
        self._parameters["opaque"] = torch.nn.Parameter(torch.zeros(1))

    def reached(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise OpaqueReached

    def missing(self: Any, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return torch.nn.Module.__getattr__(self, name)
        except AttributeError:
            raise OpaqueReached from None

    def remove(self: Any, name: str) -> None:
        if name not in self._modules:
            raise OpaqueReached
        torch.nn.Module.__delattr__(self, name)

    ends = ("forward", "__iter__", "__len__", "__getitem__", "__setitem__", "__delitem__")
    members = {"__init__": initialise, "__getattr__": missing, "__delattr__": remove, "__bool__": lambda self: True}
    return type("Opaque", (torch.nn.Module,), {**members, **dict.fromkeys(ends, reached)})


# What wrappers give their instances, beyond what stands in their classes, where there are devices and processes.
WRAPPER_ATTRIBUTES = frozenset(
    "device_ids output_device dim src_device_obj device device_type process_group reducer logger broadcast_buffers"
    " bucket_bytes_cap find_unused_parameters gradient_as_bucket_view static_graph require_backward_grad_sync"
    " require_forward_param_sync mixed_precision parameters_to_ignore is_multi_device_module".split()
)


def wrapper_class(torch: Any, name: str) -> Any:
    """What DataParallel and its kin are on one CPU, without devices or process groups: they call `module`."""
    original = getattr(torch.nn.parallel, name, None)

    def initialise(self: Any, module: Any) -> None:
        torch.nn.Module.__init__(self)
        self.module = module

    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def missing(self: Any, attribute: str) -> Any:
        if attribute in WRAPPER_ATTRIBUTES or hasattr(original, attribute):
            raise OpaqueReached
        return torch.nn.Module.__getattr__(self, attribute)

    members = {"__init__": initialise, "forward": forward, "__getattr__": missing}
    return type(name, (torch.nn.Module,), members)
