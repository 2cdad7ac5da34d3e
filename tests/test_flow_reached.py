"""Models that are changed in roundabout ways: where these are not followed, nothing may be claimed."""

from __future__ import annotations

import pytest

from headlint.lint import Linter, Settings

IMPORTS = """import collections, contextlib, copy, functools, operator, sys, types
import torch
from torch import nn
from torchvision import models
"""
TRAINING = """
optimizer = torch.optim.SGD([p for p in m.parameters() if p.requires_grad], lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(m(x), y).backward()
    optimizer.step()
"""
# Each leaves a model `m` with something in it that trains.
CLEAN = {
    "contextmanager": """
@contextlib.contextmanager
def frozen(model):
    for p in model.parameters(): p.requires_grad = False
    yield model
    for p in model.parameters(): p.requires_grad = True
m = models.resnet18()
with frozen(m) as q:
    q(torch.rand(1, 3, 224, 224))
m.fc = nn.Linear(512, 3)
""",
    "context manager class": """
class Frozen:
    def __init__(self, model): self.model = model
    def __enter__(self):
        for p in self.model.parameters(): p.requires_grad = False
    def __exit__(self, *a):
        for p in self.model.parameters(): p.requires_grad = True
m = models.resnet18()
m.fc = nn.Linear(512, 3)
with Frozen(m):
    pass
""",
    "exit stack": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
with contextlib.ExitStack() as stack:
    stack.callback(m.requires_grad_, True)
m.fc = nn.Linear(512, 3)
""",
    "map effect": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
list(map(lambda p: p.requires_grad_(True), m.fc.parameters()))
""",
    "lazy map never": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
map(lambda p: p.requires_grad_(False), m.parameters())
""",
    "any all effect": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
[p.requires_grad_() for p in m.fc.parameters()]
""",
    "deque": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
collections.deque((p.requires_grad_() for p in m.fc.parameters()), maxlen=0)
""",
    "exec string": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
exec("m.fc = nn.Linear(512, 3)")
""",
    "eval": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
eval("m.fc.requires_grad_(True)")
""",
    "globals": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
globals()["m"].fc = nn.Linear(512, 3)
""",
    "operator.setitem": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
operator.setitem(m._modules, "fc", nn.Linear(512, 3))
""",
    "vars": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
vars(m)["_modules"]["fc"] = nn.Linear(512, 3)
""",
    "nn.Module.__setattr__": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
nn.Module.__setattr__(m, "fc", nn.Linear(512, 3))
""",
    "object setattr": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
for p in m.parameters(): p.requires_grad = False
for p in m.fc.parameters():
    object.__setattr__(p, "requires_grad", True)
""",
    "p.__setattr__": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
for p in m.parameters(): p.requires_grad = False
for p in m.fc.parameters():
    p.__setattr__("requires_grad", True)
""",
    "method ref": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
thaw = m.fc.requires_grad_
thaw()
""",
    "unbound": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
nn.Module.requires_grad_(m.fc, True)
""",
    "methodcaller": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
operator.methodcaller("requires_grad_", True)(m.fc)
""",
    "partial": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
functools.partial(nn.Module.requires_grad_, m.fc)(True)
""",
    "hook": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
def thaw(mod, inp):
    mod.requires_grad_(True)
m.fc.register_forward_pre_hook(thaw)
m(torch.rand(1, 3, 224, 224))
""",
    "thread": """
import threading
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
def work():
    m.fc = nn.Linear(512, 3)
t = threading.Thread(target=work); t.start(); t.join()
""",
    "atexit closure": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
def setup():
    global m
    m = models.vgg11()
callbacks = [setup]
for c in callbacks: c()
""",
    "callbacks dict": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
def a(): m.fc = nn.Linear(512, 3)
def b(): m.fc = nn.Linear(512, 4)
{"a": a, "b": b}[sys.argv[1]]()
""",
    "callbacks get": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
def a(): m.fc = nn.Linear(512, 3)
def b(): m.fc = nn.Linear(512, 4)
table = {"a": a}
table.setdefault("b", b)()
""",
    "alias list": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
box = [m]
other = box
other[0].fc = nn.Linear(512, 3)
""",
    "nested list": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
box = {"a": [m]}
box["a"][-1].fc = nn.Linear(512, 3)
""",
    "iter next": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
it = iter([m]); next(it).fc = nn.Linear(512, 3)
""",
    "zip star": """
m = models.resnet18()
for p in m.parameters(): p.requires_grad = False
(a,), (b,) = zip(*[(m, 1)])
a.fc = nn.Linear(512, b + 2)
""",
    "try raise": """
m = models.resnet18()
try:
    m.classifier[6] = nn.Linear(4096, 3)
except AttributeError:
    m.fc = nn.Linear(512, 3)
""",
    "try finally": """
m = models.resnet18()
m.requires_grad_(False)
try:
    check(m)
finally:
    m.requires_grad_(True)
m.fc = nn.Linear(512, 3)
""",
    "while else": """
m = models.resnet18()
m.requires_grad_(False)
k = 0
while k < 3:
    k += 1
else:
    m.fc = nn.Linear(512, 3)
""",
    "while queue": """
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
stack = [m]
while stack:
    here = stack.pop()
    if isinstance(here, nn.Linear): here.requires_grad_(True)
    stack.extend(here.children())
""",
    "recursion": """
def walk(mod):
    for c in mod.children():
        if isinstance(c, nn.Linear): c.requires_grad_(True)
        else: walk(c)
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
walk(m)
""",
    "generator effect": """
def thaw(mod):
    for p in mod.parameters():
        p.requires_grad = True
        yield p
m = models.resnet18()
m.fc = nn.Linear(512, 3)
m.requires_grad_(False)
params = list(thaw(m.fc))
""",
    "class attr shared": """
class Store:
    model = models.resnet18()
    @classmethod
    def thaw(cls):
        cls.model.fc = nn.Linear(512, 3)
Store.model.requires_grad_(False)
Store().thaw()
m = Store.model
""",
    "nonlocal": """
def setup():
    m = models.resnet18()
    m.requires_grad_(False)
    def head():
        nonlocal m
        m.fc = nn.Linear(512, 3)
        m = nn.Sequential(m)
    head()
    return m
m = setup()
""",
    "decorated train": """
def step(f):
    @functools.wraps(f)
    def g(model, *a, **k):
        model.fc = nn.Linear(512, 3)
        return f(model, *a, **k)
    return g
@step
def go(model):
    return model
m = models.resnet18()
m.requires_grad_(False)
m = go(m)
""",
    "aug default dict": """
d = collections.defaultdict(list)
m = models.resnet18()
m.requires_grad_(False)
d["x"].append(m)
d["x"][0].fc = nn.Linear(512, 3)
""",
    "namedtuple": """
Box = collections = None
from collections import namedtuple
Box = namedtuple("Box", "model size")
m = models.resnet18()
m.requires_grad_(False)
b = Box(m, 512)
b.model.fc = nn.Linear(b.size, 3)
b[0].layer4.requires_grad_(True)
""",
    "dataclass box": """
from dataclasses import dataclass
@dataclass
class Box:
    model: nn.Module
    size: int = 512
b = Box(models.resnet18())
b.model.requires_grad_(False)
b.model.fc = nn.Linear(b.size, 3)
m = b.model
""",
    "simple ns": """
from types import SimpleNamespace
b = SimpleNamespace(model=models.resnet18())
b.model.requires_grad_(False)
b.model.fc = nn.Linear(512, 3)
m = b.model
""",
    "subclass override requires_grad_": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.fc = nn.Linear(512, 3)
    def requires_grad_(self, on=True):
        for p in self.net.layer4.parameters(): p.requires_grad = on
        return self
    def forward(self, x): return self.net(x)
m = Net()
m.requires_grad_(False)
""",
    "subclass override train": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        for p in self.net.parameters(): p.requires_grad = False
        self.net.fc = nn.Linear(512, 3)
    def train(self, mode=True):
        super().train(mode)
        if mode: self.net.eval()
        return self
    def forward(self, x): return self.net(x)
m = Net()
m.train()
""",
    "override parameters": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.fc = nn.Linear(512, 3)
    def parameters(self, recurse=True):
        return self.net.fc.parameters()
    def forward(self, x): return self.net(x)
m = Net()
for p in m.parameters(): p.requires_grad = True
""",
    "override setattr": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.requires_grad_(False)
        self.fc = nn.Linear(512, 3)
    def __setattr__(self, name, value):
        if name == "fc":
            self.net.fc = value
        else:
            super().__setattr__(name, value)
    def forward(self, x): return self.net(x)
m = Net()
""",
    "override getattr": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18()
        self.net.requires_grad_(False)
        self.net.fc = nn.Linear(512, 3)
    def __getattr__(self, name):
        try: return super().__getattr__(name)
        except AttributeError: return getattr(self.net, name)
    def forward(self, x): return self.net(x)
m = Net()
m.fc.requires_grad_(True)
print(m.layer4[0].conv1.in_channels)
""",
    "fc weight replaced": """
m = models.resnet18()
m.requires_grad_(False)
m.fc.weight = nn.Parameter(torch.rand(3, 512)); m.fc.bias = nn.Parameter(torch.zeros(3))
""",
    "register_parameter": """
m = models.resnet18()
m.requires_grad_(False)
m.fc.register_parameter("weight", nn.Parameter(torch.rand(3, 512))); m.fc.register_parameter("bias", None)
""",
    "_parameters": """
m = models.resnet18()
m.requires_grad_(False)
m.fc._parameters["weight"] = nn.Parameter(torch.rand(3, 512))
""",
    "lora": """
from torch.nn.utils import parametrize
m = models.resnet18()
m.requires_grad_(False)
class LoRA(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(a, 4)); self.b = nn.Parameter(torch.zeros(4, b))
    def forward(self, w): return w + self.a @ self.b
parametrize.register_parametrization(m.fc, "weight", LoRA(1000, 512))
""",
    "adapter loop": """
class Adapter(nn.Module):
    def __init__(self, block, c):
        super().__init__()
        self.block = block; self.extra = nn.Conv2d(c, c, 1)
    def forward(self, x): return self.block(x) + self.extra(self.block(x))
m = models.resnet18()
m.requires_grad_(False)
for i, b in enumerate(m.layer4):
    m.layer4[i] = Adapter(b, 512)
""",
    "named_modules setattr": """
m = models.resnet18()
m.requires_grad_(False)
for name, mod in list(m.named_modules()):
    if isinstance(mod, nn.Linear):
        parent = m.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], nn.Linear(mod.in_features, 3))
""",
    "slots update": """
m = models.resnet18()
m.requires_grad_(False)
m.__dict__.update(fc2=1)
m._modules.update({"fc": nn.Linear(512, 3)})
""",
    "pickle": """
import pickle
m = models.resnet18()
m.requires_grad_(False)
m = pickle.loads(pickle.dumps(m)).requires_grad_(True)
""",
    "copy.copy": """
m = models.resnet18()
m.requires_grad_(False)
c = copy.copy(m)
c.fc = nn.Linear(512, 3)
""",
    "replace forward": """
m = models.resnet18()
m.requires_grad_(False)
m.head = nn.Linear(1000, 3)
base = m.forward
m.forward = lambda x: m.head(base(x))
""",
    "types.MethodType": """
m = models.resnet18()
m.head = nn.Linear(512, 3)
def fwd(self, x):
    x = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(x)))))
    x = self.layer4(self.layer3(self.layer2(x)))
    return self.head(torch.flatten(self.avgpool(x), 1))
m.forward = types.MethodType(fwd, m)
""",
    "class assign": """
class Mine(models.ResNet):
    def forward(self, x):
        return self.head(super().forward(x))
m = models.resnet18()
m.head = nn.Linear(1000, 3)
m.__class__ = Mine
""",
    "forward hook head": """
m = models.resnet18()
m.head = nn.Linear(1000, 3)
m.register_forward_hook(lambda mod, i, o: mod.head(o))
""",
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CLEAN.items()])
def test_nothing_is_claimed(text: str) -> None:
    with Linter(Settings(confirm="off")) as linter:
        assert linter.lint_unguarded(IMPORTS + text + TRAINING, "program.py").findings == ()


NETS = """
nets = [models.resnet18(), models.resnet34()]
for net in nets: net.requires_grad_(False)
"""
# Each puts a head that trains into one of the `nets`, and may do so with the first.
CLEAN_OF_SEVERAL = {
    "index unknown": """
k = int(sys.argv[1])
nets[k].fc = nn.Linear(512, 3)
""",
    "slice unknown": """
k = int(sys.argv[1])
for n in nets[:k]: n.fc = nn.Linear(512, 3)
""",
    "loop unknown range": """
for i in range(int(sys.argv[1])):
    nets[i].fc = nn.Linear(512, 3)
""",
    "random choice": """
import random
random.choice(nets).fc = nn.Linear(512, 3)
""",
    "sorted key": """
sorted(nets, key=lambda n: n.fc.in_features)[0].fc = nn.Linear(512, 3)
""",
    "max key": """
max(nets, key=str).fc = nn.Linear(512, 3)
""",
    "sort": """
nets.sort(key=str)
nets[0].fc = nn.Linear(512, 3)
""",
    "reversed": """
for n in reversed(nets): n.fc = nn.Linear(512, 3)
""",
    "filter unknown": """
for n in filter(lambda n: ask(n), nets): n.fc = nn.Linear(512, 3)
""",
    "comp unknown": """
[n for n in nets if ask()][0].fc = nn.Linear(512, 3)
""",
    "comp unknown 2": """
chosen = [n for n in nets if sys.argv[1]]
for c in chosen: c.fc = nn.Linear(512, 3)
""",
    "dict unknown": """
d = dict(zip(sys.argv, nets))
d[sys.argv[1]].fc = nn.Linear(512, 3)
""",
    "dict of nets": """
d = {'a': nets[0], 'b': nets[1]}
d[sys.argv[1]].fc = nn.Linear(512, 3)
""",
    "dict get": """
d = {'a': nets[0], 'b': nets[1]}
d.get(sys.argv[1], nets[0]).fc = nn.Linear(512, 3)
""",
    "dict popitem": """
d = {'a': nets[0], 'b': nets[1]}
d.popitem()[1].fc = nn.Linear(512, 3)
""",
    "setdefault": """
d = {}
d.setdefault(sys.argv[1], nets[0]).fc = nn.Linear(512, 3)
""",
    "defaultdict": """
import collections
d = collections.defaultdict(list)
d[1].append(nets[0])
d[1][0].fc = nn.Linear(512, 3)
""",
    "deque": """
import collections
d = collections.deque(nets)
d.popleft().fc = nn.Linear(512, 3)
""",
    "zip unknown": """
for n, c in zip(nets, sys.argv): n.fc = nn.Linear(512, 3)
""",
    "enumerate zip": """
for i, (n, c) in enumerate(zip(nets, open('f'))): n.fc = nn.Linear(512, 3)
""",
    "islice": """
import itertools
for n in itertools.islice(nets, 1): n.fc = nn.Linear(512, 3)
""",
    "product": """
import itertools
for n, k in itertools.product(nets, [3]): n.fc = nn.Linear(512, k)
""",
    "cycle": """
import itertools
next(itertools.cycle(nets)).fc = nn.Linear(512, 3)
""",
    "chain from_iterable": """
import itertools
for n in itertools.chain.from_iterable([nets]): n.fc = nn.Linear(512, 3)
""",
    "iter while": """
it = iter(nets)
while True:
    try: n = next(it)
    except StopIteration: break
    n.fc = nn.Linear(512, 3)
""",
    "while pop": """
rest = list(nets)
while rest:
    rest.pop().fc = nn.Linear(512, 3)
""",
    "tuple unknown": """
t = tuple(nets)
t[int(sys.argv[1])].fc = nn.Linear(512, 3)
""",
    "modulelist": """
ml = nn.ModuleList(nets)
ml[int(sys.argv[1])].fc = nn.Linear(512, 3)
""",
    "moduledict": """
md = nn.ModuleDict({'a': nets[0], 'b': nets[1]})
md[sys.argv[1]].fc = nn.Linear(512, 3)
""",
    "moduledict get": """
md = nn.ModuleDict({'a': nets[0], 'b': nets[1]})
for k in sys.argv:
    md[k].fc = nn.Linear(512, 3)
""",
    "object array": """
import numpy as np
a = np.array(nets, dtype=object)
a[0].fc = nn.Linear(512, 3)
""",
    "queue": """
import queue
q = queue.Queue()
q.put(nets[0])
q.get().fc = nn.Linear(512, 3)
""",
    "instance attr unknown": """
class A: pass
a = A()
setattr(a, sys.argv[1], nets[0])
getattr(a, sys.argv[1]).fc = nn.Linear(512, 3)
""",
    "ns attr": """
import types
a = types.SimpleNamespace()
a.net = nets[0]
a.net.fc = nn.Linear(512, 3)
""",
    "argparse attr": """
import argparse
a = argparse.Namespace()
a.net = nets[0]
a.net.fc = nn.Linear(512, 3)
""",
    "unknown obj attr": """
import foo
a = foo.Bar()
a.net = nets[0]
a.net.fc = nn.Linear(512, 3)
""",
    "unknown obj ctor": """
import foo
a = foo.Bar(nets[0])
a.net.fc = nn.Linear(512, 3)
""",
    "weakref": """
import weakref
weakref.ref(nets[0])().fc = nn.Linear(512, 3)
""",
    "contextvar": """
import contextvars
v = contextvars.ContextVar('v')
v.set(nets[0])
v.get().fc = nn.Linear(512, 3)
""",
    "class dict": """
class R:
    items = {}
R.items['a'] = nets[0]
R.items['a'].fc = nn.Linear(512, 3)
""",
    "default arg": """
def f(n=nets[0]):
    n.fc = nn.Linear(512, 3)
f()
""",
    "lambda default": """
fs = [lambda n=n: setattr(n, 'fc', nn.Linear(512, 3)) for n in nets]
for f in fs: f()
""",
    "star args": """
def f(*ns):
    for n in ns: n.fc = nn.Linear(512, 3)
f(*nets)
""",
    "star kwargs": """
def f(**ns):
    for k in ns: ns[k].fc = nn.Linear(512, 3)
f(a=nets[0])
""",
    "star kwargs unknown": """
def f(**ns):
    for k in sys.argv: ns[k].fc = nn.Linear(512, 3)
f(a=nets[0])
""",
    "yield send": """
def g():
    n = yield
    n.fc = nn.Linear(512, 3)
    yield
c = g(); next(c); c.send(nets[0])
""",
    "async": """
import asyncio
async def go(n):
    n.fc = nn.Linear(512, 3)
asyncio.run(go(nets[0]))
""",
    "async gather": """
import asyncio
async def go(n):
    n.fc = nn.Linear(512, 3)
async def main():
    await asyncio.gather(*[go(n) for n in nets])
asyncio.run(main())
""",
    "pool map": """
from concurrent.futures import ThreadPoolExecutor
def go(n): n.fc = nn.Linear(512, 3)
with ThreadPoolExecutor() as ex: list(ex.map(go, nets))
""",
    "futures submit": """
from concurrent.futures import ThreadPoolExecutor
def go(): nets[0].fc = nn.Linear(512, 3)
with ThreadPoolExecutor() as ex: ex.submit(go)
""",
    "partialmethod": """
import functools
class A:
    def put(self, n, k): n.fc = nn.Linear(512, k)
    put3 = functools.partialmethod(put, k=3)
A().put3(nets[0])
""",
    "singledispatch": """
import functools
@functools.singledispatch
def put(n): pass
@put.register
def _(n: models.ResNet): n.fc = nn.Linear(512, 3)
put(nets[0])
""",
    "class call": """
class Put:
    def __call__(self, n): n.fc = nn.Linear(512, 3)
for n in map(Put(), nets): pass
""",
    "class iter": """
class It:
    def __init__(self, ns): self.ns = ns
    def __iter__(self): return iter(self.ns)
for n in It(nets): n.fc = nn.Linear(512, 3)
""",
    "class contains": """
class It:
    def __init__(self, ns): self.ns = ns
    def __len__(self): return len(self.ns)
    def __getitem__(self, i): return self.ns[i]
it = It(nets)
for i in range(len(it)): it[i].fc = nn.Linear(512, 3)
""",
    "operator overload": """
class Wrap:
    def __init__(self, n): self.n = n
    def __matmul__(self, k): self.n.fc = nn.Linear(512, k); return self
Wrap(nets[0]) @ 3
""",
    "overload lshift": """
class Wrap:
    def __init__(self, n): self.n = n
    def __lshift__(self, k): self.n.fc = k
Wrap(nets[0]) << nn.Linear(512, 3)
""",
    "enter": """
class Wrap:
    def __init__(self, n): self.n = n
    def __enter__(self): return self.n
    def __exit__(self, *a): pass
with Wrap(nets[0]) as n: n.fc = nn.Linear(512, 3)
""",
    "setitem overload": """
class Wrap:
    def __init__(self, n): self.n = n
    def __setitem__(self, k, v): setattr(self.n, k, v)
Wrap(nets[0])['fc'] = nn.Linear(512, 3)
""",
    "iadd overload": """
class Wrap:
    def __init__(self, n): self.n = n
    def __iadd__(self, v): self.n.fc = v; return self
w = Wrap(nets[0]); w += nn.Linear(512, 3)
""",
    "metaclass": """
class M(type):
    def __call__(cls, n):
        n.fc = nn.Linear(512, 3)
        return n
class A(metaclass=M): pass
A(nets[0])
""",
    "init_subclass": """
class A:
    def __init_subclass__(cls, **k): nets[0].fc = nn.Linear(512, 3)
class B(A): pass
""",
    "new": """
class A:
    def __new__(cls, n):
        n.fc = nn.Linear(512, 3)
        return super().__new__(cls)
A(nets[0])
""",
    "post_init": """
from dataclasses import dataclass
@dataclass
class A:
    n: object
    def __post_init__(self): self.n.fc = nn.Linear(512, 3)
A(nets[0])
""",
    "getattr proxy": """
class P:
    def __init__(self, n): self.n = n
    def __getattr__(self, k): return getattr(self.n, k)
    def __setattr__(self, k, v):
        if k == 'n': super().__setattr__(k, v)
        else: setattr(self.n, k, v)
p = P(nets[0])
p.fc = nn.Linear(512, 3)
""",
    "proxy read": """
class P:
    def __init__(self, n): self.n = n
    def __getattr__(self, k): return getattr(self.n, k)
p = P(nets[0])
p.fc.requires_grad_(True)
""",
}


def findings(text: str) -> list[str]:
    with Linter(Settings(confirm="off")) as linter:
        return [finding.code for finding in linter.lint_unguarded(text, "program.py").findings]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CLEAN_OF_SEVERAL.items()])
def test_nothing_is_claimed_of_one_of_several(text: str) -> None:
    training = TRAINING.replace("for p in m.", "for p in nets[0].").replace("m(x)", "nets[0](x)")
    training = training.replace("[p for p in nets[0].parameters() if p.requires_grad]", "nets[0].parameters()")
    assert findings(IMPORTS + NETS + text + training) == []
    assert findings(IMPORTS + NETS + training) == ["HL306"]
