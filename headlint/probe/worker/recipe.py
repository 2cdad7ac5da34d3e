"""Reading a recipe: it is data, and what is not on the closed lists is refused before anything runs."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from .programs import KINDS, Operation
from .refusal import NoObservation, brief, refuse

if TYPE_CHECKING:
    from .libraries import Libraries

    Json = Any
    Ref = tuple[int, str]


RECIPE_FORMAT = 1


MOST_OPERATIONS = 64
MOST_INPUTS = 4


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
        self.describe = data.get("describe") is True
        self.looks = [self.shape(item) or [] for item in self.list_of(data.get("looks", []), "looks")]
        self.inner = self.ref(data.get("inner", data.get("model")))
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

    def inputs_of(self, event: dict[str, Any]) -> int:
        """How many inputs a forward has."""
        count = event.get("inputs", 1)
        if type(count) is not int or not 1 <= count <= MOST_INPUTS:
            raise refuse(f"a forward of {brief(count)} inputs")
        return count

    def operations(self, event: dict[str, Any]) -> list[Operation]:
        """The operations of a forward, each of which takes values that those before it gave."""
        given = self.list_of(event.get("operations"), "operations")
        if not 1 <= len(given) <= MOST_OPERATIONS:
            raise refuse(f"{len(given)} operations, not 1 to {MOST_OPERATIONS}")
        first = 1 - self.inputs_of(event)
        return [self.operation(step, range(first, values)) for values, step in enumerate(given, 1)]

    def operation(self, step: Json, values: range) -> Operation:
        """One operation where there are these values before it."""
        kind = step.get("kind") if isinstance(step, dict) else step
        if not isinstance(kind, str) or (kind != "call" and kind not in KINDS):
            raise refuse("unknown operation " + brief(kind))
        inputs = self.list_of(step.get("inputs"), "inputs")
        for number in inputs:
            if type(number) is not int or number not in values:
                raise refuse(f"{brief(number)} is no value before this operation")
        # An argument that is null is one that is not given.
        arguments = {name: value for name, value in self.arguments(step, frozenset()).items() if value is not None}
        several = kind in ("call", "cat", "tuple", "dict")
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
        if kind == "dict" and len(arguments["keys"]) != len(inputs):
            raise refuse("a dict with other keys than values")
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
