"""The process that has torch: it forks for every program that it reads, runs it there and writes what happened.

<- {"text": "...", "arguments": ["--arch", "resnet18"], "inputs": [3, 64, 64], "targets": "classes", "timeout": 60}
-> the trace as JSON, or {"failed": "..."}
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import select
import signal
import sys
import traceback
import warnings
from types import ModuleType
from typing import Any

import torch
from torch import nn

from differential import pretend
from differential.trace import Trace, dumped
from differential.watch import PROGRAM, Watch
from headlint.probe.worker.importing import import_libraries
from headlint.zoo.generator.offline import NoWeights

TWICE = 2


class Rounds(ast.NodeTransformer):
    """Lets every `for` tell that it has come to a round."""

    def visit_For(self, node: ast.For) -> ast.For:
        self.generic_visit(node)
        told = ast.parse(f"__round__({node.lineno})").body[0]
        for part in ast.walk(told):
            ast.copy_location(part, node)
        node.body.insert(0, told)
        return node


def serve() -> None:
    """One line in, one line out, until the input ends."""
    torch.manual_seed(0)
    libraries = import_libraries()
    import torchvision

    # What the first use of each would import is imported once, here.
    import torchvision.datasets
    import torchvision.transforms  # noqa: F401

    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
    optimizer.step()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for line in sys.stdin:
        answers.write(_forked(json.loads(line), libraries) + "\n")


def _forked(job: dict[str, Any], libraries: Any) -> str:
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            answer = _run(job, libraries)
        except BaseException:
            answer = json.dumps({"failed": traceback.format_exc()[-1500:]})
        with os.fdopen(into, "w") as stream:
            stream.write(answer)
        os._exit(0)
    os.close(into)
    pieces: list[bytes] = []
    with os.fdopen(out, "rb", buffering=0) as stream:
        while select.select([stream], [], [], job["timeout"])[0]:
            piece = stream.read(1 << 20)
            if not piece:
                break
            pieces.append(piece)
        else:
            os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return b"".join(pieces).decode() or json.dumps({"failed": "no answer"})


def _run(job: dict[str, Any], libraries: Any) -> str:
    from torchvision.models import _api

    watch = Watch()
    quick = {name: pretend.quick(build) for name, build in _api.BUILTIN_MODELS.items()}
    originals = {id(build): name for name, build in _api.BUILTIN_MODELS.items()}
    builders = watch.install(quick)
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("torchvision.models"):
            for name, value in list(vars(module).items()):
                if id(value) in originals:
                    setattr(module, name, builders[originals[id(value)]])
    _api.BUILTIN_MODELS.update(builders)
    _furnish(job, builders)
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["program.py", *job["arguments"]]
    raised = None
    program = vars(module)
    try:
        program["__round__"] = watch.rounds.add
        tree = Rounds().visit(ast.parse(job["text"]))
        exec(compile(tree, PROGRAM, "exec"), program)
        for code in job.get("drive", []):
            exec(compile(code, "<drive>", "exec"), program)
    except SystemExit:
        pass
    except Exception as error:
        raised = watch.raised(error)
    watch.snapshot()
    _call_once_more(watch, job)
    trace: Trace = watch.trace(raised)
    return dumped(trace)


def _furnish(job: dict[str, Any], builders: Any) -> None:
    """Give the program data, devices and packages that are not there."""
    import torch.utils.data
    import torchvision.datasets

    warnings.simplefilter("ignore")
    loader = pretend.loader_class(lambda: batch(job))
    data: Any = torch.utils.data
    data.DataLoader = loader
    for name in ("ImageFolder", "CIFAR10", "CIFAR100", "FashionMNIST", "Flowers102", "OxfordIIITPet", "CocoDetection"):
        setattr(torchvision.datasets, name, pretend.Data)
    everything: Any = torch
    everything.cuda.is_available = lambda: True
    parallel: Any = nn.DataParallel
    wrap = parallel.__init__

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        everything.cuda.is_available = lambda: False
        wrap(self, *args, **kwargs)
        everything.cuda.is_available = lambda: True

    parallel.__init__ = wrapped
    everything.hub.load = pretend.hub_load(builders)
    everything.compile = lambda model, *_, **__: model
    everything.load, everything.save = pretend.saved, lambda *_, **__: None
    load = nn.Module.load_state_dict
    modules: Any = nn.Module
    result = torch.nn.modules.module._IncompatibleKeys([], [])

    def load_anything(self: nn.Module, state: Any, *args: Any, **kwargs: Any) -> Any:
        answer = load(self, {} if isinstance(state, NoWeights) else state, strict=False)
        return answer if answer is None else result

    modules.load_state_dict = load_anything
    sys.modules["pytorch_lightning"] = pretend.lightning()
    builtins.print = lambda *_, **__: None
    sys.addaudithook(pretend.blocked)


def batch(job: dict[str, Any]) -> Any:
    """Two samples with their targets."""
    shape = job["inputs"]
    kind = job["targets"]
    if kind == "boxes":
        images = [torch.rand(shape) for _ in range(TWICE)]
        boxes = torch.tensor([[4.0, 4.0, 40.0, 40.0]])
        target = {
            "boxes": boxes,
            "labels": torch.ones(1, dtype=torch.long),
            "masks": torch.zeros(1, *shape[1:]),
            "keypoints": torch.ones(1, 17, 3),
        }
        return images, [dict(target) for _ in range(TWICE)]
    samples = torch.randn(TWICE, *shape)
    if kind == "masks":
        return samples, torch.zeros(TWICE, *shape[1:], dtype=torch.long)
    return samples, torch.zeros(TWICE, dtype=torch.long)


def other_pictures(shape: list[int]) -> list[list[int]]:
    """Shapes like one, of other sizes and with other numbers of channels."""
    sizes = [[*shape[:-2], size, size] for size in (32, 96, 224)]
    return sizes + [[channels, *shape[1:]] for channels in (1, 2, 4)]


def _call_once_more(watch: Watch, job: dict[str, Any]) -> None:
    """Call every model in both modes, as somebody would who gets them, and its parts with changed layers alone."""
    watch.by_us = True
    inside = {id(part) for root in (*watch.models, *watch.roots) for part in list(root.modules())[1:]}
    roots = [
        one for one in watch.roots if id(one) not in inside and watch.holds_a_model(one) and not watch.was_part(one)
    ]
    for root in dict.fromkeys([*watch.models, *roots]):
        for training in (False, True):
            nn.Module.train(root, training)
            with torch.no_grad():
                try:
                    root(batch(job)[0])
                except Exception:
                    break
    watch.find_refusing([batch({**job, "inputs": shape})[0] for shape in other_pictures(job["inputs"])])
    watch.find_constants()


if __name__ == "__main__":
    serve()
