"""Classes built on `nn.Sequential` as heads: what they do to the model around them, checked by the real one."""

from __future__ import annotations

import pytest
from check_helpers import told
from flow_helpers import IMPORTS
from probe_helpers import needs_torch

HEAD = """
from collections import OrderedDict
class Head(nn.Sequential):
    def __init__(self, inside, classes):
        super().__init__({})
model = models.resnet18(weights="DEFAULT")
model.requires_grad_(False)
model.fc = Head({}, 10)
optimizer = torch.optim.SGD(model.fc.parameters(), 0.1)
"""
LAYERS = (
    "nn.Dropout(0.2), nn.Linear(inside, 64), nn.ReLU(), nn.Linear(64, classes)",
    "OrderedDict(drop=nn.Dropout(0.2), one=nn.Linear(inside, 64), act=nn.ReLU(), two=nn.Linear(64, classes))",
    "*[nn.Dropout(0.2), nn.Linear(inside, 64), nn.ReLU(), nn.Linear(64, classes)]",
)


@needs_torch
@pytest.mark.parametrize("layers", LAYERS)
def test_a_head_of_its_own_class_is_run(layers: str) -> None:
    assert told(IMPORTS + HEAD.format(layers, 512), "require") == []
    assert told(IMPORTS + HEAD.format(layers, 2048), "require") == ["HL201"]
    assert told(IMPORTS + HEAD.format(layers.replace("Linear(64,", "Linear(32,"), 512), "require") == ["HL202"]


OWN = {
    "a forward of its own": """
class Head(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(512, 64), nn.Linear(512, 10))
    def forward(self, x):
        return self[1](x)
model = models.resnet18()
model.fc = Head()
""",
    "layers that come later": """
class Head(nn.Sequential):
    def __init__(self, depth):
        super().__init__()
        for i in range(depth):
            self.add_module(f"layer{i}", nn.Linear(512, 512))
        self.out = nn.Linear(512, 10)
args = parse()
model = models.resnet18()
model.fc = Head(args.depth)
print(model.fc.layer3)
""",
    "an attribute from elsewhere": """
from mixins import Scaled
class Head(nn.Sequential, Scaled):
    def __init__(self):
        super().__init__(nn.Linear(512, 10))
model = models.resnet18()
model.fc = Head()
print(model.fc.scale, model.fc.weight)
""",
    "a whole net": """
class Net(nn.Sequential):
    def __init__(self, classes):
        body = models.resnet18(weights="DEFAULT")
        width = body.fc.in_features
        body.fc = nn.Identity()
        super().__init__(body, nn.Linear(width, classes))
net = Net(10)
for p in net[0].parameters():
    p.requires_grad = False
optimizer = torch.optim.SGD(net[1].parameters(), 0.1)
net(torch.rand(2, 3, 64, 64))
""",
}


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_right_programs_stay_clean(text: str) -> None:
    assert told(IMPORTS + text) == []


@needs_torch
def test_a_net_that_does_not_fit_its_head() -> None:
    assert told(IMPORTS + OWN["a whole net"].replace("width, classes", "width // 2, classes"), "require") == ["HL205"]
