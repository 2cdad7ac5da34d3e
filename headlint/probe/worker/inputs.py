"""What a model is given: an input of the kind that it takes, and for a forward of several inputs one for each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .guard import judge
from .programs import UNKNOWN, Program
from .refusal import NoObservation
from .standins import OpaqueReached

if TYPE_CHECKING:
    from .experiment import Experiment

# Layers that leave the shape of what they are given as it is.
_KEEPING_SHAPE = ("Dropout", "ReLU", "GELU", "SiLU", "Identity", "LeakyReLU", "ELU", "Tanh", "Sigmoid")
# More sizes than these have further inputs that are not tried.
_MORE = 4
_MOST_OTHERS = 8


def inputs(experiment: Experiment, model: Any, shape: list[int], training: bool) -> tuple[Any, ...]:
    """What this kind of model takes, of that shape: numbers where they count, and zeros otherwise."""
    torch = experiment.torch
    experiment.replay.plan(4 * math.prod(shape))
    filled = training or experiment.recipe.values
    batch = torch.rand(shape) if filled else torch.zeros(shape)
    program = _program_of(experiment, model)
    if program is not None and program.inputs > 1:
        shapes = [_shapes(experiment, program, number, shape)[0] for number in range(program.inputs)]
        return tuple(_filled(experiment, wanted, filled) for wanted in shapes)
    root = _entrance(experiment, model)
    home = type(root).__module__
    if home.startswith("torchvision.models.detection."):
        _keep_size(root, min(shape[-2:]))
        images = list(batch)
        return (images, [_target(torch, root, image) for image in images]) if training else (images,)
    if home == "torchvision.models.optical_flow.raft":
        return batch, batch
    return (batch,)


def runs_otherwise(experiment: Experiment, model: Any, shape: list[int]) -> bool:
    """Whether a forward that has raised may run where further inputs have more sizes than they must."""
    for given in _other_inputs(experiment, model, shape):
        try:
            with experiment.torch.no_grad():
                model(*given)
        except NoObservation:
            raise
        except OpaqueReached:
            return True
        except Exception as error:
            judge(error)
        else:
            return True
    return False


def _other_inputs(experiment: Experiment, model: Any, shape: list[int]) -> Iterator[tuple[Any, ...]]:
    """The inputs of a forward of several, where some have more sizes than `inputs` gives them."""
    program = _program_of(experiment, model)
    if program is None or program.inputs == 1:
        return
    choices = [_shapes(experiment, program, number, shape) for number in range(program.inputs)]
    for shapes in itertools.islice(itertools.product(*choices), 1, _MOST_OTHERS):
        yield tuple(_filled(experiment, wanted, False) for wanted in shapes)


def _program_of(experiment: Experiment, model: Any) -> Program | None:
    """The program that is run when a module is called, None if it is none of the user's own."""
    while type(model) in experiment.libraries.wrappers.values():
        model = model.module
    program = vars(model).get("forward")
    return program if isinstance(program, Program) else None


def _filled(experiment: Experiment, wanted: Any, filled: bool) -> Any:
    """A tensor of a shape, of whole numbers if these are wanted; for none what stands for one that is not known."""
    if wanted is None:
        return UNKNOWN
    torch, (shape, whole) = experiment.torch, wanted
    experiment.replay.plan(4 * math.prod(shape))
    if whole:
        return torch.zeros(shape, dtype=torch.int64)
    return torch.rand(shape) if filled else torch.zeros(shape)


def _shapes(experiment: Experiment, program: Program, number: int, image: list[int]) -> list[Any]:
    """The shapes that an input of a program may have, by what takes it; the first of them is the likeliest."""
    taker = program.entrance(number)
    layer = None if taker is None else _first_layer(experiment, taker)
    nn = experiment.libraries.nn
    batch = image[0]
    if isinstance(layer, nn.Linear):
        width = layer.weight.shape[1]
        return [([batch, width], False), ([batch, _MORE, width], False)]
    if isinstance(layer, nn.BatchNorm1d):
        width = layer.num_features
        return [([batch, width], False), ([batch, width, _MORE], False)]
    if isinstance(layer, nn.Embedding):
        return [([batch], True), ([batch, _MORE], True)]
    if layer is not None and (type(layer) is nn.Conv2d or type(layer).__module__.startswith("torchvision.")):
        stem = next((part for part in layer.modules() if isinstance(part, nn.Conv2d)), None)
        channels = image[1] if stem is None else stem.weight.shape[1] * stem.groups
        return [([batch, channels, *image[2:]], False)]
    return [None]


def _first_layer(experiment: Experiment, module: Any) -> Any:
    """The layer that an input comes to, behind those that leave its shape as it is; None where there is none."""
    for _ in range(20):
        program = _program_of(experiment, module)
        if program is not None:
            module = program.entrance()
        elif type(module) in experiment.libraries.wrappers.values():
            module = module.module
        elif type(module) is experiment.libraries.nn.Sequential:
            module = next((part for part in module if type(part).__name__ not in _KEEPING_SHAPE), None)
        else:
            return module
    return None


def _target(torch: Any, model: Any, image: Any) -> dict[str, Any]:
    """What a detection model learns from: one object of class 1 in the middle of the image."""
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


def _keep_size(model: Any, size: int) -> None:
    """Let a detection model take its images as they are: enlarging them to 800 pixels proves nothing more."""
    transform: Any = getattr(model, "transform", None)
    if getattr(transform, "fixed_size", 0) is None and hasattr(transform, "min_size"):
        transform.min_size = (size,)


def _entrance(experiment: Experiment, model: Any) -> Any:
    """The module that the input comes to: through wrappers, into programs, and the first of a Sequential."""
    for _ in range(20):
        program = vars(model).get("forward")
        if isinstance(program, Program) and program.entrance() is not None:
            model = program.entrance()
        elif type(model) in experiment.libraries.wrappers.values():
            model = model.module
        elif type(model) is experiment.libraries.nn.Sequential and len(model) > 0:
            model = model[0]
        else:
            break
    return model
