"""Replaying a recipe, event by event, on real modules."""

from __future__ import annotations

import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from .building import DownloadReached, ZeroPool, replaced_inits, weights_out_of_reach, weights_without_download
from .guard import GUARD, OUT_OF_MEMORY, judge
from .libraries import OPTIMIZERS, Libraries
from .programs import Program
from .recipe import NOT_FOR_BUILDERS, NOT_FOR_LAYERS, Recipe
from .refusal import NoObservation, brief, gigabytes, refuse
from .standins import OpaqueReached
from .tensors import size_of

if TYPE_CHECKING:
    from .recipe import Json, Ref


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

    def run(self, look: Callable[[int], None]) -> list[dict[str, Any] | None]:
        """Replay every event, up to the first that raises or would download something.

        `look` is called with the number of each event that the recipe wants looked at, when it has been replayed.
        """
        seen: list[dict[str, Any] | None] = []
        for index, event in enumerate(self.recipe.events):
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
            if event.get("look"):
                look(index)
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
        if "weights" in accepted:
            arguments["weights"] = None
        if "weights_backbone" in accepted:
            arguments["weights_backbone"] = "DEFAULT" if event.get("backbone") else None
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
        vars(owner)["forward"] = Program(self.libraries.torch, owner, operations, self.recipe.inputs_of(event))

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

    def named(self, refs: Iterable[Json]) -> Iterator[Any]:
        """The parameters that references name; a star stands for those of a stand-in, which are not known."""
        for number, path in refs:
            own = self.parameters.get(number, {})
            if path.endswith("*"):
                yield from (own[name] for name in own if name == "opaque")
            elif path in own:
                yield own[path]
            else:
                raise refuse(f"no parameter stood at {brief(path)} of object {number}")

    def flag(self, event: dict[str, Any]) -> None:
        """requires_grad of each of these parameters."""
        for parameter in self.named(event["parameters"]):
            parameter.requires_grad = event["value"]

    def load(self, event: dict[str, Any]) -> None:
        """What `load_state_dict` returns is called, or asked for an attribute; nothing is loaded."""
        result = self.module(event["target"]).load_state_dict({}, strict=False)
        if event["use"] == "()":
            result(self.libraries.torch.zeros(1))
        else:
            getattr(result, event["use"])

    def parameter_attribute(self, event: dict[str, Any]) -> None:
        """A plain value as an attribute of each of these parameters."""
        for parameter in self.named(event["parameters"]):
            setattr(parameter, event["name"], self.recipe.plain(event["value"]))

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
            groups = [list(self.named(group)) for group in self.recipe.groups(event)]
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
