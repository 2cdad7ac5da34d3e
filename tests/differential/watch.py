"""Looks on while a program runs: torch's own functions write down what happens before they do it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from types import FrameType, TracebackType
from typing import Any

import torch
import torch.nn.functional
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from differential import pretend
from differential.constants import is_constant
from differential.trace import (
    AddGroup,
    Attribute,
    Backward,
    Build,
    Call,
    Event,
    Flag,
    LoadState,
    Loss,
    Mode,
    Move,
    Optimizer,
    Put,
    Raised,
    Snapshot,
    Step,
    Trace,
)

PROGRAM = "<program>"
# The classes of torchvision that programs inherit from, with the builder that is nearest.
INHERITED = {"resnet18": "ResNet", "vgg11": "VGG", "mobilenet_v2": "MobileNetV2"}
# What models for quantization have around all else.
STUBS = ("QuantStub", "DeQuantStub")
LOSSES = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "multilabel_soft_margin_loss",
)


class Watch:
    """Everything that is seen in one run; `install` patches torch for the life of the process."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.numbers: dict[int, int] = {}
        self.objects: list[object] = []
        self.kinds: dict[int, str] = {}
        self.made: dict[int, int] = {}
        self.origin: dict[int, tuple[int, str]] = {}
        self.models: list[nn.Module] = []
        self.roots: list[nn.Module] = []
        self.devices: dict[int, str] = {}
        self.building = 0
        self.by_us = False
        self.stack: list[nn.Module] = []
        self.called: list[int] = []
        self.recorded = False
        self.counting: list[tuple[nn.Module, int]] = []
        self.negative: list[int] = []
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.culprit: tuple[BaseException, Raised] | None = None
        self.outputs: dict[int, tuple[int, str, int | None]] = {}
        self.softmaxes: dict[int, int] = {}
        self.last: nn.Module | None = None
        self.constant: list[int] = []
        self.refusing: list[int] = []
        self.rounds: set[int] = set()
        self.widths: dict[int, int] = {}
        self.born: dict[int, int] = {}

    # -- Numbers and places ------------------------------------------------------------------------------------

    def number(self, thing: object) -> int:
        """The number of an object, which is kept alive so that no other gets its address."""
        found = self.numbers.get(id(thing))
        if found is None:
            found = self.numbers[id(thing)] = len(self.objects)
            self.objects.append(thing)
            if isinstance(thing, nn.Module):
                self.kinds[found] = type(thing).__name__
        return found

    @staticmethod
    def place() -> tuple[int, str]:
        """The innermost line of the program that is being run, and the function it stands in."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != PROGRAM:
            frame = frame.f_back
        if frame is None:
            return 0, ""
        name = frame.f_code.co_name
        return frame.f_lineno, "" if name == "<module>" else name

    @staticmethod
    def from_program() -> bool:
        """Whether the program itself, and not torch, called the function that asks."""
        return sys._getframe(2).f_code.co_filename == PROGRAM

    @staticmethod
    def from_trainer() -> bool:
        """Whether a pretended library stands between the program and torch."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != PROGRAM:
            if frame.f_code.co_filename == pretend.__file__:
                return True
            frame = frame.f_back
        return False

    def add(self, kind: Callable[..., Event], **what: Any) -> None:
        line, function = self.place()
        self.events.append(kind(line=line, function=function, **what))

    # -- Trees -------------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        modules: dict[str, dict[str, int]] = {}
        parameters: dict[str, dict[str, tuple[int, bool]]] = {}
        for root in dict.fromkeys([*self.models, *self.roots]):
            key = str(self.number(root))
            modules[key] = {path: self.number(module) for path, module in root.named_modules()}
            parameters[key] = {path: (self.number(p), p.requires_grad) for path, p in root.named_parameters()}
        if self.events and isinstance(self.events[-1], Snapshot):
            self.events.pop()
        self.add(Snapshot, modules=modules, parameters=parameters)

    def holds_a_model(self, root: nn.Module) -> bool:
        """Whether any part of a builder's model stands in a module."""
        return any(self.numbers.get(id(module)) in self.origin for module in root.modules())

    def was_part(self, root: nn.Module) -> bool:
        """Whether a module has stood in another one and was never called by itself."""
        number = self.number(root)
        called = any(isinstance(event, Call) and event.root == number for event in self.events)
        return not called and any(isinstance(event, Put) and event.new == number for event in self.events)

    def find_refusing(self, pictures: Sequence[Any]) -> None:
        """Call what raised when we called it last on other pictures: which models take none of them?"""
        events, roots = self.events.copy(), self.roots.copy()
        last = {call.root: call.raised for call in events if isinstance(call, Call) and call.by_us}
        for number, raised in last.items():
            if raised is not None and not any(self._takes(number, picture) for picture in pictures):
                self.refusing.append(number)
        self.events, self.roots = events, roots

    def _takes(self, number: int, picture: Any) -> bool:
        module = self.objects[number]
        assert isinstance(module, nn.Module)
        nn.Module.eval(module)
        try:
            with torch.no_grad():
                module(picture)
        except Exception:
            return False
        return True

    def find_constants(self) -> None:
        """Try on random numbers what holds new layers: which of it returns the same for all of them?

        These are the children of models, and chains around models.
        """
        # The program has called none of them by themselves.
        events, roots = self.events.copy(), self.roots.copy()
        self._find_constants()
        self.events, self.roots = events, roots

    def _find_constants(self) -> None:
        chains = [root for root in self.roots if type(root) is nn.Sequential and self.holds_a_model(root)]
        for part in (*chains, *(part for model in self.models for part in model.children())):
            numbers = [self.numbers.get(id(module)) for module in part.modules()]
            shape = self.shapes.get(self.numbers.get(id(part), -1))
            if shape is None or all(number in self.origin for number in numbers):
                continue
            nn.Module.eval(part)
            if is_constant(part, shape, [module for module in part.modules() if module in self.models]):
                self.constant.append(self.number(part))

    def trace(self, raised: Raised | None) -> Trace:
        """All that was seen, and how the program ended."""
        own = tuple(self.number(root) for root in self.roots)
        return Trace(
            events=tuple(self.events),
            raised=raised,
            kinds=self.kinds,
            made=self.made,
            origin=self.origin,
            own=own,
            constant=tuple(self.constant),
            refusing=tuple(self.refusing),
            rounds=tuple(self.rounds),
            widths=self.widths,
            born=self.born,
        )

    # -- What is patched ---------------------------------------------------------------------------------------

    def install(self, builders: dict[str, Callable[..., nn.Module]]) -> dict[str, Callable[..., nn.Module]]:
        """Patch torch, and return the builders as they are to be called from now on."""
        self._watch_modules()
        self._watch_flags()
        self._watch_calls()
        self._watch_moves()
        self._watch_training()
        import torchvision.models

        for name, kind in INHERITED.items():
            self._watch_inherited(getattr(torchvision.models, kind), name)
        return {name: self._builder(name, build) for name, build in builders.items()}

    def _builder(self, name: str, build: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        @wraps(build)
        def watched(*args: Any, **kwargs: Any) -> nn.Module:
            if self.building:
                return build(*args, **kwargs)
            given = {key: _plain(value) for key, value in kwargs.items()}
            self.building += 1
            try:
                model = build(*args, **kwargs)
            except Exception as error:
                self.add(Build, builder=name, model=None, arguments=given, raised=self.raised(error))
                raise
            finally:
                self.building -= 1
            self.add(Build, builder=name, model=self.made_by_library(model), arguments=given)
            return model

        return watched

    def made_by_library(self, model: nn.Module) -> int:
        """Note all that stands in a new model, and give its number."""
        number = self.number(model)
        for path, module in model.named_modules():
            self.origin[self.number(module)] = (number, path)
        self.born.update((self.number(one), number) for one in model.parameters())
        self.models.append(model)
        return number

    def _watch_inherited(self, kind: type[nn.Module], name: str) -> None:
        """Take an object of a class of the program that is built on a class of torchvision for a model of a builder."""
        watch = self
        initialise = kind.__init__

        def made(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            if watch.building or type(self).__module__ != "__main__":
                initialise(self, *args, **kwargs)
                return
            watch.building += 1
            try:
                with pretend.quick_weights():
                    initialise(self, *args, **kwargs)
            finally:
                watch.building -= 1
            watch.add(Build, builder=name, model=watch.made_by_library(self), arguments={})

        kind.__init__ = made  # type: ignore[method-assign]

    def _watch_modules(self) -> None:
        watch = self
        initialise, assign, add_module = nn.Module.__init__, nn.Module.__setattr__, nn.Module.add_module
        train, load = nn.Module.train, nn.Module.load_state_dict
        delete = nn.Module.__delattr__

        def made(self: nn.Module, *args: Any, **kwargs: Any) -> None:
            initialise(self, *args, **kwargs)
            if not watch.building:
                watch.made[watch.number(self)] = watch.place()[0]
                if type(self).__module__ == "__main__":
                    watch.roots.append(self)

        def assigned(self: nn.Module, name: str, value: Any) -> None:
            old = self.__dict__.get("_modules", {}).get(name)
            direct = watch.from_program()
            before = self.__dict__.get(name)
            assign(self, name, value)
            if watch.building or watch.stack:
                return
            if isinstance(value, nn.Module) or old is not None:
                new = self._modules.get(name)
                put = {"old": old and watch.number(old), "new": None if new is None else watch.number(new)}
                watch.add(Put, owner=watch.number(self), name=name, **put)
            elif direct and isinstance(value, (bool, int, float, str, tuple, type(None))):
                weight = self._parameters.get("weight")
                known = weight is not None and not isinstance(weight, nn.UninitializedParameter)
                fits = isinstance(value, int) and value in (tuple(weight.shape) if weight is not None and known else ())
                what = {"value": value, "before": _plain(before), "fits": fits}
                watch.add(Attribute, owner=watch.number(self), name=name, **what)

        def added(self: nn.Module, name: str, module: nn.Module | None) -> None:
            old = self._modules.get(name)
            add_module(self, name, module)
            if not watch.building:
                put = {"old": old and watch.number(old), "new": None if module is None else watch.number(module)}
                watch.add(Put, owner=watch.number(self), name=name, **put)

        def trained(self: nn.Module, mode: bool = True) -> nn.Module:
            if not watch.building and (watch.from_program() or sys._getframe(1).f_code.co_name == "eval"):
                caller = sys._getframe(1)
                if caller.f_code.co_name == "eval":
                    caller = caller.f_back or caller
                if caller.f_code.co_filename == PROGRAM:
                    watch.add(Mode, module=watch.number(self), training=mode)
            return train(self, mode)

        def loaded(self: nn.Module, state: Any, *args: Any, **kwargs: Any) -> Any:
            if not watch.building:
                watch.add(LoadState, module=watch.number(self))
            return load(self, state, *args, **kwargs)

        def deleted(self: nn.Module, name: str) -> None:
            old = self._modules.get(name)
            delete(self, name)
            if not watch.building:
                watch.add(Put, owner=watch.number(self), name=name, old=old and watch.number(old), new=None)

        modules: Any = nn.Module
        modules.__init__, modules.__setattr__, modules.__delattr__ = made, assigned, deleted
        modules.add_module = modules.register_module = added
        modules.train, modules.load_state_dict = trained, loaded

    def _flagged(self, name: str, value: bool, parameters: list[nn.Parameter]) -> None:
        numbers = tuple(self.number(one) for one in parameters)
        line, function = self.place()
        last = self.events[-1] if self.events else None
        same = isinstance(last, Flag) and (last.line, last.name, last.value) == (line, name, value)
        if same:
            assert isinstance(last, Flag)
            self.events[-1] = Flag(line, function, name, value, last.parameters + numbers)
        else:
            self.events.append(Flag(line, function, name, value, numbers))

    def _watch_flags(self) -> None:
        watch = self
        flag_all, flag_one = nn.Module.requires_grad_, Tensor.requires_grad_

        def assigned(self: nn.Parameter, name: str, value: Any) -> None:
            if not watch.building and isinstance(value, bool) and watch.from_program():
                watch._flagged(name, value, [self])
            Tensor.__setattr__(self, name, value)

        def flagged_one(self: nn.Parameter, requires_grad: bool = True) -> Tensor:
            if not watch.building and isinstance(self, nn.Parameter) and watch.from_program():
                watch._flagged("requires_grad", requires_grad, [self])
            return flag_one(self, requires_grad)

        def flagged_all(self: nn.Module, requires_grad: bool = True) -> nn.Module:
            if not watch.building:
                watch._flagged("requires_grad", requires_grad, list(self.parameters()))
            return flag_all(self, requires_grad)

        parameter: Any = nn.Parameter
        modules: Any = nn.Module
        parameter.__setattr__, parameter.requires_grad_ = assigned, flagged_one
        modules.requires_grad_ = flagged_all

    def _watch_calls(self) -> None:
        watch = self
        call = nn.Module.__call__

        def called(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if watch.building or type(self).__name__.endswith("Loss"):
                return call(self, *args, **kwargs)
            return watch._call(call, self, args, kwargs)

        modules: Any = nn.Module
        modules.__call__ = called

        for owner, name in (
            (torch.nn.functional, "softmax"),
            (torch, "softmax"),
            (Tensor, "softmax"),
            (torch, "sigmoid"),
        ):
            setattr(owner, name, self._softmax(getattr(owner, name)))

    def _softmax(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Tensor:
            result = function(*args, **kwargs)
            if self.from_program():
                self.softmaxes[self.number(result)] = self.place()[0]
            return result

        return watched

    def _call(self, call: Callable[..., Any], module: nn.Module, args: Any, kwargs: Any) -> Any:
        top = not self.stack
        number = self.number(module)
        given = next((one for one in args if isinstance(one, Tensor)), None)
        if top:
            self.called, self.counting, self.negative, self.culprit = [], [], [], None
            self.recorded = False
            if isinstance(module, nn.Module) and module not in self.roots and module not in self.models:
                self.roots.append(module)
        self.called.append(number)
        self.recorded |= bool(module._parameters) and torch.is_grad_enabled()
        counter = getattr(module, "num_batches_tracked", None)
        if isinstance(counter, Tensor):
            self.counting.append((module, int(counter)))
        if isinstance(module, nn.Linear) and given is not None and bool((given < 0).any()):
            self.negative.append(number)
        if self.by_us and given is not None:
            self.shapes[number] = tuple(given.shape)
        self.stack.append(module)
        try:
            self._same_device(module)
            result = call(module, *args, **kwargs)
        except Exception as error:
            if self.culprit is None or self.culprit[0] is not error:
                inside = tuple(self.number(one) for one in self.stack)
                shape = () if given is None else tuple(given.shape)
                about = Raised(type(error).__name__, str(error)[:300], (), number, inside, shape)
                self.culprit = (error, about)
            if top:
                self._ended(module, {}, self.raised(error))
            raise
        finally:
            self.stack.pop()
        if not any(True for _ in module.children()) and type(module).__name__ not in STUBS:
            self.last = module
        if isinstance(module, nn.Linear) and isinstance(result, Tensor):
            self.widths[number] = result.shape[-1]
        if top:
            flat = dict(_flat(result))
            for part, tensor in flat.items():
                last = None if self.last is None else self.number(self.last)
                self.outputs[self.number(tensor)] = (len(self.events), part, last)
            self._ended(module, {part: tuple(tensor.shape) for part, tensor in flat.items()}, None)
        return result

    def _ended(self, module: nn.Module, outputs: dict[str, tuple[int, ...]], raised: Raised | None) -> None:
        counts = [self.number(one) for one, before in self.counting if int(one.num_batches_tracked) != before]  # type: ignore[arg-type]
        self.add(
            Call,
            root=self.number(module),
            training=module.training,
            recorded=self.recorded,
            called=tuple(self.called),
            outputs=outputs,
            raised=raised,
            by_us=self.by_us,
            counts=tuple(counts),
            negative=tuple(self.negative),
        )

    def _same_device(self, module: nn.Module) -> None:
        """Raise what torch raises when a layer is on another device than what came before it."""
        own = next(iter(module._parameters.values()), None)
        if own is None or len(self.stack) < 2:
            return
        first = next(self.stack[0].parameters())
        devices = [self.devices.get(self.number(one), "cpu") for one in (first, own)]
        if devices[0] != devices[1]:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found {devices[0]} and {devices[1]}"
            )

    def _watch_moves(self) -> None:
        watch = self
        to, to_tensor = nn.Module.to, Tensor.to

        def move(module: nn.Module, device: str) -> nn.Module:
            watch.add(Move, module=watch.number(module), device=device)
            for one in module.parameters():
                watch.devices[watch.number(one)] = device
            return module

        def moved(self: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
            device = _device(args, kwargs)
            return move(self, device) if device else to(self, *args, **kwargs)

        def moved_tensor(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if _device(args, kwargs):
                return self
            return to_tensor(self, *args, **kwargs)

        modules: Any = nn.Module
        tensors: Any = Tensor
        modules.to, modules.cuda = moved, lambda self, *_: move(self, "cuda")
        modules.cpu = lambda self: move(self, "cpu")
        tensors.to, tensors.cuda = moved_tensor, lambda self, *_, **__: self

    def _watch_training(self) -> None:
        watch = self
        kind = torch.optim.Optimizer
        initialise, add_group = kind.__init__, kind.add_param_group
        backward: Any = Tensor.backward
        versions: dict[int, list[tuple[nn.Parameter, int]]] = {}
        making: list[object] = []

        def made(self: Any, params: Any, defaults: Any) -> None:
            watch.snapshot()
            making.append(self)
            try:
                initialise(self, params, defaults)
            except Exception as error:
                watch.add(Optimizer, number=watch.number(self), groups=(), raised=watch.raised(error))
                raise
            finally:
                making.pop()
            groups = tuple(tuple(watch.number(one) for one in group["params"]) for group in self.param_groups)
            watch.add(Optimizer, number=watch.number(self), groups=groups)

        def group_added(self: Any, group: dict[str, Any]) -> None:
            add_group(self, group)
            if self not in making:
                numbers = tuple(watch.number(one) for one in self.param_groups[-1]["params"])
                watch.add(AddGroup, optimizer=watch.number(self), parameters=numbers)

        def before(optimizer: Any, *_: Any) -> None:
            watch.snapshot()
            held = [one for group in optimizer.param_groups for one in group["params"]]
            versions[id(optimizer)] = [(one, one._version) for one in held]

        def after(optimizer: Any, *_: Any) -> None:
            changed = [watch.number(one) for one, version in versions[id(optimizer)] if one._version != version]
            watch.add(Step, optimizer=watch.number(optimizer), changed=tuple(changed), by_trainer=watch.from_trainer())

        def backwarded(self: Tensor, *args: Any, **kwargs: Any) -> None:
            watch.snapshot()
            raised = None
            try:
                backward(self, *args, **kwargs)
            except Exception as error:
                raised = watch.raised(error)
                raise
            finally:
                grads: dict[int, float] = {}
                for root in (*watch.models, *watch.roots):
                    for one in root.parameters():
                        if one.grad is not None:
                            grads[watch.number(one)] = float(one.grad.abs().max())
                largest = max(grads.values(), default=0.0)
                watch.add(Backward, gradients=tuple(grads), largest=largest, raised=raised)

        optimizers: Any = kind
        optimizers.__init__, optimizers.add_param_group = made, group_added
        register_optimizer_step_pre_hook(before)
        register_optimizer_step_post_hook(after)
        tensors: Any = Tensor
        tensors.backward = backwarded
        for name in LOSSES:
            setattr(torch.nn.functional, name, self._loss(name, getattr(torch.nn.functional, name)))

    def _loss(self, name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @wraps(function)
        def watched(given: Any, *args: Any, **kwargs: Any) -> Tensor:
            call, part, last = self.outputs.get(self.numbers.get(id(given), -1), (None, "", None))
            rows = given.detach() if isinstance(given, Tensor) else torch.zeros(0)
            sums = rows.ndim >= 2 and torch.allclose(
                rows.float().sum(1), torch.ones_like(rows[:, 0]).float(), atol=1e-4
            )
            unit = rows.numel() > 0 and bool(((rows >= 0) & (rows <= 1)).all())
            value, raised = None, None
            try:
                result = function(given, *args, **kwargs)
                value = float(result) if result.numel() == 1 else None
            except Exception as error:
                raised = self.raised(error)
                raise
            finally:
                self.add(
                    Loss,
                    name=name,
                    call=call,
                    part=part,
                    shape=tuple(rows.shape),
                    sums_to_one=bool(sums and unit),
                    in_unit=unit,
                    value=value,
                    raised=raised,
                    last=last,
                    squashed=self.softmaxes.get(self.numbers.get(id(given), -1), 0),
                )
            return result

        return watched

    # -- Exceptions --------------------------------------------------------------------------------------------

    def raised(self, error: BaseException) -> Raised:
        """An exception as data, with the module whose call it came from if it came from one."""
        about = self.culprit[1] if self.culprit is not None and self.culprit[0] is error else None
        frames = list(_frames(error.__traceback__))
        lines = tuple(line for name, line, _ in frames if name == PROGRAM)
        owner = ""
        if frames and frames[-1][0] != PROGRAM and isinstance(frames[-1][2], nn.Module):
            owner = type(frames[-1][2]).__name__
        found = re.search(r"'(?:\w+\.)*(\w+)' object", str(error))
        if not owner and found:
            owner = found[1]
        if about is None:
            return Raised(type(error).__name__, str(error)[:300], lines, owner=owner)
        return Raised(about.type, about.message, lines, about.module, about.inside, about.shape, owner)


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int, Any]]:
    while traceback is not None:
        frame = traceback.tb_frame
        yield frame.f_code.co_filename, traceback.tb_lineno, frame.f_locals.get("self")
        traceback = traceback.tb_next


def _flat(result: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(result, Tensor):
        yield name, result
    elif isinstance(result, dict):
        for key, value in result.items():
            yield from _flat(value, f"{name}.{key}".strip("."))
    elif isinstance(result, (list, tuple)):
        keys = getattr(result, "_fields", range(len(result)))
        for key, value in zip(keys, result, strict=False):
            yield from _flat(value, f"{name}.{key}".strip("."))


def _device(args: Any, kwargs: Any) -> str:
    """The kind of the device that `to` was given, if it was given one."""
    for one in (*args, kwargs.get("device")):
        if isinstance(one, torch.device):
            return one.type
        if isinstance(one, str):
            return one.partition(":")[0]
    return ""


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
