"""Programs whose settings stand in Enums, dataclasses and named tuples."""

from __future__ import annotations

import pytest
from check_helpers import told
from flow_helpers import IMPORTS, builders

PROGRAM = """
import dataclasses
from collections import namedtuple
from enum import Enum

class Arch(Enum):
    RESNET = "resnet18"
    VGG = "vgg16"

Head = namedtuple("Head", "place width")
HEADS = {Arch.RESNET: Head("fc", 512), Arch.VGG: Head("classifier.6", 4096)}

@dataclasses.dataclass
class Config:
    arch: Arch = Arch.RESNET
    classes: int = 10

def build(config: Config):
    model = models.get_model(config.arch.value)
    place, width = HEADS[config.arch]
    model.set_submodule(place, nn.Linear(width, config.classes))
    return model

net = build(Config())
other = build(dataclasses.replace(Config(), arch=Arch.VGG))
"""
CLEAN = {
    "dispatch": PROGRAM,
    "a chain of members": """
from enum import Enum
class Arch(Enum):
    RESNET = 1
    VGG = 2
def build(arch: Arch):
    if arch is Arch.RESNET:
        model = models.resnet18()
        model.fc = nn.Linear(512, 10)
    elif arch == Arch.VGG:
        model = models.vgg16()
        model.classifier[6] = nn.Linear(4096, 10)
    else:
        raise ValueError(arch)
    if arch is Arch.VGG:
        print(model.classifier[6].in_features)
    else:
        print(model.fc.in_features)
    return model
""",
    "an Enum with methods that torch knows nothing of": """
from enum import Enum
class Part(Enum):
    HEAD = "fc"
    LAST = "layer4"
    def of(self, model):
        return getattr(model, self.value)
model = models.resnet18()
model.requires_grad_(False)
model.fc = nn.Linear(512, 10)
for part in Part:
    part.of(model).requires_grad_(True)
optimizer = torch.optim.SGD([p for part in Part for p in part.of(model).parameters()], 0.1)
""",
    "a copy of a configuration shares nothing": """
import dataclasses
@dataclasses.dataclass
class Config:
    widths: list = dataclasses.field(default_factory=lambda: [512, 10])
config = Config()
plain = dataclasses.asdict(config)
plain["widths"][0] = 4
model = models.resnet18()
model.fc = nn.Linear(*config.widths)
""",
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_right_programs_stay_clean(text: str) -> None:
    assert told(IMPORTS + text) == []


def test_what_stands_in_them_is_known() -> None:
    assert builders(PROGRAM) == {"resnet18", "vgg16"}
    assert told(IMPORTS + PROGRAM.replace('"fc", 512', '"fc", 2048')) == ["HL201"]
    assert told(IMPORTS + PROGRAM.replace('"classifier.6"', '"fc"')) == ["HL101"]
    assert told(IMPORTS + CLEAN["a chain of members"].replace("if arch is Arch.VGG:", "if arch is Arch.RESNET:")) == [
        "HL102",
        "HL102",
    ]
