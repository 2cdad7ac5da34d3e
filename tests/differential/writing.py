"""How pieces of code become the text of a program."""

from __future__ import annotations

import re
import textwrap

from differential.drawing import Draw

HEADER = """\
import copy
import functools
import itertools
import re
import sys
from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F
@nn
from torch import optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms
@models

EPOCHS = 1
FEATURE_EXTRACT = True
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""

HELPERS = {
    "set_parameter_requires_grad": """\
def set_parameter_requires_grad(model, feature_extracting):
    if feature_extracting:
        for param in model.parameters():
            param.requires_grad = False
""",
    "freeze_backbone": """\
def freeze_backbone(model):
    model.eval()
""",
    "make_head": """\
def make_head(in_features, classes):
    return nn.Sequential(nn.Linear(in_features, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, classes))
""",
    "Head": """\
class Head(nn.Module):
    def __init__(self, in_features, classes):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.linear = nn.Linear(in_features, classes)

    def forward(self, x):
        return self.linear(self.drop(x))
""",
    "set_module": """\
def set_module(model, path, module):
    *parents, last = path.split(".")
    for name in parents:
        model = getattr(model, name)
    setattr(model, last, module)
""",
    "set_trainable": """\
def set_trainable(module, flag):
    for param in module.parameters():
        param.requires_grad = flag
""",
    "freeze_until": """\
def freeze_until(model, stop):
    for name, param in model.named_parameters():
        if name.startswith(stop):
            break
        param.requires_grad = False
""",
    "freeze_layer": """\
def freeze_layer(module):
    for param in module.parameters(recurse=False):
        param.requires_grad = False
""",
    "Adapter": """\
class Adapter(nn.Module):
    def __init__(self, old, classes):
        super().__init__()
        self.old = old
        self.new = nn.Linear(old.out_features, classes)

    def forward(self, x):
        return self.new(F.relu(self.old(x)))
""",
    "CosineHead": """\
class CosineHead(nn.Module):
    def __init__(self, in_features, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, in_features))
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, x):
        return self.scale * F.linear(F.normalize(x), F.normalize(self.weight))
""",
}

DATA = """\
transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
train_set = datasets.ImageFolder("data/train", transform)
loader = DataLoader(train_set, batch_size=32, shuffle=True)
"""


def finished(draw: Draw, text: str) -> str:
    """The program with the imports that it needs, in one of the ways to write them."""
    spelling = draw.pick(["from", "as", "tvm", "whole"])
    imports = {
        "from": "from torchvision import models",
        "as": "import torchvision.models as models",
        "tvm": "import torchvision.models as tvm",
        "whole": "import torchvision",
    }[spelling]
    other = {"tvm": "tvm.", "whole": "torchvision.models."}.get(spelling)
    body = text
    if other:
        body = re.sub(r"(?<![\w.\"'])models\.", other, body)
        body = body.replace("getattr(models,", f"getattr({other[:-1]},")
    nn = draw.pick(["import torch.nn as nn", "from torch import nn"])
    helpers = "\n\n".join(code for name, code in HELPERS.items() if re.search(rf"\b{name}[()]", body))
    header = HEADER.replace("@nn", nn).replace("@models", imports)
    return f"{header}\n\n{helpers}\n\n{body}" if helpers else f"{header}\n\n{body}"


def indented(text: str, depth: int = 1) -> str:
    return textwrap.indent(text, "    " * depth)


def joined(*pieces: str) -> str:
    return "".join(piece.rstrip("\n") + "\n" for piece in pieces if piece.strip())


def class_count(draw: Draw) -> tuple[str, str]:
    """An expression for the number of classes, and the code that defines it."""
    return draw.pick(
        [
            ("7", ""),
            ("NUM_CLASSES", "NUM_CLASSES = 5\n"),
            ("num_classes", "num_classes = len(train_set.classes)\n"),
            ("len(train_set.classes)", ""),
            (
                "config.classes",
                "@dataclass\nclass Config:\n    classes: int = 6\n    lr: float = 1e-3\n\n\nconfig = Config()\n",
            ),
            ("config['classes']", "config = {'classes': 4, 'lr': 0.1}\n"),
        ],
    )


def laid_out(draw: Draw, *, build: str, surgery: str, rest: str, classes: str, define: str) -> str:
    """A program in which a function makes the model, or one without any."""
    if draw.coin():
        body = indented(joined(f"model = {build}", surgery, "return model"))
        return f"def get_model(num_classes):\n{body}\n\n" + joined(DATA, define, f"model = get_model({classes})", rest)
    return joined(DATA, define, f"model = {build}", re.sub(r"(?<![.\w])num_classes\b(?!=)", classes, surgery), rest)
