"""The worker: the process that has torch. It replays recipes on real models and says what happened.

One self-contained file, run by the user's Python (3.8 or newer) as `python -I worker.py [DIRECTORY] [PARENT]`:
nothing of headlint is imported, and torch comes in only when the process serves. One line of JSON in, one
line of JSON out:

    -> {"hello": 1, "python": "3.11.7", "torch": "2.13.0", "torchvision": "0.28.0"}   or {"unavailable": "..."}
    <- {"id": 1, "recipe": {...}, "timeout": 30.0, "memory": 2147483648}
    -> {"id": 1, "observation": {...}}             or {"id": 1, "failed": "...", "kind": "memory"}

A recipe names torchvision builders, `torch.nn` layers and functions of torch from closed lists and gives them plain
values. It is read as data: what is not on the lists is refused before anything runs.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import math
import mmap
import operator
import os
import queue
import re
import select
import shutil
import signal
import site
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

WORKER_VERSION = 1
RECIPE_FORMAT = 1
OLDEST_TORCH = (2, 0)

if TYPE_CHECKING:
    Json = Any
    Ref = tuple[int, str]


class NoObservation(Exception):
    """The experiment says nothing about the code: `kind` is refused, memory, time, crash or environment."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = one_line(reason)


def one_line(text: str, limit: int = 300) -> str:
    """Text on one line, cut where it gets long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def refuse(reason: str) -> NoObservation:
    """A recipe that is not replayed, however often it is asked for."""
    return NoObservation("refused", reason)


def brief(value: object) -> str:
    """A value out of a recipe, as a reason may quote it."""
    return f"{value!r:.60}"


def gigabytes(size: float) -> str:
    """A number of bytes as people read it."""
    return f"{size / 1e9:.1f} GB"


# -- The libraries ----------------------------------------------------------------------------------------


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


def append_user_site() -> None:
    """Give back the user's own site-packages, which `-I` removed and an ordinary start would have had."""
    if sys.prefix == sys.base_prefix:
        directory = site.getusersitepackages()
        if os.path.isdir(directory) and directory not in sys.path:
            sys.path.append(directory)


BLOCKED_FROM_THE_START = frozenset(
    (
        "urllib.Request",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
    )
)
BLOCKED_ONCE_IMPORTED = frozenset(
    ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn")
)


class Guard:
    """The audit hook: no network ever, and no other programs once the libraries are in."""

    def __init__(self) -> None:
        self.attempt: str | None = None
        self.blocked = BLOCKED_FROM_THE_START

    def __call__(self, event: str, arguments: Any) -> None:
        if event in self.blocked:
            self.attempt = event
            raise PermissionError("headlint's worker does not allow " + event)


GUARD = Guard()


class DeferredCompiler(importlib.machinery.SourceFileLoader):
    """Loads `torchvision.ops.roi_align` without the second it takes to import torch's compiler.

    That module imports `torch._dynamo` only to ask it one question when RoIAlign runs, so the import waits
    until then. A version that does not have exactly this line is loaded as it is.
    """

    LINE = "from torch._dynamo.utils import is_compile_supported\n"
    LATER = (
        "def is_compile_supported(device_type):"
        " from torch._dynamo.utils import is_compile_supported as ask; return ask(device_type)\n"
    )

    def get_code(self, fullname: str) -> Any:
        """The module's code, with the one line put off."""
        path = self.get_filename(fullname)
        source = importlib.util.decode_source(self.get_data(path))
        if source.count(self.LINE) != 1:
            return super().get_code(fullname)
        return compile(source.replace(self.LINE, self.LATER), path, "exec", dont_inherit=True)


class TorchvisionFinder(importlib.abc.MetaPathFinder):
    """Steps in at two modules while torchvision is imported, and leaves every other import alone."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """The spec of `torchvision.ops.roi_align`; None for whatever else, which is then found as usual."""
        if fullname == "torchvision._meta_registrations":
            declare_missing_operators()
        if fullname != "torchvision.ops.roi_align":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = DeferredCompiler(spec.loader.name, spec.loader.path)
        return spec


def declare_missing_operators() -> None:
    """Declare the operators without which torchvision does not import, if it could not load its own.

    A torchvision wheel built for CUDA beside a CPU torch cannot load them, and then its next module fails on
    "operator torchvision::nms does not exist" although few models ever use one.
    """
    torch: Any = sys.modules["torch"]
    if not importlib.import_module("torchvision.extension")._has_ops():
        torch._headlint_library = library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def substitute_operators(torch: Any) -> Callable[[bool], None] | None:
    """Let detection models run without compiled operators, on exact equivalents in torch.

    Where no backward runs, all the graph needs of RoIAlign is the edge to its input. What is returned switches to
    an RoIAlign that can run backward, and back; None if there is nothing to substitute.
    """
    boxes: Any = sys.modules.get("torchvision.ops.boxes")
    module: Any = sys.modules.get("torchvision.ops.roi_align")
    if boxes is None or not hasattr(module, "_roi_align") or not hasattr(module, "is_compile_supported"):
        return None

    def align(features: Any, regions: Any, *rest: Any) -> Any:
        pieces = [aligned_regions(torch, features, piece, *rest) for piece in regions.split(64)]
        return torch.cat(pieces) if pieces else aligned_regions(torch, features, regions, *rest)

    def forward(ctx: Any, *arguments: Any) -> Any:
        return align(*arguments)

    members = {"forward": staticmethod(forward), "backward": staticmethod(never_unpacked)}
    function: Any = type("RoIAlign", (torch.autograd.Function,), members)

    def switch(backward: bool) -> None:
        module._roi_align = align if backward else function.apply

    switch(backward=False)
    module.is_compile_supported = lambda device_type: True
    boxes.nms = lambda boxes, scores, iou_threshold: suppressed(torch, boxes, scores, iou_threshold)
    return switch


def aligned_regions(
    torch: Any, features: Any, regions: Any, scale: float, height: int, width: int, ratio: int, aligned: bool
) -> Any:
    """RoIAlign of `features` (N, C, H, W) in `regions` (K, 5): batch number and corners; (K, C, height, width)."""
    if ratio <= 0:
        raise NotImplementedError("Couldn't load custom C++ ops: there is no roi_align with adaptive sampling")
    corners = regions[:, 1:].view(-1, 2, 2).flip(2) * scale - (0.5 if aligned else 0.0)
    start, size = corners[:, 0], corners[:, 1] - corners[:, 0]
    if not aligned:
        size = size.clamp(min=1.0)

    def neighbours(axis: int, bins: int) -> list[tuple[Any, Any]]:
        """For every sample along an axis, the two pixels around it and their weights."""
        last = features.shape[2 + axis] - 1
        steps = torch.arange(bins).repeat_interleave(ratio) + (torch.arange(ratio) + 0.5).repeat(bins) / ratio
        points = start[:, axis, None] + steps * size[:, axis, None] / bins
        inside = (points >= -1.0) & (points <= last + 1.0)
        points = points.clamp(0.0, last)
        low = points.long()
        share = points - low
        return [(low, (1 - share) * inside), ((low + 1).clamp(max=last), share * inside)]

    pixels = features.permute(0, 2, 3, 1).contiguous()
    batch = regions[:, 0].long()[:, None, None]
    total: Any = 0
    for rows, row_weights in neighbours(0, height):
        for columns, column_weights in neighbours(1, width):
            weights = row_weights[:, :, None] * column_weights[:, None, :]
            total = total + pixels[batch, rows[:, :, None], columns[:, None, :]] * weights[..., None]
    cells = total.view(len(regions), height, ratio, width, ratio, features.shape[1])
    return cells.mean((2, 4)).permute(0, 3, 1, 2)


def suppressed(torch: Any, boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of the boxes that greedy non-maximum suppression keeps, best first."""
    boxes = boxes.detach()
    kept = boxes.new_empty((0,), dtype=torch.int64)

    def covers(these: Any, those: Any) -> Any:
        """Which of these boxes overlap which of those by more than the threshold."""
        first, second = boxes[these][:, None], boxes[those][None, :]
        sides = torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
        shared = sides.clamp(min=0).prod(-1)
        areas = [(box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]) for box in (first, second)]
        return shared / (areas[0] + areas[1] - shared) > iou_threshold

    for block in scores.detach().sort(stable=True, descending=True)[1].split(1000):
        block = block[~covers(kept, block).any(0)]
        better_covers = covers(block, block).triu(1)
        # A box stays if no better one that stays covers it: repeating this settles the best boxes first.
        stays, before = torch.ones_like(block, dtype=torch.bool), None
        while before is None or not torch.equal(stays, before):
            before, stays = stays, ~(better_covers & stays[:, None]).any(0)
        kept = torch.cat((kept, block[stays]))
    return kept


def import_libraries() -> Libraries:
    """Import torch and torchvision, once; NoObservation says why that is not possible."""
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) is None:
            raise NoObservation("environment", name + " is not installed")
    try:
        torch = importlib.import_module("torch")
        version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
        if version < OLDEST_TORCH:
            raise NoObservation("environment", f"torch {torch.__version__} is too old, 2.0 is the oldest")
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        finder = TorchvisionFinder()
        sys.meta_path.insert(0, finder)
        try:
            torchvision = importlib.import_module("torchvision")
        finally:
            sys.meta_path.remove(finder)
        return Libraries(torch, torchvision)
    except NoObservation:
        raise
    except Exception as error:
        raise NoObservation(
            "environment", f"torch and torchvision do not import: {type(error).__name__}: {error}"
        ) from error


# -- Stand-ins --------------------------------------------------------------------------------------------


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


def is_whole(value: Any) -> bool:
    """Whether a plain value is a whole number."""
    return type(value) is int


def are_whole(value: Any) -> bool:
    """Whether a plain value is a sequence of whole numbers, at least one."""
    return isinstance(value, tuple) and len(value) > 0 and all(map(is_whole, value))


def is_axis(value: Any) -> bool:
    """Whether a plain value is an axis, or several."""
    return is_whole(value) or are_whole(value)


def is_size(value: Any) -> bool:
    """Whether a plain value is a size of pictures, of which adaptive pools may leave a side open."""
    return is_whole(value) or (isinstance(value, tuple) and all(side is None or is_whole(side) for side in value))


def is_flag(value: Any) -> bool:
    """Whether a plain value is true or false."""
    return type(value) is bool


def is_number(value: Any) -> bool:
    """Whether a plain value is a number."""
    return type(value) in (int, float)


class Kind:
    """A function that a forward may apply to tensors: the arguments it may have, and those it must have.

    `source` says where it is looked up: in torch, in torch.nn.functional, in torch.Tensor, or in Python's operator.
    """

    def __init__(
        self,
        source: str,
        arguments: dict[str, Callable[[Any], bool]] | None = None,
        required: Sequence[str] = (),
        name: str | None = None,
    ) -> None:
        self.source = source
        self.arguments = arguments or {}
        self.required = required
        self.name = name

    def function(self, torch: Any, kind: str) -> Any:
        """The function itself."""
        functional = torch.nn.functional
        home = {"torch": torch, "functional": functional, "tensor": torch.Tensor, "operator": operator}[self.source]
        return getattr(home, self.name or kind)


REDUCTION: dict[str, Callable[[Any], bool]] = {"dim": is_axis, "keepdim": is_flag}
POOL: dict[str, Callable[[Any], bool]] = {"kernel_size": is_axis, "stride": is_axis}
KINDS = {
    "flatten": Kind("torch", {"start_dim": is_whole, "end_dim": is_whole}),
    "reshape": Kind("tensor", {"sizes": are_whole}, ["sizes"]),
    "mean": Kind("torch", REDUCTION),
    "sum": Kind("torch", REDUCTION),
    "amax": Kind("torch", REDUCTION),
    # Of what `max` gives along an axis only the values count.
    "max": Kind("torch", REDUCTION, name="amax"),
    "cat": Kind("torch", {"dim": is_whole}),
    # Python's operators do for tuples what the code does, where torch's functions would raise.
    "add": Kind("operator", {"value": is_number}),
    "sub": Kind("operator", {"value": is_number}),
    "mul": Kind("operator", {"value": is_number}),
    "div": Kind("operator", {"value": is_number}, name="truediv"),
    "relu": Kind("torch"),
    "gelu": Kind("functional"),
    "silu": Kind("functional"),
    "sigmoid": Kind("torch"),
    "tanh": Kind("torch"),
    "softmax": Kind("functional", {"dim": is_whole}),
    "log_softmax": Kind("functional", {"dim": is_whole}),
    "normalize": Kind("functional", {"p": is_number, "dim": is_axis}),
    "dropout": Kind("functional", {"p": is_number}),
    "adaptive_avg_pool2d": Kind("functional", {"output_size": is_size}, ["output_size"]),
    "adaptive_max_pool2d": Kind("functional", {"output_size": is_size}, ["output_size"]),
    "avg_pool2d": Kind("functional", POOL, ["kernel_size"]),
    "max_pool2d": Kind("functional", POOL, ["kernel_size"]),
    "squeeze": Kind("torch", {"dim": is_axis}),
    "unsqueeze": Kind("torch", {"dim": is_whole}, ["dim"]),
    "permute": Kind("torch", {"dims": are_whole}, ["dims"]),
    "transpose": Kind("torch", {"dim0": is_whole, "dim1": is_whole}, ["dim0", "dim1"]),
    "contiguous": Kind("tensor"),
}


class Operation:
    """One step of a program: what it does with which values.

    `called` is the module that it calls, None for a function, and `places` is where that stood in the object.
    """

    def __init__(self, kind: str, inputs: list[int], arguments: dict[str, Any]) -> None:
        self.kind = kind
        self.inputs = inputs
        self.arguments = arguments
        self.called: Any = None
        self.places: list[str] = []


class Program:
    """What a forward of the user's own does. Value 0 is its input, and each operation gives the next value."""

    def __init__(self, torch: Any, owner: Any, operations: list[Operation]) -> None:
        self.torch = torch
        self.owner = owner
        self.operations = operations
        self.last_use = {number: i for i, operation in enumerate(operations) for number in operation.inputs}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs:
            raise OpaqueReached
        values: dict[int, Any] = {0: args[0]}
        result = args[0]
        for i, operation in enumerate(self.operations):
            inputs = [values[number] for number in operation.inputs]
            result = values[i + 1] = self.apply(operation, inputs)
            # Activations that nothing takes any more go at once, as they do in Python.
            for number in {*operation.inputs, i + 1}:
                if self.last_use.get(number, i) <= i:
                    del values[number]
        return result

    def apply(self, operation: Operation, inputs: list[Any]) -> Any:
        """The value that one operation gives."""
        if operation.called is not None:
            return self.standing(operation)(*inputs)
        kind, arguments = operation.kind, operation.arguments
        function = KINDS[kind].function(self.torch, kind)
        if kind == "dropout":
            return function(inputs[0], training=self.owner.training, **arguments)
        if kind == "reshape":
            sizes = [inputs[0].size(0) if size == 0 else size for size in arguments["sizes"]]
            return function(inputs[0], sizes)
        if kind == "cat":
            return function(inputs, **arguments)
        if kind in ("add", "sub", "mul", "div"):
            return function(*inputs, *arguments.values())
        return function(inputs[0], **arguments)

    def standing(self, operation: Operation) -> Any:
        """The module that stands now where the one to call stood: forward reads its attributes when it runs."""
        if not operation.places:
            return operation.called
        now = [self.at(place) for place in operation.places]
        if now[0] is None or any(module is not now[0] for module in now):
            raise OpaqueReached
        return now[0]

    def at(self, place: str) -> Any:
        """The module that stands at a place in the object, None if none does."""
        module = self.owner
        for name in place.split("."):
            module = None if module is None else module._modules.get(name)
        return module

    def entrance(self) -> Any:
        """The module that takes the input as it is, None if it is a function that takes it."""
        first = next((operation for operation in self.operations if 0 in operation.inputs), None)
        return first.called if first is not None and first.inputs == [0] else None


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


class DownloadReached(Exception):
    """A builder raised nothing of its own before it asked for its weights."""


class NoState(dict):  # type: ignore[type-arg]
    """The weights that are never downloaded: `load_state_dict` takes them and does nothing."""


# -- Building without paying for random numbers -----------------------------------------------------------


class ZeroPool:
    """One private zero mapping that every large parameter of a builder's model shares.

    Nobody asks for the values, so memory that is never written costs nothing and initialisation no time.
    """

    LARGE = 4096
    FIRST = 16 << 20

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.flat: Any = None
        self.addresses: list[int] = []

    def zeros(self, count: int) -> Any:
        """So many zeros, from a mapping that is as large as anybody has needed."""
        if self.flat is None or count > len(self.flat):
            size = max(count, self.FIRST)
            if hasattr(mmap, "MAP_PRIVATE"):
                mapping = mmap.mmap(-1, 4 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                self.flat = self.torch.frombuffer(mapping, dtype=self.torch.float32)
            else:
                self.flat = self.torch.zeros(size)
            self.addresses.append(self.flat.data_ptr())
        return self.flat[:count]

    def renew(self) -> None:
        """Share another mapping from now on."""
        self.flat = None
        self.addresses = []

    def holds(self, tensor: Any) -> bool:
        """Whether this tensor is a view of the pool."""
        return tensor.numel() >= self.LARGE and tensor.data_ptr() in self.addresses

    def blank(self, tensor: Any) -> Any:
        """Make `tensor` zero: a view of the pool where it is large."""
        torch = self.torch
        count = tensor.numel()
        if count >= self.LARGE and tensor.dtype is torch.float32 and not tensor._is_view():
            tensor.data = self.zeros(count).view(tensor.shape)
            return tensor
        with torch.no_grad():
            return tensor.zero_()


@contextlib.contextmanager
def replaced_inits(libraries: Libraries, replacement: Callable[[Any], Any]) -> Iterator[None]:
    """Within, every random initialisation is `replacement(tensor)`."""

    def instead(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return replacement(tensor)

    for names, name, _ in libraries.random_inits:
        names[name] = instead
    try:
        yield
    finally:
        for names, name, original in libraries.random_inits:
            names[name] = original


@contextlib.contextmanager
def weights_without_download(libraries: Libraries) -> Iterator[None]:
    """Within, a builder that asks for weights gets the structure they impose, and no numbers."""
    weights_enum = libraries.torchvision.models.WeightsEnum
    module = libraries.nn.Module
    get, load = weights_enum.get_state_dict, module.load_state_dict

    def load_unless_empty(self: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        return None if isinstance(state, NoState) else load(self, state, *args, **kwargs)

    weights_enum.get_state_dict = lambda self, *args, **kwargs: NoState()
    module.load_state_dict = load_unless_empty
    try:
        yield
    finally:
        weights_enum.get_state_dict, module.load_state_dict = get, load


@contextlib.contextmanager
def weights_out_of_reach(libraries: Libraries) -> Iterator[None]:
    """Within, a builder that comes to the point of downloading its weights ends there."""

    def reached(*args: Any, **kwargs: Any) -> Any:
        raise DownloadReached

    weights_enum = libraries.torchvision.models.WeightsEnum
    get = weights_enum.get_state_dict
    weights_enum.get_state_dict = reached
    try:
        yield
    except Exception:
        if GUARD.attempt is None:
            raise
        GUARD.attempt = None
        raise DownloadReached from None
    finally:
        weights_enum.get_state_dict = get


# -- Reading a recipe -------------------------------------------------------------------------------------

MOST_OPERATIONS = 64
MOST_PARTS = 64
CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "DataParallel", "DistributedDataParallel")
PARTS = frozenset(
    (
        "detection.faster_rcnn.FastRCNNPredictor",
        "detection.keypoint_rcnn.KeypointRCNNPredictor",
        "detection.mask_rcnn.MaskRCNNPredictor",
        "detection.retinanet.RetinaNetClassificationHead",
        "googlenet.InceptionAux",
        "inception.InceptionAux",
        "segmentation.deeplabv3.DeepLabHead",
        "segmentation.fcn.FCNHead",
        "segmentation.lraspp.LRASPPHead",
    )
)
USES: dict[str, frozenset[str]] = {
    "loss": frozenset(
        (
            "BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss KLDivLoss L1Loss MSELoss MultiLabelSoftMarginLoss"
            " NLLLoss SmoothL1Loss"
        ).split()
    ),
    "function": frozenset(
        "argmax exp flatten log log_softmax max mean relu round sigmoid softmax squeeze sum topk".split()
    ),
}
NOT_FOR_LAYERS = frozenset(("device", "dtype", "backend", "rank"))
NOT_FOR_BUILDERS = frozenset(("weights", "weights_backbone", "pretrained", "pretrained_backbone"))


class Recipe:
    """Looks at a recipe before anything runs: every name and value in it is from the closed lists."""

    def __init__(self, libraries: Libraries, data: Json) -> None:
        self.libraries = libraries
        if not isinstance(data, dict) or data.get("format") != RECIPE_FORMAT:
            raise refuse(f"the recipe is not of format {RECIPE_FORMAT}")
        self.events: list[dict[str, Any]] = self.list_of(data.get("events"), "events")
        for event in self.events:
            do = event.get("do") if isinstance(event, dict) else event
            checker = self.CHECKS.get(do) if isinstance(do, str) else None
            if checker is None:
                raise refuse("unknown event " + brief(do))
            checker(self, event)
        self.model = self.ref(data.get("model"))
        self.watch = [self.ref(item) for item in self.list_of(data.get("watch", []), "watch")]
        self.input = self.shape(data.get("input"))
        self.train, self.values, self.devices = (data.get(name) is True for name in ("train", "values", "devices"))
        self.no_grad = data.get("no_grad") is True
        self.arrivals = [self.pair(item) for item in self.list_of(data.get("arrivals", []), "arrivals")]
        self.named = None if data.get("named") is None else self.ref(data["named"])
        self.uses = [self.use(item) for item in self.list_of(data.get("uses", []), "uses")]
        self.train_input = self.shape(data.get("train_input", self.input))
        if self.train and self.train_input is None:
            raise refuse("a training step without an input")

    @staticmethod
    def list_of(value: Json, what: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise refuse(f"{what} is no list")
        return value

    def pair(self, value: Json) -> tuple[Ref, Ref]:
        """A module that is run, and one in it."""
        if isinstance(value, list) and len(value) == 2:
            return self.ref(value[0]), self.ref(value[1])
        raise refuse(f"{brief(value)} is no pair of modules")

    def use(self, value: Json) -> tuple[str, str]:
        """What is to be tried on an output: a loss, a function, or an attribute."""
        if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
            how, name = value
            if (how == "attribute" and self.name(name)) or name in USES.get(how, ()):
                return how, name
        raise refuse(f"{brief(value)} is no use of an output")

    def shape(self, value: Json) -> list[int] | None:
        """The shape of an input, if there is one."""
        if value is None:
            return None
        shape = self.list_of(value, "input")
        if not 1 <= len(shape) <= 8 or not all(type(n) is int and n > 0 for n in shape):
            raise refuse(f"the input {brief(shape)} is no shape")
        return shape

    @staticmethod
    def object_number(value: Json) -> int:
        """The number of an object."""
        if type(value) is not int or value < 0:
            raise refuse(f"{brief(value)} is no object number")
        return value

    def ref(self, value: Json) -> Ref:
        """A module or parameter reference: object number and path."""
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], str):
            raise refuse(f"{brief(value)} is no reference")
        return self.object_number(value[0]), value[1]

    def name(self, value: Json, digits: bool = False) -> str:
        """An attribute name that an ordinary program may write; no dunder, nothing of the machinery of Module."""
        if isinstance(value, str):
            if digits and re.match(r"-?[0-9]{1,9}\Z", value):
                return value
            if value.isidentifier() and not value.startswith("__") and value not in self.libraries.internals:
                return value
        raise refuse(f"{brief(value)} is no name that can be replayed")

    def plain(self, value: Json) -> Any:
        """A plain value; lists become tuples, as code writes sizes."""
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, (int, float)):
            if abs(value) > 1e18 and not math.isinf(value):
                raise NoObservation("memory", f"{brief(value)} is too large a number")
            return value
        if isinstance(value, list):
            return tuple(self.plain(item) for item in value)
        raise refuse(f"{brief(value)} is no plain value")

    def arguments(self, event: dict[str, Any], without: frozenset[str]) -> dict[str, Any]:
        """Keyword arguments."""
        given = event.get("arguments", {})
        if not isinstance(given, dict):
            raise refuse("arguments are no mapping")
        for name in given:
            if not name.isidentifier() or name.startswith("__") or name in without:
                raise refuse(f"the argument {brief(name)} cannot be replayed")
        return {name: self.plain(value) for name, value in given.items()}

    def check_build(self, event: dict[str, Any]) -> None:
        """A builder of torchvision's own list."""
        self.object_number(event.get("object"))
        builder = event.get("builder")
        if not isinstance(builder, str) or builder not in self.libraries.builders:
            version = self.libraries.torchvision.__version__
            raise refuse(f"unknown builder {brief(builder)} in torchvision {version}")
        if self.arguments(event, NOT_FOR_BUILDERS).get("quantize"):
            raise refuse("quantized models are not replayed")
        if event.get("refused"):
            self.weights(event)

    def weights(self, event: dict[str, Any]) -> dict[str, Any]:
        """The keyword arguments that ask for weights, members of torchvision's enums among them."""
        given = event.get("weights", {})
        if not isinstance(given, dict) or not NOT_FOR_BUILDERS.issuperset(given):
            raise refuse(f"{brief(given)} does not ask for weights")
        return {
            name: self.member(value) if isinstance(value, dict) else self.plain(value) for name, value in given.items()
        }

    def member(self, value: dict[str, Json]) -> Any:
        """A member of one of torchvision's weights enums."""
        models = self.libraries.torchvision.models
        for builder in self.libraries.builders:
            enum = models.get_model_weights(builder)
            if enum.__name__ == value.get("enum") and value.get("member") in list(enum.__members__):
                return enum[value["member"]]
        raise refuse(f"{brief(value)} are no weights of torchvision {self.libraries.torchvision.__version__}")

    def check_layer(self, event: dict[str, Any]) -> None:
        """A public layer of torch.nn, or a part of torchvision's models."""
        self.object_number(event.get("object"))
        self.layer_class(event.get("kind"))
        self.arguments(event, NOT_FOR_LAYERS)

    def layer_class(self, kind: Json) -> Any:
        """The class in torch.nn of that name, or the part of torchvision's models."""
        if kind in PARTS:
            module, _, name = kind.rpartition(".")
            return getattr(importlib.import_module("torchvision.models." + module), name)
        named = isinstance(kind, str) and kind[:1].isupper() and kind not in self.libraries.wrappers
        found = vars(self.libraries.nn).get(kind) if named else None
        if not isinstance(found, type) or not issubclass(found, self.libraries.nn.Module):
            raise refuse(f"unknown layer {brief(kind)} in torch {self.libraries.torch.__version__}")
        return found

    def check_container(self, event: dict[str, Any]) -> None:
        """A container and its children."""
        self.object_number(event.get("object"))
        if event.get("kind") not in CONTAINERS:
            raise refuse(f"unknown container {brief(event.get('kind'))}")
        for child in self.list_of(event.get("children"), "children"):
            if not isinstance(child, list) or len(child) != 2 or not isinstance(child[0], str):
                raise refuse(f"{brief(child)} is no child")
            self.ref(child[1])
        if event["kind"] in self.libraries.wrappers and len(event["children"]) != 1:
            raise refuse("{} holds one module".format(event["kind"]))

    def check_opaque(self, event: dict[str, Any]) -> None:
        """A stand-in."""
        self.object_number(event.get("object"))

    def check_define(self, event: dict[str, Any]) -> None:
        """What the forward of a stand-in does, and what it holds."""
        self.object_number(event.get("object"))
        parts = self.list_of(event.get("parts"), "parts")
        if len(parts) > MOST_PARTS:
            raise refuse(f"more than {MOST_PARTS} parts")
        for part in parts:
            if not isinstance(part, list) or len(part) != 2:
                raise refuse(f"{brief(part)} is no part")
            if self.name(part[0]) == "forward":
                raise refuse("forward is no part")
            self.ref(part[1])
        if len({name for name, _ in parts}) != len(parts):
            raise refuse("two parts have one name")
        self.operations(event)

    def operations(self, event: dict[str, Any]) -> list[Operation]:
        """The operations of a forward, each of which takes values that those before it gave."""
        given = self.list_of(event.get("operations"), "operations")
        if not 1 <= len(given) <= MOST_OPERATIONS:
            raise refuse(f"{len(given)} operations, not 1 to {MOST_OPERATIONS}")
        return [self.operation(step, values) for values, step in enumerate(given, 1)]

    def operation(self, step: Json, values: int) -> Operation:
        """One operation where there are so many values before it."""
        kind = step.get("kind") if isinstance(step, dict) else step
        if not isinstance(kind, str) or (kind != "call" and kind not in KINDS):
            raise refuse("unknown operation " + brief(kind))
        inputs = self.list_of(step.get("inputs"), "inputs")
        for number in inputs:
            if type(number) is not int or not 0 <= number < values:
                raise refuse(f"{brief(number)} is no value before this operation")
        # An argument that is null is one that is not given.
        arguments = {name: value for name, value in self.arguments(step, frozenset()).items() if value is not None}
        several = kind in ("call", "cat")
        wanted = 2 if kind in ("add", "sub", "mul", "div") and "value" not in arguments else 1
        if len(inputs) > MOST_OPERATIONS or (not inputs if several else len(inputs) != wanted):
            raise refuse(f"{kind} does not take {len(inputs)} values")
        if kind == "call":
            self.ref(step.get("module"))
        elif step.get("module") is not None:
            raise refuse(f"{kind} calls no module")
        known = {} if kind == "call" else KINDS[kind].arguments
        for name, value in arguments.items():
            if name not in known or not known[name](value):
                raise refuse(f"{kind} does not take {name}={brief(value)}")
        for name in () if kind == "call" else KINDS[kind].required:
            if name not in arguments:
                raise refuse(f"{kind} needs {name}")
        return Operation(kind, inputs, arguments)

    def check_set(self, event: dict[str, Any]) -> None:
        """A module under a name."""
        self.ref(event.get("target"))
        self.name(event.get("name"), digits=True)
        if event.get("value") is not None:
            self.ref(event["value"])
        if event.get("how") not in ("attribute", "item", "add_module"):
            raise refuse(f"{brief(event.get('how'))} is no way to set a module")

    def check_delete(self, event: dict[str, Any]) -> None:
        """A name removed."""
        self.ref(event.get("target"))
        self.name(event.get("name"), digits=True)

    def check_attribute(self, event: dict[str, Any]) -> None:
        """A plain value under a name of a module."""
        self.ref(event.get("target"))
        self.name(event.get("name"))
        self.plain(event.get("value"))

    def check_flag(self, event: dict[str, Any]) -> None:
        """requires_grad of parameters."""
        for parameter in self.list_of(event.get("parameters"), "parameters"):
            self.ref(parameter)
        if type(event.get("value")) is not bool:
            raise refuse("a flag is true or false")

    def check_read(self, event: dict[str, Any]) -> None:
        """Attribute names and indices, read one after the other."""
        self.ref(event.get("target"))
        for step in self.list_of(event.get("steps"), "steps"):
            if type(step) is not int:
                self.name(step)

    def check_load(self, event: dict[str, Any]) -> None:
        """load_state_dict, and what becomes of its result."""
        self.ref(event.get("target"))
        if event.get("use") != "()":
            self.name(event.get("use"))

    def check_parameter_attribute(self, event: dict[str, Any]) -> None:
        """A plain value under a name that parameters do not have, or as they have `requires_grad_`."""
        for parameter in self.list_of(event.get("parameters"), "parameters"):
            self.ref(parameter)
        name = self.name(event.get("name"))
        if name.startswith("_") or (hasattr(self.libraries.torch.Tensor, name) and name != "requires_grad_"):
            raise refuse(f"{brief(name)} is no name that can be replayed")
        self.plain(event.get("value"))

    def check_mode(self, event: dict[str, Any]) -> None:
        """train() or eval()."""
        self.ref(event.get("target"))
        if type(event.get("training")) is not bool:
            raise refuse("a mode is true or false")

    def check_move(self, event: dict[str, Any]) -> None:
        """A module onto a device, of which only the name counts."""
        self.ref(event.get("target"))
        if not isinstance(event.get("device"), str):
            raise refuse(f"{brief(event.get('device'))} is no device")

    def check_optimizer(self, event: dict[str, Any]) -> None:
        """An optimizer over parameters, or over groups of them."""
        if not isinstance(event.get("kind"), str):
            raise refuse(f"{brief(event.get('kind'))} is no optimizer")
        for group in self.groups(event):
            for parameter in self.list_of(group, "a group"):
                self.ref(parameter)

    def groups(self, event: dict[str, Any]) -> list[Any]:
        """What an optimizer holds, by parameter group."""
        if "groups" in event:
            return self.list_of(event["groups"], "groups")
        return [event.get("parameters")]

    CHECKS: ClassVar[dict[str, Callable[[Recipe, dict[str, Any]], None]]] = {
        "build": check_build,
        "layer": check_layer,
        "container": check_container,
        "opaque": check_opaque,
        "define": check_define,
        "set": check_set,
        "delete": check_delete,
        "attribute": check_attribute,
        "flag": check_flag,
        "parameter_attribute": check_parameter_attribute,
        "mode": check_mode,
        "move": check_move,
        "optimizer": check_optimizer,
        "read": check_read,
        "load": check_load,
    }


# -- Replaying it -----------------------------------------------------------------------------------------

OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|Storage size calculation overflowed", re.IGNORECASE
)
NO_OPERATOR = re.compile(
    r"Couldn't load custom C\+\+ ops|operator torchvision::\w+"
    r"|Could not run 'torchvision::|'_OpNamespace' 'torchvision'"
)


def judge(error: BaseException) -> dict[str, str]:
    """What torch raised, as evidence; NoObservation where it only tells of this machine."""
    text = str(error)
    if GUARD.attempt is not None:
        raise NoObservation("environment", f"the experiment wanted {GUARD.attempt}, which is not allowed")
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(text):
        wanted = re.search(r"allocate (\d+) bytes", text)
        size = f"{gigabytes(int(wanted[1]))} at once" if wanted else "more memory than there is"
        raise NoObservation("memory", "needs " + size)
    if NO_OPERATOR.search(text):
        raise NoObservation("environment", "needs compiled operators of torchvision that do not load with this torch")
    return {"type": type(error).__name__, "text": text if len(text) <= 2000 else text[:1997] + "..."}


def is_made(tensor: Any) -> bool:
    """Whether a tensor has a size: those of lazy layers get theirs from the first input."""
    return not type(tensor).__name__.startswith("Uninitialized")


def size_of(tensor: Any) -> int:
    """Bytes of a tensor."""
    return int(tensor.numel()) * int(tensor.element_size()) if is_made(tensor) else 0


class Optimizer:
    """An optimizer that was made, with the parameters it holds, or what raised instead."""

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.held: dict[int, Any] = {}
        self.raised: dict[str, str] | None = None


class Replay:
    """Does to real modules what the events say, and remembers what stood where when each object was made."""

    def __init__(self, libraries: Libraries, pool: ZeroPool, recipe: Recipe, memory: int) -> None:
        self.libraries = libraries
        self.pool = pool
        self.recipe = recipe
        self.memory = memory
        self.planned = 0
        self.modules: dict[int, dict[str, Any]] = {}
        self.parameters: dict[int, dict[str, Any]] = {}
        self.origins: dict[int, Ref] = {}
        self.optimizers: list[Optimizer | None] = []
        self.modes: list[tuple[Any, bool]] = []
        self.devices: dict[int, tuple[Any, str]] = {}

    def run(self) -> list[dict[str, Any] | None]:
        """Replay every event, up to the first that raises or would download something."""
        seen: list[dict[str, Any] | None] = []
        for event in self.recipe.events:
            try:
                self.ACTIONS[event["do"]](self, event)
                if GUARD.attempt is not None:
                    judge(PermissionError())
            except NoObservation:
                raise
            except OpaqueReached:
                raise refuse("looks into a module whose inside is not understood") from None
            except DownloadReached:
                seen.append({"reached": "the download"})
                break
            except Exception as error:
                seen.append({"raised": judge(error)})
                break
            seen.append(None)
        return seen

    def plan(self, size: int) -> None:
        """Take `size` bytes into account, before they are used."""
        self.planned += size
        if self.planned > self.memory:
            raise NoObservation("memory", f"needs {gigabytes(self.planned)}, the limit is {gigabytes(self.memory)}")

    def remember(self, number: int, module: Any) -> None:
        """Object `number` is made: note every module and parameter in it under its path."""
        if number in self.modules:
            raise refuse(f"object {number} is made twice")
        self.modules[number] = dict(module.named_modules(remove_duplicate=False))
        self.parameters[number] = {}
        for path, inner in self.modules[number].items():
            self.origins.setdefault(id(inner), (number, path))
            for name, parameter in inner._parameters.items():
                self.parameters[number][f"{path}.{name}" if path else name] = parameter

    def module(self, ref: Json, missing: bool = False) -> Any:
        """The module a reference names; None if it was not made and may be missing."""
        try:
            return self.modules[ref[0]][ref[1]]
        except KeyError:
            if missing:
                return None
            raise refuse(f"no module stood at {brief(ref[1])} of object {ref[0]}") from None

    def build(self, event: dict[str, Any]) -> None:
        """A torchvision model, with the structure that weights impose if they were asked for."""
        models = self.libraries.torchvision.models
        name = event["builder"]
        builder = models.get_model_builder(name)
        if event.get("refused"):
            self.refused_build(event, builder)
            return
        arguments = self.recipe.arguments(event, NOT_FOR_BUILDERS)
        accepted = inspect.signature(builder).parameters
        for unweighted in ("weights", "weights_backbone"):
            if unweighted in accepted:
                arguments[unweighted] = None
        if event.get("weighted"):
            arguments["weights"] = self.default_weights(name, quantized="quantize" in accepted)
        if "progress" in accepted:
            arguments["progress"] = False
        with weights_without_download(self.libraries):
            with replaced_inits(self.libraries, self.blank):
                model = builder(**arguments)
            if self.recipe.values:
                self.plan(sum(size_of(tensor) for tensor in (*model.parameters(), *model.buffers())))
                model = builder(**arguments)
        self.remember(event["object"], model)

    def refused_build(self, event: dict[str, Any], builder: Any) -> None:
        """A builder with the weights it was asked for, to see whether it raises before it downloads them."""
        arguments = {**self.recipe.arguments(event, NOT_FOR_BUILDERS), **self.recipe.weights(event)}
        with replaced_inits(self.libraries, self.blank), weights_out_of_reach(self.libraries):
            self.remember(event["object"], builder(**arguments))

    def blank(self, tensor: Any) -> Any:
        """Zero a builder's tensor; one that alone is over the ceiling is refused."""
        size = size_of(tensor)
        if size > self.memory:
            raise NoObservation("memory", f"needs {gigabytes(size)}, the limit is {gigabytes(self.memory)}")
        return self.pool.blank(tensor)

    def default_weights(self, name: str, quantized: bool) -> Any:
        """The member `DEFAULT` of a builder's weights; a quantizable builder's unquantized ones."""
        weights = getattr(self.libraries.torchvision.models.get_model_weights(name), "DEFAULT", None)
        if weights is not None and quantized:
            weights = weights.meta.get("unquantized")
        if weights is None:
            raise refuse(f"torchvision has no weights for {name}")
        return weights

    def layer(self, event: dict[str, Any]) -> None:
        """A layer or part, initialised as always, once it is known to fit."""
        layer_class = self.recipe.layer_class(event["kind"])
        arguments = self.recipe.arguments(event, NOT_FOR_LAYERS)
        self.plan(self.size_of_layer(layer_class, arguments))
        self.remember(event["object"], layer_class(**arguments))

    def size_of_layer(self, layer_class: Any, arguments: dict[str, Any]) -> int:
        """Bytes of a layer's tensors, found by making it on the device that has none."""
        torch = self.libraries.torch
        try:
            with replaced_inits(self.libraries, lambda tensor: tensor), torch.device("meta"):
                shell = layer_class(**arguments)
        except Exception as error:
            if OUT_OF_MEMORY.search(str(error)) or "overflow" in str(error):
                raise NoObservation("memory", "needs more memory than there is") from error
            return 0
        return sum(size_of(tensor) for tensor in (*shell.parameters(), *shell.buffers()))

    def container(self, event: dict[str, Any]) -> None:
        """A module around modules that exist."""
        kind = event["kind"]
        children = {name: self.module(ref) for name, ref in event["children"]}
        if len(children) != len(event["children"]):
            raise refuse("two children have one name")
        if kind in self.libraries.wrappers:
            made = self.libraries.wrappers[kind](*children.values())
        elif kind == "ModuleDict":
            made = self.libraries.nn.ModuleDict(children)
        elif kind == "Sequential" and list(children) != [str(i) for i in range(len(children))]:
            made = self.libraries.nn.Sequential(OrderedDict(children))
        elif kind == "Sequential":
            made = self.libraries.nn.Sequential(*children.values())
        else:
            made = self.libraries.nn.ModuleList(children.values())
        self.remember(event["object"], made)

    def stand_in(self, event: dict[str, Any]) -> None:
        """A module nobody knows the inside of."""
        self.remember(event["object"], self.libraries.opaque())

    def define(self, event: dict[str, Any]) -> None:
        """A stand-in becomes what its class says: it holds its parts, and calling it runs their program."""
        number = event["object"]
        owner = self.module([number, ""])
        if type(owner) is not self.libraries.opaque:
            raise refuse(f"object {number} is no stand-in that could be defined")
        if "forward" in vars(owner):
            raise refuse(f"object {number} is defined twice")
        for name, ref in event["parts"]:
            part = self.module(ref)
            if any(inner is owner for inner in part.modules()):
                raise refuse(f"object {number} holds itself")
            setattr(owner, name, part)
        # Its inside is known now, and this one is none of it.
        del owner._parameters["opaque"]
        self.parameters[number].pop("opaque")
        places: dict[int, list[str]] = {}
        for place, inner in owner.named_modules(remove_duplicate=False):
            places.setdefault(id(inner), []).append(place)
        operations = self.recipe.operations(event)
        for i, operation in enumerate(operations):
            if operation.kind == "call":
                operation.called = self.module(event["operations"][i]["module"])
                operation.places = places.get(id(operation.called), [])
        vars(owner)["forward"] = Program(self.libraries.torch, owner, operations)

    @staticmethod
    def key(target: Any, name: str) -> Any:
        """What stands between the brackets: a number, or the name if it is none."""
        return int(name) if re.match(r"-?[0-9]+\Z", name) and type(target).__name__ != "ModuleDict" else name

    def set(self, event: dict[str, Any]) -> None:
        """A module, or None, under a name."""
        target, name = self.module(event["target"]), event["name"]
        value = None if event["value"] is None else self.module(event["value"])
        if event["how"] == "attribute":
            setattr(target, name, value)
        elif event["how"] == "item":
            target[self.key(target, name)] = value
        else:
            target.add_module(name, value)

    def delete(self, event: dict[str, Any]) -> None:
        """`del target.name`, or `del target[number]`."""
        target, name = self.module(event["target"]), event["name"]
        key = self.key(target, name)
        if isinstance(key, int):
            del target[key]
        else:
            delattr(target, name)

    def attribute(self, event: dict[str, Any]) -> None:
        """A plain value as an attribute of a module."""
        setattr(self.module(event["target"]), event["name"], self.recipe.plain(event["value"]))

    def parameter(self, ref: Json) -> Any:
        """The parameter a reference names."""
        parameter = self.parameters.get(ref[0], {}).get(ref[1])
        if parameter is None:
            raise refuse(f"no parameter stood at {brief(ref[1])} of object {ref[0]}")
        return parameter

    def flag(self, event: dict[str, Any]) -> None:
        """requires_grad of each of these parameters."""
        for ref in event["parameters"]:
            self.parameter(ref).requires_grad = event["value"]

    def load(self, event: dict[str, Any]) -> None:
        """What `load_state_dict` returns is called, or asked for an attribute; nothing is loaded."""
        result = self.module(event["target"]).load_state_dict({}, strict=False)
        if event["use"] == "()":
            result(self.libraries.torch.zeros(1))
        else:
            getattr(result, event["use"])

    def parameter_attribute(self, event: dict[str, Any]) -> None:
        """A plain value as an attribute of each of these parameters."""
        for ref in event["parameters"]:
            setattr(self.parameter(ref), event["name"], self.recipe.plain(event["value"]))

    def mode(self, event: dict[str, Any]) -> None:
        """train() or eval(); how everything stood when the model was last in train mode is kept."""
        self.module(event["target"]).train(event["training"])
        model = self.module(self.recipe.model, missing=True)
        if model is not None and model.training:
            self.modes = [(module, module.training) for module in model.modules()]

    def move(self, event: dict[str, Any]) -> None:
        """A module onto a device: its tensors are labelled, and stay where they are."""
        target = self.module(event["target"])
        for tensor in (*target.parameters(), *target.buffers()):
            self.devices[id(tensor)] = (tensor, event["device"])

    def optimizer(self, event: dict[str, Any]) -> None:
        """An optimizer; that it raises ends nothing here, and one over parameters that are not known is left out."""
        try:
            groups = [[self.parameter(ref) for ref in group] for group in self.recipe.groups(event)]
        except NoObservation:
            self.optimizers.append(None)
            return
        # Which one it is counts for nothing but its step, and some take memory at once.
        kind = event["kind"] if self.recipe.train and event["kind"] in OPTIMIZERS else "SGD"
        self.plan(OPTIMIZERS[kind] * sum(size_of(parameter) for group in groups for parameter in group))
        made = Optimizer()
        self.optimizers.append(made)
        given: Any = [{"params": group} for group in groups] if "groups" in event else groups[0]
        if event.get("exhausted"):
            given = iter(given)
            for _ in given:
                pass
        try:
            made.optimizer = self.libraries.optimizers[kind](given, lr=0.01)
        except Exception as error:
            made.raised = judge(error)
        else:
            made.held = {id(parameter): parameter for group in groups for parameter in group}

    def read(self, event: dict[str, Any]) -> None:
        """Attributes and items, read and never called."""
        value = self.module(event["target"])
        for step in event["steps"]:
            value = value[step] if isinstance(step, int) else getattr(value, step)

    ACTIONS: ClassVar[dict[str, Callable[[Replay, dict[str, Any]], None]]] = {
        "build": build,
        "layer": layer,
        "container": container,
        "opaque": stand_in,
        "define": define,
        "set": set,
        "delete": delete,
        "attribute": attribute,
        "flag": flag,
        "parameter_attribute": parameter_attribute,
        "mode": mode,
        "move": move,
        "optimizer": optimizer,
        "read": read,
        "load": load,
    }


# -- Running forward and looking --------------------------------------------------------------------------


def tensors_in(value: Any) -> Iterator[Any]:
    """Every tensor in nested tuples, lists and dictionaries."""
    if hasattr(value, "grad_fn"):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)


def structure_of(value: Any, look: Callable[[Any], Json]) -> Json:
    """What `look` says of nested tensors: lists for sequences, objects for dictionaries and named tuples."""
    if hasattr(value, "grad_fn"):
        return look(value)
    if isinstance(value, dict):
        return {str(name): structure_of(item, look) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return {name: structure_of(item, look) for name, item in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [structure_of(item, look) for item in value]
    return None


def shapes_in(value: Any) -> Json:
    """The shapes of nested tensors."""
    return structure_of(value, lambda tensor: list(tensor.shape))


def values_in(outputs: list[Any]) -> Json:
    """What kind of numbers the nested tensors of several outputs of one model hold; null where there are none."""
    rounds = [list(tensors_in(output)) for output in outputs]
    if len({len(tensors) for tensors in rounds}) > 1:
        return None
    parts = iter([[tensors[index] for tensors in rounds] for index in range(len(rounds[0]))])
    return structure_of(outputs[0], lambda tensor: values_of(next(parts)))


def values_of(tensors: Sequence[Any]) -> Json:
    """Range and sums of one tensor in all rounds; infinities and what is no number are null."""
    if not all(tensor.is_floating_point() and tensor.numel() for tensor in tensors):
        return None
    low, high = min(float(tensor.min()) for tensor in tensors), max(float(tensor.max()) for tensor in tensors)
    sums = [tensor.sum(1) if tensor.dim() > 1 else tensor.sum() for tensor in tensors]
    return {
        "rows_sum_to_one": all(bool(((each - 1).abs() < 1e-4).all()) for each in sums),
        "in_unit_interval": low >= 0 and high <= 1,
        "constant": low == high,
        "min": finite(low),
        "max": finite(high),
    }


def finite(number: float) -> float | None:
    """A number as JSON can tell it."""
    return number if math.isfinite(number) else None


class Calls:
    """Notes, through hooks on every module, who was called, with what, and who was in a call when it ended."""

    def __init__(self, torch: Any) -> None:
        self.hooks = torch.nn.modules.module
        self.handles: list[Any] = []
        self.counts: dict[int, int] = {}
        self.arrived: dict[int, list[int] | None] = {}
        self.open: list[Any] = []

    def __enter__(self) -> Calls:
        self.handles = [
            self.hooks.register_module_forward_pre_hook(self.before),
            self.hooks.register_module_forward_hook(self.after),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def before(self, module: Any, inputs: Any) -> None:
        """A call begins."""
        self.open.append(module)
        key = id(module)
        self.counts[key] = self.counts.get(key, 0) + 1
        if key not in self.arrived:
            self.arrived[key] = next((list(tensor.shape) for tensor in tensors_in(inputs)), None)

    def after(self, module: Any, inputs: Any, output: Any) -> None:
        """A call has returned."""
        self.open.pop()


def one_device(torch: Any, labels: dict[int, tuple[Any, str]]) -> Any:
    """A mode in which tensors stand on the devices that `labels` give them, whose results stand there too.

    All of them are on the CPU: the operations are real, and only where they take their tensors from is pretended.
    """

    def dispatch(self: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = list(tensors_in((args, kwargs or {})))
        # A number in a tensor of no dimensions may come from another device.
        places = {labels[id(tensor)][1] for tensor in given if tensor.dim() and id(tensor) in labels}
        if len(places) > 1:
            raise RuntimeError(f"{function} gets tensors on different devices: {' and '.join(sorted(places))}")
        output = function(*args, **(kwargs or {}))
        for place in places:
            labels.update((id(tensor), (tensor, place)) for tensor in tensors_in(output))
        return output

    module: Any = importlib.import_module("torch.utils._python_dispatch")
    mode: Any = type("OneDevice", (module.TorchDispatchMode,), {})
    # Set behind the back of the class, which would import torch's compiler only to keep it away from here.
    mode.__torch_dispatch__ = dispatch
    return mode()


def shape_of_weight(module: Any) -> Json:
    """The shape of a module's own parameter `weight`, None where it has none."""
    weight = getattr(module, "_parameters", {}).get("weight")
    return None if weight is None or not is_made(weight) else list(weight.shape)


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


class Experiment:
    """One recipe from its first event to its observation."""

    def __init__(self, libraries: Libraries, pool: ZeroPool, data: Json, memory: int) -> None:
        self.libraries = libraries
        self.torch = libraries.torch
        self.recipe = Recipe(libraries, data)
        self.replay = Replay(libraries, pool, self.recipe, memory)

    def observe(self) -> dict[str, Any]:
        """Replay, run forward, look; then take a training step, if one is asked for."""
        self.torch.default_generator.manual_seed(0)
        events = self.replay.run()
        ended = bool(events) and events[-1] is not None
        observation: dict[str, Any] = {"events": events}
        model = self.replay.module(self.recipe.model, missing=ended)
        watched = {f"{ref[0]}:{ref[1]}": self.replay.module(ref, missing=ended) for ref in self.recipe.watch}
        watched = {name: module for name, module in watched.items() if module is not None}
        own = {id(module): list(module.parameters()) for module in (model, *watched.values()) if module is not None}
        parameters = {id(parameter): parameter for group in own.values() for parameter in group}
        trainable = {key for key, parameter in parameters.items() if parameter.requires_grad}
        observation["optimizers"] = self.optimizers(model, trainable)
        named = None if self.recipe.named is None else self.replay.module(self.recipe.named, missing=ended)
        if named is not None:
            observation["names"] = {name: p.requires_grad for name, p in named.named_parameters()}
        held = {key for made in self.replay.optimizers if made is not None for key in made.held}
        used: set[int] | None = None
        calls = Calls(self.torch)
        if self.recipe.input is not None and not ended:
            # Flags have been counted and are now all set, so that one forward tells what is used and what trains.
            for parameter in parameters.values():
                if parameter.is_floating_point():
                    parameter.requires_grad = True
            observation["forward"], used = self.forward(model, calls)

        if self.recipe.arrivals and self.recipe.input is not None and not ended:
            observation["arrivals"] = [self.arrival(*pair) for pair in self.recipe.arrivals]

        def counts(module: Any) -> dict[str, int | None]:
            """How many of a module's parameters exist, train, are used, and both; None where no output tells."""
            ids = {id(parameter) for parameter in own[id(module)]}
            return {
                "parameters": len(ids),
                "trainable": len(ids & trainable),
                "used": None if used is None else len(ids & used),
                "reached": None if used is None else len(ids & used & trainable),
            }

        inside = set() if model is None else {id(module) for module in model.modules()}
        observation["watch"] = {
            name: {
                "calls": calls.counts.get(id(module), 0),
                "arrived": calls.arrived.get(id(module)),
                "inside": id(module) in inside,
                "weight": shape_of_weight(module),
                "modules_called": sum(id(part) in calls.counts for part in module.modules()),
                "held": len({id(parameter) for parameter in own[id(module)]} & held),
                **counts(module),
            }
            for name, module in watched.items()
        }
        observation["model"] = None if model is None else counts(model)
        if self.recipe.train and not ended:
            for key, parameter in parameters.items():
                parameter.requires_grad = key in trainable
            observation["training"] = TrainingStep(self, model, watched).take()
        return observation

    def optimizers(self, model: Any, trainable: set[int]) -> list[dict[str, Any] | None]:
        """What each optimizer holds, and what of the model it and those before it leave out."""
        names = {} if model is None else {id(parameter): name for name, parameter in model.named_parameters()}
        held: set[int] = set()
        seen: list[dict[str, Any] | None] = []
        for made in self.replay.optimizers:
            if made is None:
                seen.append(None)
            elif made.raised is not None:
                seen.append({"raised": made.raised})
            else:
                held.update(made.held)
                missing = [name for key, name in names.items() if key in trainable and key not in held]
                outside = len(made.held.keys() - names.keys())
                seen.append({"tensors": len(made.held), "outside": outside, "missing": missing})
        return seen

    def forward(self, model: Any, calls: Calls) -> tuple[dict[str, Any], set[int] | None]:
        """One forward pass in eval mode; saved activations are let go at once."""
        torch = self.torch
        result: dict[str, Any] = {"output": None, "raised": None, "stopped": None}
        model.eval()
        inputs = self.inputs(model, self.recipe.input or [], training=False)
        drop = torch.autograd.graph.saved_tensors_hooks(lambda tensor: None, never_unpacked)
        devices = self.devices(model, inputs) if self.recipe.devices else contextlib.nullcontext()
        with calls, drop, torch.enable_grad(), plain_checkpoints(torch), devices:
            try:
                output = model(*inputs)
            except OpaqueReached:
                result["stopped"] = "opaque"
                return result, None
            except Exception as error:
                raised: dict[str, Any] = judge(error)
                raised.update(self.where(model, calls))
                result["raised"] = raised
                return result, None
        if GUARD.attempt is not None:
            judge(PermissionError())
        result["output"] = shapes_in(output)
        self.try_uses(output, result)
        if self.recipe.values:
            result["values"] = values_in([output, *self.more_outputs(model)])
        return result, used_parameters(output)

    def try_uses(self, output: Any, result: dict[str, Any]) -> None:
        """Use an output as the code does; null for what is possible, else what is raised."""
        if self.recipe.uses:
            result["kind"] = type(output).__name__
            result["uses"] = [self.tried(output, how, name) for how, name in self.recipe.uses]

    def tried(self, output: Any, how: str, name: str) -> dict[str, str] | None:
        """What one use raises."""
        torch, nn = self.torch, self.libraries.nn
        try:
            if how == "attribute":
                getattr(output, name)
            elif how == "loss":
                getattr(nn, name)()(output, torch.zeros(2, dtype=torch.int64))
            elif name == "topk":
                torch.topk(output, 1)
            else:
                function = getattr(torch, name)
                function(output, 1) if name in ("softmax", "log_softmax") else function(output)
        except Exception as error:
            return judge(error)
        return None

    def arrival(self, runs: Ref, at: Ref) -> dict[str, Any] | None:
        """Shape and least number of what arrives at one module while another one runs; null if nothing does."""
        model, module = self.replay.module(runs), self.replay.module(at)
        seen: list[Any] = []
        handle = module.register_forward_pre_hook(lambda _, given: seen.extend(given[:1]))
        model.eval()
        try:
            with self.torch.no_grad():
                model(*self.inputs(model, self.recipe.input or [], training=False))
        except NoObservation:
            raise
        except Exception as error:
            judge(error)
        finally:
            handle.remove()
        if not seen or not isinstance(seen[0], self.torch.Tensor) or not seen[0].numel():
            return None
        return {"shape": list(seen[0].shape), "least": finite(float(seen[0].min()))}

    def more_outputs(self, model: Any) -> Iterator[Any]:
        """What forward returns for other inputs, with new weights in what the code has put in."""
        torch = self.torch
        watched = [self.replay.module(ref, missing=True) for ref in self.recipe.watch]
        drawn = {id(p): p for module in watched if module is not None for p in module.parameters()}
        before = [(parameter, parameter.detach().clone()) for parameter in drawn.values() if is_made(parameter)]
        self.replay.plan(sum(size_of(parameter) for parameter, _ in before))
        with torch.no_grad():
            for _ in range(2):
                inputs = self.inputs(model, self.recipe.input or [], training=False)
                for parameter, _ in before:
                    if parameter.is_floating_point():
                        parameter.normal_()
                yield model(*inputs)
            for parameter, value in before:
                parameter.copy_(value)

    def devices(self, model: Any, inputs: Any) -> Any:
        """Within, no operation takes tensors of two devices; the input is where the model's first parameter is."""
        moved = self.replay.devices
        labels = {id(tensor): (tensor, "cpu") for tensor in (*model.parameters(), *model.buffers())}
        labels.update(moved)
        first = next(iter(model.parameters()), None)
        for tensor in tensors_in(inputs):
            labels[id(tensor)] = (tensor, labels[id(first)][1] if first is not None else "cpu")
        return one_device(self.torch, labels)

    def where(self, model: Any, calls: Calls) -> dict[str, Any]:
        """The innermost module whose call did not return: what it was, and its place now."""
        innermost = calls.open[-1] if calls.open else model
        origin = self.replay.origins.get(id(innermost))
        place = next((path for path, module in model.named_modules() if module is innermost), None)
        return {"module": None if origin is None else list(origin), "place": place}

    def inputs(self, model: Any, shape: list[int], training: bool) -> tuple[Any, ...]:
        """What this kind of model takes, of that shape: numbers where they count, and zeros otherwise."""
        self.replay.plan(4 * math.prod(shape))
        batch = self.torch.rand(shape) if training or self.recipe.values else self.torch.zeros(shape)
        root = self.entrance(model)
        home = type(root).__module__
        if home.startswith("torchvision.models.detection."):
            self.keep_size(root, min(shape[-2:]))
            images = list(batch)
            return (images, [self.target(root, image) for image in images]) if training else (images,)
        if home == "torchvision.models.optical_flow.raft":
            return batch, batch
        return (batch,)

    def target(self, model: Any, image: Any) -> dict[str, Any]:
        """What a detection model learns from: one object of class 1 in the middle of the image."""
        torch = self.torch
        height, width = image.shape[-2:]
        mask = torch.zeros((1, height, width), dtype=torch.uint8)
        mask[:, height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None] = 1
        predictor = getattr(getattr(model, "roi_heads", None), "keypoint_predictor", None)
        points = getattr(getattr(predictor, "kps_score_lowres", None), "out_channels", 1)
        return {
            "boxes": torch.tensor([[width / 4, height / 4, 3 * width / 4, 3 * height / 4]]),
            "labels": torch.ones(1, dtype=torch.int64),
            "masks": mask,
            "keypoints": torch.tensor([[[width / 2, height / 2, 1.0]] * points]),
        }

    @staticmethod
    def keep_size(model: Any, size: int) -> None:
        """Let a detection model take its images as they are: enlarging them to 800 pixels proves nothing more."""
        transform: Any = getattr(model, "transform", None)
        if getattr(transform, "fixed_size", 0) is None and hasattr(transform, "min_size"):
            transform.min_size = (size,)

    def entrance(self, model: Any) -> Any:
        """The module that the input comes to: through wrappers, into programs, and the first of a Sequential."""
        for _ in range(20):
            program = vars(model).get("forward")
            if isinstance(program, Program) and program.entrance() is not None:
                model = program.entrance()
            elif type(model) in self.libraries.wrappers.values():
                model = model.module
            elif type(model) is self.libraries.nn.Sequential and len(model) > 0:
                model = model[0]
            else:
                break
        return model


# -- Taking a training step -------------------------------------------------------------------------------


class TrainingStep:
    """One real step in train mode: forward, a loss, backward, and the step of the last optimizer."""

    def __init__(self, experiment: Experiment, model: Any, watched: dict[str, Any]) -> None:
        self.experiment = experiment
        self.torch = experiment.torch
        self.replay = experiment.replay
        self.model = model
        self.watched = watched
        made = [made.optimizer for made in self.replay.optimizers if made is not None and made.raised is None]
        self.optimizer: Any = made[-1] if made else None
        everything = (model, *watched.values())
        self.parameters = {id(parameter): parameter for module in everything for parameter in module.parameters()}
        self.buffers = {id(buffer): buffer for module in everything for buffer in module.buffers() if is_made(buffer)}
        self.own = {id(tensor) for tensor in (*self.parameters.values(), *self.buffers.values())}

    def take(self) -> dict[str, Any]:
        """Take the step, as far as it goes, and look."""
        result: dict[str, Any] = {"output": None, "raised": None, "stopped": None, "loss": None}
        self.model.train()
        for module, training in self.replay.modes:
            module.training = training
        self.replay.plan(sum(size_of(p) for p in self.model.parameters() if p.requires_grad))
        before = {key: buffer.clone() for key, buffer in self.buffers.items()}
        shape = self.experiment.recipe.train_input or []
        inputs = self.experiment.inputs(self.model, shape, training=True)
        versions: dict[int, int] | None = None
        calls = Calls(self.torch)
        phase = "forward"
        try:
            with calls, self.real_backward():
                with self.torch.no_grad() if self.experiment.recipe.no_grad else contextlib.nullcontext():
                    output = self.model(*inputs)
                result["output"] = shapes_in(output)
                self.experiment.try_uses(output, result)
                phase = "loss"
                loss = self.loss(output)
                result["loss"] = finite(float(loss.detach()))
                phase = "backward"
                loss.backward()
                phase = "step"
                if self.optimizer is not None:
                    versions = {key: parameter._version for key, parameter in self.parameters.items()}
                    self.step()
        except NoObservation:
            raise
        except OpaqueReached:
            result["stopped"] = "opaque"
        except Exception as error:
            raised: dict[str, Any] = {**judge(error), "phase": phase, "module": None, "place": None}
            if phase == "forward":
                raised.update(self.experiment.where(self.model, calls))
            result["raised"] = raised
        if GUARD.attempt is not None:
            judge(PermissionError())
        # What the builder's parameters share has been written to.
        self.replay.pool.renew()
        moved = {key for key, buffer in self.buffers.items() if not self.torch.equal(buffer, before[key])}
        result["model"] = self.facts(self.model, versions, moved)
        result["watch"] = {name: self.facts(module, versions, moved) for name, module in self.watched.items()}
        return result

    @contextlib.contextmanager
    def real_backward(self) -> Iterator[None]:
        """Within, forward keeps what backward needs, as far as that fits."""
        torch, regions = self.torch, self.experiment.libraries.regions
        kept = torch.autograd.graph.saved_tensors_hooks(self.keep, lambda tensor: tensor)
        if regions is not None:
            regions(True)
        try:
            with kept, torch.enable_grad(), plain_checkpoints(torch):
                yield
        finally:
            if regions is not None:
                regions(False)

    def keep(self, tensor: Any) -> Any:
        """Take into account what is saved for backward; it must not hold on to the node that saves it."""
        if id(tensor) not in self.own and not self.replay.pool.holds(tensor):
            self.replay.plan(size_of(tensor))
        return tensor.detach()

    def loss(self, output: Any) -> Any:
        """Cross entropy of every output against class 0, and the sum of what has no classes."""
        torch = self.torch
        total = torch.zeros(())
        for tensor in tensors_in(output):
            if tensor.is_floating_point() and tensor.dim() > 1:
                labels = torch.zeros((tensor.shape[0], *tensor.shape[2:]), dtype=torch.int64)
                total = total + torch.nn.functional.cross_entropy(tensor, labels)
            elif tensor.is_floating_point():
                total = total + tensor.sum()
        return total

    def step(self) -> None:
        """The optimizer's own step, without the wrappers that import torch's compiler."""
        step: Any = type(self.optimizer).step
        while hasattr(step, "__wrapped__"):
            step = step.__wrapped__
        with self.torch.no_grad():
            step(self.optimizer)

    def facts(self, module: Any, versions: dict[int, int] | None, moved: set[int]) -> dict[str, Any]:
        """What the step did to a module: tensors with a gradient, written to by the optimizer, buffers that moved."""
        parameters = {id(parameter): parameter for parameter in module.parameters()}
        gradients = [parameter.grad for parameter in parameters.values() if parameter.grad is not None]
        stepped: int | None = None
        if versions is not None:
            stepped = sum(parameter._version != versions[key] for key, parameter in parameters.items())
        largest: float | None = None
        if gradients and self.experiment.recipe.values:
            largest = finite(max(float(gradient.abs().max()) for gradient in gradients if gradient.numel()))
        buffers = {id(buffer) for buffer in module.buffers()}
        # How many batches a BatchNorm has seen is a whole number, and counts no matter what.
        statistics = {id(buffer) for buffer in module.buffers() if buffer.is_floating_point()}
        return {
            "with_gradient": len(gradients),
            "stepped": stepped,
            "buffers": len(buffers),
            "buffers_moved": len(buffers & moved),
            "statistics": len(statistics),
            "statistics_moved": len(statistics & moved),
            "largest_gradient": largest,
        }


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


# -- Serving ----------------------------------------------------------------------------------------------


def answer_to(libraries: Libraries, pool: ZeroPool, request: dict[str, Any]) -> dict[str, Any]:
    """One experiment, and its answer; whatever happens in it."""
    answer: dict[str, Any] = {"id": request["id"]}
    try:
        GUARD.attempt = None
        experiment = Experiment(libraries, pool, request["recipe"], request["memory"])
        answer["observation"] = experiment.observe()
    except NoObservation as none:
        answer.update(failed=none.reason, kind=none.kind)
    except MemoryError:
        answer.update(failed="needs more memory than there is", kind="memory")
    except Exception as error:
        text = f"the worker could not observe this: {type(error).__name__}: {error}"
        answer.update(failed=one_line(text), kind="crash")
    return answer


class ParentGone(Exception):
    """Nobody is left to answer to."""


class Requests:
    """Lines from the client; notices when the client has gone, also while an experiment runs."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.buffer = b""
        self.parent = os.getppid()

    def ready(self, seconds: float, others: Sequence[int] = ()) -> list[int]:
        """Which of the descriptors can be read, within so many seconds."""
        ready: list[int] = select.select([self.descriptor, *others], [], [], seconds)[0]
        if self.descriptor in ready:
            chunk = os.read(self.descriptor, 1 << 16)
            if not chunk:
                raise ParentGone
            self.buffer += chunk
        elif os.getppid() != self.parent:
            raise ParentGone
        return ready

    def line(self) -> bytes:
        """The next line."""
        while b"\n" not in self.buffer:
            self.ready(2.0)
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line


class PlainRequests(Requests):
    """Where there is no fork: a thread reads, so that the client's end is noticed while an experiment runs."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        """Lines into the queue; the end of input ends the process."""
        with open(self.descriptor, "rb", closefd=False) as stream:
            for line in stream:
                self.lines.put(line)
        leave_directory()
        os._exit(0)

    def line(self) -> bytes:
        """The next line."""
        return self.lines.get()


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def encoded(answer: dict[str, Any]) -> bytes:
    """An answer as one line."""
    return json.dumps(answer, separators=(",", ":")).encode() + b"\n"


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:
            fields = stream.read().split()
    except OSError:
        return 0
    return int(fields[1]) * PAGE_SIZE


PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Server:
    """Answers one request after the other, each experiment in a process of its own where fork exists."""

    def __init__(self, requests: Requests, answers: int) -> None:
        self.requests = requests
        self.answers = answers
        self.libraries = import_libraries()
        self.pool = ZeroPool(self.libraries.torch)
        self.die_with_parent = death_signal()

    def hello(self) -> dict[str, Any]:
        """The first line: who answers."""
        return {
            "hello": WORKER_VERSION,
            "python": sys.version.split()[0],
            "torch": str(self.libraries.torch.__version__),
            "torchvision": str(self.libraries.torchvision.__version__),
        }

    def serve(self, forks: bool) -> None:
        """Until the client has gone."""
        write_all(self.answers, encoded(self.hello()))
        while True:
            request = self.parsed(self.requests.line())
            if "failed" in request:
                write_all(self.answers, encoded(request))
            elif forks:
                write_all(self.answers, self.forked(request))
            else:
                write_all(self.answers, encoded(answer_to(self.libraries, self.pool, request)))

    @staticmethod
    def parsed(line: bytes) -> dict[str, Any]:
        """A request, or the answer to what is none."""
        try:
            request = json.loads(line)
            return {
                "id": request["id"],
                "recipe": request["recipe"],
                "timeout": float(request["timeout"]),
                "memory": int(request["memory"]),
            }
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"id": None, "failed": "the request is not understood", "kind": "refused"}

    def forked(self, request: dict[str, Any]) -> bytes:
        """The answer's line, from a child that is watched for time and memory."""
        receiving, sending = os.pipe()
        worker = os.getpid()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(receiving)
                os.close(self.answers)
                os.close(self.requests.descriptor)
                self.die_with_parent()
                forbid_core_dumps()
                if os.getppid() == worker:
                    gc.disable()
                    write_all(sending, encoded(answer_to(self.libraries, self.pool, request)))
                    status = 0
            finally:
                os._exit(status)
        os.close(sending)
        try:
            return self.watched(child, receiving, request)
        finally:
            os.close(receiving)

    def watched(self, child: int, receiving: int, request: dict[str, Any]) -> bytes:
        """What the child writes before its deadline and within its memory."""
        started = time.monotonic()
        base = resident_bytes(os.getpid())
        answer = b""
        failure: tuple[str, str] | None = None
        try:
            while failure is None:
                if receiving in self.requests.ready(0.02, [receiving]):
                    chunk = os.read(receiving, 1 << 16)
                    if not chunk:
                        break
                    answer += chunk
                if time.monotonic() - started > request["timeout"]:
                    failure = (f"timed out after {request['timeout']:g} s", "time")
                elif resident_bytes(child) > base + request["memory"]:
                    failure = (f"needs more than {gigabytes(request['memory'])} of memory", "memory")
        finally:
            if failure is not None or not answer.endswith(b"\n"):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        if failure is None and not answer.endswith(b"\n"):
            died = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status >> 8}"
            failure = (f"the worker crashed ({died})", "crash")
        if failure is not None:
            return encoded({"id": request["id"], "failed": failure[0], "kind": failure[1]})
        return answer


def death_signal() -> Callable[[], None]:
    """What a child calls to die with the worker, where the system offers that."""
    try:
        prctl = importlib.import_module("ctypes").CDLL(None).prctl
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda: None
    return lambda: prctl(1, 9, 0, 0, 0)


def forbid_core_dumps() -> None:
    """A crash of torch is an answer, not something to keep."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def enter_directory(given: str | None) -> None:
    """Work in an empty temporary directory, which is also where torch looks for downloads.

    It is removed at the end, so one that holds anything is not used.
    """
    directory = given if given and not os.listdir(given) else tempfile.mkdtemp(prefix="headlint-")
    os.chdir(directory)
    os.environ["TORCH_HOME"] = os.path.join(directory, "torch")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMP_NUM_THREADS"] = "1"


def leave_directory() -> None:
    """Remove the temporary directory."""
    directory = os.getcwd()
    os.chdir(os.path.dirname(directory))
    shutil.rmtree(directory, ignore_errors=True)


def main(arguments: Sequence[str]) -> None:
    """Serve over what were standard input and output; everything else that reads or prints gets nothing."""
    forks = hasattr(os, "fork") and "--in-process" not in arguments
    given = next((argument for argument in arguments if not argument.startswith("-")), None)
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    enter_directory(given)
    sys.addaudithook(GUARD)
    append_user_site()
    try:
        try:
            server = Server(Requests(requests) if forks else PlainRequests(requests), answers)
        except NoObservation as none:
            write_all(answers, encoded({"unavailable": none.reason}))
            return
        GUARD.blocked = BLOCKED_FROM_THE_START | BLOCKED_ONCE_IMPORTED
        gc.collect()
        gc.freeze()
        server.serve(forks)
    except (ParentGone, BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        leave_directory()
    # Taking torch apart would take longer than the client likes to wait.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
