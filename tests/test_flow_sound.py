"""Programs on which nothing may be claimed."""

from __future__ import annotations

import pytest
from flow_helpers import IMPORTS

from headlint.lint import Linter, Settings

CLEAN = {
    "any item of a set": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
left = {model.fc, model.layer4}
left.pop().requires_grad_(True)
opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
model(torch.rand(2, 3, 64, 64)).sum().backward()
opt.step()
""",
    "unfreeze last n": """
args = parse()
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
for p in list(model.parameters())[-args.n:]: p.requires_grad = True
opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])
""",
    "unfreeze getattr name": """
args = parse()
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
for p in getattr(model, args.head).parameters(): p.requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze _modules": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
for p in model._modules["fc"].parameters(): p.requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze get_parameter": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
model.get_parameter("fc.weight").requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze filter unknown": """
args = parse()
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
for p in filter(lambda p: args.ok(p), model.parameters()): p.requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze get_submodule unknown": """
args = parse()
model = models.resnet18()
model.fc = nn.Linear(512, 10)
for p in model.parameters(): p.requires_grad = False
model.get_submodule(args.layer).requires_grad_(True)
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze indices loop": """
model = models.vgg16()
model.classifier[6] = nn.Linear(4096, 10)
for p in model.parameters(): p.requires_grad = False
for i in range(3, 7):
    model.classifier[i].requires_grad_(True)
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze indices loop nested": """
model = models.vgg16()
model.classifier[6] = nn.Linear(4096, 10)
for p in model.parameters(): p.requires_grad = False
for i in range(3, 7):
    for p in model.classifier[i].parameters(): p.requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze indices of list loop nested": """
model = models.vgg16()
model.classifier[6] = nn.Linear(4096, 10)
for p in model.parameters(): p.requires_grad = False
ps = list(model.parameters())
for i in range(28, 32):
    ps[i].requires_grad = True
opt = torch.optim.Adam(model.parameters())
""",
    "unfreeze indices while": """
model = models.vgg16()
model.classifier[6] = nn.Linear(4096, 10)
for p in model.parameters(): p.requires_grad = False
i = 0
while i < 7:
    for p in model.classifier[i].parameters(): p.requires_grad = True
    i += 1
opt = torch.optim.Adam(model.parameters())
""",
    "cfg dict update": """
cfg = {"width": 512}
cfg.update(load())
model = models.resnet50()
model.fc = nn.Linear(cfg["width"], 10)
""",
    "cfg dict loop": """
cfg = {"width": 512}
for k, v in overrides(): cfg[k] = v
model = models.resnet50()
model.fc = nn.Linear(cfg["width"], 10)
""",
    "instance escaped": """
class Config:
    def __init__(self): self.width = 512
cfg = Config()
override(cfg)
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "dataclass(frozen=True)": """
from dataclasses import dataclass
@dataclass(frozen=True)
class Config:
    width: int = 512
cfg = Config(width=2048)
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "dataclass **": """
from dataclasses import dataclass
@dataclass
class Config:
    width: int = 512
cfg = Config(**load())
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "NamedTuple": """
from typing import NamedTuple
class Config(NamedTuple):
    width: int = 512
cfg = Config(width=2048)
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "pydantic": """
from pydantic import BaseModel
class Config(BaseModel):
    width: int = 512
cfg = Config(**load())
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "classmethod": """
class Factory:
    @classmethod
    def head(cls, width, classes):
        return nn.Linear(width, classes)
model = models.resnet50()
model.fc = Factory.head(2048, 10)
""",
    "nonlocal": """
def outer():
    width = 512
    def inner():
        nonlocal width
        width = 2048
    inner()
    model = models.resnet50()
    model.fc = nn.Linear(width, 10)
    return model
outer()
""",
    "pytest.raises": """
import pytest, contextlib
model = models.resnet18()
with pytest.raises(AttributeError):
    model.classifier.in_features
with contextlib.suppress(AttributeError):
    model.head.in_features
model.fc = nn.Linear(512, 10)
""",
    "generator consumed": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
params = model.parameters()
total = sum(p.numel() for p in params)
for p in params: p.requires_grad = False
opt = torch.optim.Adam(model.parameters())
""",
    "star positional": """
def head(a, b, c): return nn.Linear(b, c)
model = models.resnet18()
model.fc = head(*load(), 10)
model2 = models.resnet18()
model2.fc = head(*load(), 512, 10)
""",
    "symbol attr then unknown": """
args = parse()
args.width = 512
post(args)
model = models.resnet50()
model.fc = nn.Linear(args.width, 10)
""",
    "match capture": """
width = 512
args = parse()
match args.pair:
    case [arch, width]:
        model = models.resnet50()
        model.fc = nn.Linear(width, 10)
""",
    "match capture as": """
width = 512
args = parse()
match args.pair:
    case (2048 | 1024) as width:
        model = models.resnet50()
        model.fc = nn.Linear(width, 10)
    case {"w": width}:
        model = models.resnet50()
        model.fc = nn.Linear(width, 10)
    case int(width):
        model = models.resnet50()
        model.fc = nn.Linear(width, 10)
""",
    "holder escape": """
from lib import Learner
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
learner = Learner()
learner.model = model
learner.unfreeze()
opt = torch.optim.Adam(model.parameters())
""",
    "holder escape item": """
ctx = load()
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
ctx["model"] = model
unfreeze(ctx)
opt = torch.optim.Adam(model.parameters())
""",
    "lambda escape": """
from lib import run
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
run(lambda: model.fc.requires_grad_(True))
opt = torch.optim.Adam(model.parameters())
""",
    "generator unfreeze": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
def head_params():
    for p in model.fc.parameters():
        p.requires_grad = True
        yield p
opt = torch.optim.Adam(head_params())
""",
    "recursion": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
def unfreeze(depth):
    if depth == 0:
        model.fc.requires_grad_(True)
        return
    unfreeze(depth - 1)
unfreeze(5)
opt = torch.optim.Adam(model.parameters())
""",
    "inherited unfreeze": """
from lib import Base
class Net(Base):
    def __init__(self):
        super().__init__()
        self.model = models.resnet18()
        self.model.fc = nn.Linear(512, 10)
        self.model.requires_grad_(False)
        self.unfreeze_head()
        self.opt = torch.optim.Adam(self.model.parameters())
net = Net()
""",
    "decorated changes args": """
from lib import double
@double
def head(width): return nn.Linear(width, 10)
model = models.resnet50()
model.fc = head(1024)
""",
    "decorated local": """
def double(f):
    def g(width): return f(width * 2)
    return g
@double
def head(width): return nn.Linear(width, 10)
model = models.resnet50()
model.fc = head(1024)
""",
    "enum eq": """
from enum import Enum
class Arch(Enum):
    BIG = "resnet50"
arch = Arch.BIG
model = models.resnet50()
model.fc = nn.Linear(512 if arch == "resnet50" else 2048, 10)
""",
    "setattr overrides": """
class Config:
    width = 512
cfg = Config()
for k, v in load().items(): setattr(cfg, k, v)
model = models.resnet50()
model.fc = nn.Linear(cfg.width, 10)
""",
    "class setattr overrides": """
class Config:
    width = 512
for k, v in load().items(): setattr(Config, k, v)
model = models.resnet50()
model.fc = nn.Linear(Config.width, 10)
""",
    "globals override": """
width = 512
globals().update(load())
model = models.resnet50()
model.fc = nn.Linear(width, 10)
""",
    "exec config": """
width = 512
exec(open("configurator.py").read())
model = models.resnet50()
model.fc = nn.Linear(width, 10)
""",
    "HL302 freeze by index lost": """
model = models.resnet18()
for p in model.fc.parameters(): p.requires_grad = False
children = list(model.children())
for i in range(7):
    for p in children[i].parameters(): p.requires_grad = False
model.fc = nn.Linear(512, 10)
""",
    "HL302 freeze first n unknown": """
args = parse()
model = models.resnet18()
for p in model.fc.parameters(): p.requires_grad = False
for child in list(model.children())[:args.n]:
    child.requires_grad_(False)
model.fc = nn.Linear(512, 10)
""",
    "param data assigned": """
model = models.resnet18()
model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
model.fc.weight = nn.Parameter(torch.randn(10, 512))
model.fc.bias = nn.Parameter(torch.zeros(10))
opt = torch.optim.Adam(model.parameters())
""",
    "class-level patch": """
models.ResNet._forward_impl = my_forward
model = models.resnet18()
model.head = nn.Linear(512, 10)
""",
    "register forward hook uses head getattr": """
model = models.resnet18()
model.head = nn.Linear(1000, 10)
def hook(m, i, o):
    h = getattr(m, "head")
    return h(o)
model.register_forward_hook(hook)
""",
    "subclass via fn forward": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.head = nn.Linear(1000, 10)
    def forward(self, x):
        h = self.net.head
        return h(self.net(x))
""",
    "subclass via children loop": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.head = nn.Linear(512, 10)
        self.net.fc = nn.Identity()
    def forward(self, x):
        x = self.net(x)
        return getattr(self.net, "head")(x)
""",
    "multi heads for names": """
class Net(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        self.net = models.resnet18()
        self.net.fc = nn.Identity()
        for t in tasks: setattr(self.net, t, nn.Linear(512, 10))
        self.net.age = nn.Linear(512, 1)
    def forward(self, x):
        f = self.net(x)
        return {t: m(f) for t, m in self.net.named_children() if t == "age"}
""",
    "features stored on model for later": """
model = models.resnet18()
model.class_names = ["a"]
model.criterion = nn.CrossEntropyLoss()
model.fc = nn.Linear(512, 10)
""",
    "break/else": """
for name in load():
    if name == "x":
        width = 2048
        break
else:
    width = 512
model = models.resnet50()
model.fc = nn.Linear(width, 10)
""",
    "for zero rounds": """
width = 2048
for line in load():
    width = 512
model = models.resnet50()
model.fc = nn.Linear(width, 10)
""",
    "while loop structural without var": """
model = models.resnet50()
seq = nn.Sequential(nn.Linear(2048, 512))
while len(seq) < 3:
    seq.append(nn.Linear(512, 512))
seq.append(nn.Linear(512, 10))
model.fc = seq
print(model.fc[3])
""",
    "index after loop of appends": """
model = models.resnet50()
seq = nn.Sequential(nn.Linear(2048, 512))
for i in range(parse().n):
    seq.append(nn.Linear(512, 512))
model.fc = seq
model.fc[3] = nn.Linear(512, 10)
""",
}


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name) for name, text in CLEAN.items()],
)
def test_nothing_is_claimed(text: str) -> None:
    with Linter(Settings(confirm="off")) as linter:
        assert linter.lint_unguarded(IMPORTS + text, "program.py").findings == ()
