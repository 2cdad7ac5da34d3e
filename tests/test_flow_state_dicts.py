"""Programs that take state dicts apart and load them: nothing may be claimed of these."""

from __future__ import annotations

import pytest
from check_helpers import told
from flow_helpers import IMPORTS

BEGIN = """
model = models.resnet18(weights="DEFAULT")
source = models.resnet18(weights="DEFAULT")
"""
TRAIN = """
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for x, y in load():
    nn.CrossEntropyLoss()(model(x), y).backward()
    optimizer.step()
"""
LOADED = {
    "items": """
wanted = {}
for key, value in source.state_dict().items():
    if not key.startswith("fc."):
        wanted[key] = value
model.fc = nn.Linear(512, 10)
model.load_state_dict(wanted, strict=False)
""",
    "pop": """
sd = source.state_dict()
sd.pop("fc.weight")
sd.pop("fc.bias", None)
model.fc = nn.Linear(512, 10)
missing, unexpected = model.load_state_dict(sd, strict=False)
print(missing, unexpected)
""",
    "del": """
sd = source.state_dict()
del sd["fc.weight"], sd["fc.bias"]
model.fc = nn.Linear(512, 10)
print(model.load_state_dict(sd, strict=False).missing_keys)
""",
    "comprehension over shapes": """
model.fc = nn.Linear(512, 10)
own = model.state_dict()
sd = {k: v for k, v in source.state_dict().items() if k in own and v.shape == own[k].shape}
own.update(sd)
model.load_state_dict(own)
assert len(sd) == len(own) - 2
""",
    "what is loaded is frozen": """
model.fc = nn.Linear(512, 10)
sd = {k: v for k, v in source.state_dict().items() if not k.startswith("fc")}
model.load_state_dict(sd, strict=False)
for name, parameter in model.named_parameters():
    if name in sd:
        parameter.requires_grad = False
""",
    "what is not loaded is trained": """
model.fc = nn.Linear(512, 10)
for parameter in model.parameters():
    parameter.requires_grad = False
result = model.load_state_dict(torch.load("weights.pth"), strict=False)
for name, parameter in model.named_parameters():
    if name in result.missing_keys:
        parameter.requires_grad = True
""",
    "renamed keys": """
sd = torch.load("weights.pth")
sd = {key.replace("module.", ""): value for key, value in sd.items()}
classes = sd["fc.weight"].shape[0]
model.fc = nn.Linear(sd["fc.weight"].size(1), classes)
model.load_state_dict(sd)
""",
    "sizes of the head": """
width = source.state_dict()["fc.weight"].shape[1]
model.fc = nn.Linear(width, 10)
model.fc.weight.data[:] = source.state_dict()["fc.weight"][:10]
""",
    "the best of all rounds": """
import copy
model.fc = nn.Linear(512, 10)
best = copy.deepcopy(model.state_dict())
for _ in range(3):
    if better():
        best = {k: v.clone() for k, v in model.state_dict().items()}
model.load_state_dict(best)
""",
    "a class of its own": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = models.resnet18()
        self.body.fc = nn.Identity()
        self.head = nn.Linear(512, 10)
    def forward(self, x):
        return self.head(self.body(x))
net = Net()
sd = source.state_dict()
for key in list(sd):
    if key.startswith("fc"):
        del sd[key]
net.body.load_state_dict({k: v for k, v in sd.items()})
model = net
""",
}


@pytest.mark.parametrize("text", LOADED.values(), ids=LOADED)
def test_nothing_is_claimed(text: str) -> None:
    assert told(IMPORTS + BEGIN + text + TRAIN) == []
