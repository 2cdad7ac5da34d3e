"""What shares a model's layers: `create_feature_extractor` and `IntermediateLayerGetter` in whole programs."""

from __future__ import annotations

import pytest
from check_helpers import told
from flow_helpers import IMPORTS, escapes, flags

IMPORT = """
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models._utils import IntermediateLayerGetter
"""
TRAIN = """
for x, y in load():
    optimizer.zero_grad()
    nn.CrossEntropyLoss()({}, y).backward()
    optimizer.step()
"""
CLEAN = {
    "the part behind the last node stays what it was": """
model = models.resnet18(weights="DEFAULT")
body = create_feature_extractor(model, {"layer4": "x"})
body.requires_grad_(False)
head = nn.Linear(512, 10)
optimizer = torch.optim.SGD(head.parameters(), 0.1)
"""
    + TRAIN.format("head(body(x)['x'].mean((2, 3)))"),
    "a head that is trained with the body": """
model = models.resnet50(weights="DEFAULT")
body = create_feature_extractor(model, {"layer3": "a", "layer4": "b"})
body.to("cuda")
head = nn.Conv2d(2048, 10, 1).to("cuda")
optimizer = torch.optim.SGD([*body.parameters(), *head.parameters()], 0.1)
"""
    + TRAIN.format("head(body(x.to('cuda'))['b']).mean((2, 3))"),
    "the head is replaced before, and the extractor ends behind it": """
model = models.resnet18(weights="DEFAULT")
model.requires_grad_(False)
model.fc = nn.Linear(512, 10)
both = create_feature_extractor(model, {"layer4": "x", "fc": "classes"})
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, both.parameters()), 0.1)
"""
    + TRAIN.format("both(x)['classes']"),
    "the head is replaced behind it, on another device": """
model = models.resnet18(weights="DEFAULT")
body = create_feature_extractor(model, {"layer4": "x"}).to("cuda")
model.fc = nn.Linear(512, 10)
for x, y in load():
    print(body(x.to("cuda"))["x"].shape)
""",
    "nodes that are not known": """
model = models.resnet18(weights="DEFAULT")
model.requires_grad_(False)
body = create_feature_extractor(model, nodes())
for p in body.parameters():
    p.requires_grad = True
optimizer = torch.optim.SGD(model.parameters(), 0.1)
"""
    + TRAIN.format("model(x)"),
    "a getter in a class": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = IntermediateLayerGetter(models.resnet18(weights="DEFAULT"), {"layer4": "out"})
        for p in self.body.parameters():
            p.requires_grad = False
        self.head = nn.Linear(512, 10)

    def forward(self, x):
        return self.head(self.body(x)["out"].mean((2, 3)))

net = Net()
optimizer = torch.optim.SGD(net.head.parameters(), 0.1)
"""
    + TRAIN.format("net(x)"),
}


@pytest.mark.parametrize("program", CLEAN.values(), ids=CLEAN)
def test_right_programs_stay_clean(program: str) -> None:
    assert told(IMPORTS + IMPORT + program) == []


def test_what_is_frozen_through_an_extractor_is_frozen_in_the_model() -> None:
    frozen = """
model = models.resnet18(weights="DEFAULT")
model.fc = nn.Linear(512, 10)
whole = create_feature_extractor(model, {"fc": "classes"})
for p in whole.parameters():
    p.requires_grad = False
optimizer = torch.optim.SGD(model.parameters(), 0.1)
"""
    assert told(IMPORTS + IMPORT + frozen + TRAIN.format("model(x)")) == ["HL301"]
    assert told(IMPORTS + IMPORT + frozen.replace('"fc": ', '"layer4": ') + TRAIN.format("model(x)")) == []


def test_only_what_the_nodes_need_is_frozen() -> None:
    cut = IMPORT + "model = models.vgg16()\ncreate_feature_extractor(model, ['{}']).requires_grad_(False)"
    assert [name for name, flag in flags(cut.format("features.29")).items() if flag is not False] == [
        f"classifier.{index}.{name}" for index in (0, 3, 6) for name in ("weight", "bias")
    ]
    assert set(flags(cut.format("features.20.unknown")).values()) == {None}
    assert not escapes(cut.format("features.20.unknown"))


def test_whoever_gets_an_extractor_may_change_the_model() -> None:
    assert escapes(IMPORT + "model = models.resnet18()\nhelp(create_feature_extractor(model, ['layer1']))\n") is False
    handed = "from other import tune\nmodel = models.resnet18()\ntune(create_feature_extractor(model, ['{}']))\n"
    assert escapes(IMPORT + handed.format("layer1"))
    assert escapes(IMPORT + handed.format("nowhere"))
