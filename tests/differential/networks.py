"""Modules of the program around models of builders: several heads, several backbones, hooks, other forwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from differential import training
from differential.architectures import ALL, CHEAP, Architecture
from differential.drafts import builds, right_draft
from differential.drawing import Draw
from differential.program import Program
from differential.styles import program_of
from differential.writing import DATA, class_count, indented, joined

TRAIN = """\
optimizer = @O
@Gcriterion = nn.CrossEntropyLoss()
net.train()
for images, labels in loader:
    images, labels = images.to(device), labels.to(device)
    optimizer.zero_grad()
@L
    loss.backward()
    optimizer.step()
"""
OPTIMIZERS = [
    "optim.SGD(net.parameters(), lr=0.01)",
    "optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-3)",
    "optim.AdamW(filter(lambda p: p.requires_grad, net.parameters()), lr=1e-3)",
]


@dataclass(frozen=True)
class Network:
    """A class, the call that makes it and the lines that come to a loss; `@B` builds the model, `@H` is its head."""

    code: str
    make: str
    loss: str = "loss = criterion(net(images), labels)"
    optimizers: tuple[str, ...] = ()


PLAIN = "self.backbone = @B\nself.backbone@H = nn.Identity()"
FROZEN = "self.backbone = @B\nfor p in self.backbone.parameters():\n    p.requires_grad = False\nself.backbone@H = nn.Identity()"
CLASS = "class Net(nn.Module):\n    def __init__(self, num_classes):\n        super().__init__()\n"

NETWORKS = {
    "two heads": Network(
        CLASS + "@I\n        self.color = nn.Linear(@W, num_classes)\n        self.shape = nn.Linear(@W, 3)\n\n"
        "    def forward(self, x):\n        features = self.backbone(x)\n"
        "        return self.color(features), self.shape(features)\n",
        "Net(@n)",
        "color, shape = net(images)\nloss = criterion(color, labels) + 0.5 * criterion(shape, labels)",
    ),
    "dict of heads": Network(
        CLASS + "@I\n        self.heads = nn.ModuleDict({'kind': nn.Linear(@W, num_classes), 'age': nn.Linear(@W, 4)})\n\n"
        "    def forward(self, x):\n        features = self.backbone(x)\n"
        "        return {name: head(features) for name, head in self.heads.items()}\n",
        "Net(@n)",
        "outputs = net(images)\nloss = sum(criterion(outputs[name], labels) for name in outputs)",
    ),
    "head by task": Network(
        CLASS + "@I\n        self.heads = nn.ModuleDict()\n        for task, size in {'a': num_classes, 'b': 7}.items():\n"
        "            self.heads[task] = nn.Sequential(nn.Dropout(0.1), nn.Linear(@W, size))\n\n"
        "    def forward(self, x, task):\n        return self.heads[task](self.backbone(x))\n",
        "Net(@n)",
        "loss = criterion(net(images, 'a'), labels) + criterion(net(images, 'b'), labels)",
    ),
    "list of heads": Network(
        CLASS + "@I\n        self.heads = nn.ModuleList([nn.Linear(@W, num_classes) for _ in range(3)])\n\n"
        "    def forward(self, x):\n        x = self.backbone(x).flatten(1)\n"
        "        return torch.stack([head(x) for head in self.heads]).mean(0)\n",
        "Net(@n)",
    ),
    "siamese": Network(
        CLASS + "@I\n        self.fc = nn.Linear(2 * @W, num_classes)\n\n    def once(self, x):\n        return self.backbone(x)\n\n"
        "    def forward(self, one, other):\n        return self.fc(torch.cat([self.once(one), self.once(other)], dim=1))\n",
        "Net(@n)",
        "loss = criterion(net(images, images.flip(0)), labels)",
    ),
    "distance": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def forward(self, one, other):\n"
        "        return self.backbone(one), self.backbone(other)\n",
        "Net(64)",
        "one, other = net(images, images.flip(0))\nloss = F.pairwise_distance(one, other).mean()",
    ),
    "ensemble": Network(
        "class Net(nn.Module):\n    def __init__(self, num_classes):\n        super().__init__()\n        self.one = @B\n"
        "        self.one@H = nn.Identity()\n        self.two = models.resnet18(weights=None)\n        self.two.fc = nn.Identity()\n"
        "        self.head = nn.Linear(@W + 512, num_classes)\n\n    def forward(self, x):\n"
        "        return self.head(torch.cat((self.one(x), self.two(x)), dim=1))\n",
        "Net(@n)",
        optimizers=(
            "optim.Adam([{'params': net.one.parameters(), 'lr': 1e-5}, {'params': net.two.parameters()}, {'params': net.head.parameters()}])",
        ),
    ),
    "voting": Network(
        "class Net(nn.Module):\n    def __init__(self, members):\n        super().__init__()\n"
        "        self.members = nn.ModuleList(members)\n\n    def forward(self, x):\n"
        "        return sum(member(x) for member in self.members) / len(self.members)\n\n\n"
        "def member(num_classes):\n    model = @B\n    model@H = nn.Linear(@W, num_classes)\n    return model\n",
        "Net([member(@n) for _ in range(2)])",
    ),
    "tabular": Network(
        CLASS + "@I\n        self.extra = nn.Linear(4, 16)\n        self.head = nn.Linear(@W + 16, num_classes)\n\n"
        "    def forward(self, x, numbers):\n        features = torch.cat([self.backbone(x), F.relu(self.extra(numbers))], dim=-1)\n"
        "        return self.head(features)\n",
        "Net(@n)",
        "loss = criterion(net(images, torch.rand(len(images), 4)), labels)",
    ),
    "frozen norms": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n        self.freeze_norms()\n\n"
        "    def freeze_norms(self):\n        for module in self.backbone.modules():\n            if isinstance(module, nn.BatchNorm2d):\n"
        "                module.eval()\n                module.requires_grad_(False)\n\n    def train(self, mode=True):\n"
        "        super().train(mode)\n        self.freeze_norms()\n        return self\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)",
    ),
    "switched": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def freeze(self):\n"
        "        for p in self.backbone.parameters():\n            p.requires_grad = False\n        for p in self.backbone@H.parameters():\n"
        "            p.requires_grad = True\n\n    def unfreeze(self):\n        for p in self.backbone.parameters():\n"
        "            p.requires_grad = True\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)\nnet.freeze()\nnet.unfreeze()",
    ),
    "gated": Network(
        CLASS + "@I\n        self.use_hidden = num_classes > 2\n        if self.use_hidden:\n            self.head = nn.Sequential(nn.Linear(@W, 32), nn.ReLU(), nn.Linear(32, num_classes))\n"
        "        else:\n            self.head = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n        return self.head(self.backbone(x))\n",
        "Net(@n)",
    ),
    "normalised": Network(
        CLASS + "@I\n        self.neck = nn.BatchNorm1d(@W)\n        self.head = nn.Linear(@W, num_classes, bias=False)\n        self.head.weight = self.head.weight\n\n"
        "    def forward(self, x, features=False):\n        x = F.normalize(self.neck(self.backbone(x)))\n        return x if features else self.head(x)\n",
        "Net(@n)",
    ),
    "probabilities when asked": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        logits = self.backbone(x)\n        return logits if self.training else torch.softmax(logits, dim=1)\n",
        "Net(@n)",
    ),
    "log probabilities": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        return F.log_softmax(self.backbone(x), dim=1)\n",
        "Net(@n)",
        "loss = F.nll_loss(net(images), labels)",
    ),
    "no_grad backbone": Network(
        CLASS + "@I\n        self.backbone.eval()\n        self.head = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        with torch.no_grad():\n            x = self.backbone(x)\n        return self.head(x.detach())\n",
        "Net(@n)",
        optimizers=("optim.Adam(net.head.parameters(), lr=1e-3)",),
    ),
    "HL311 once": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n        self.freeze_norms()\n\n"
        "    def freeze_norms(self):\n        for module in self.backbone.modules():\n            if isinstance(module, nn.BatchNorm2d):\n"
        "                module.eval()\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)",
    ),
    "HL312 method": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def freeze(self):\n"
        "        self.backbone.eval()\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)\nnet.freeze()",
    ),
    "HL204 inner": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Sequential(nn.Conv2d(@W, 64, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, num_classes))\n\n"
        "    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)",
    ),
    "HL301 freeze": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def freeze(self):\n"
        "        for p in self.backbone.parameters():\n            p.requires_grad = False\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)\nnet.freeze()",
    ),
    "HL202 inner": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Sequential(nn.Linear(@W, 128), nn.ReLU(), nn.Linear(64, num_classes))\n\n"
        "    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)",
    ),
    "HL401 forward": Network(
        CLASS + "        self.backbone = @B\n        self.backbone@H = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        return F.softmax(self.backbone(x), dim=1)\n",
        "Net(@n)",
    ),
    "HL205 width": Network(
        CLASS + "        self.backbone = @B\n        self.head = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        return self.head(self.backbone(x))\n",
        "Net(@n)",
    ),
    "HL200 head": Network(
        CLASS + "        self.backbone = @B\n        self.head = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        return self.backbone(x)\n",
        "Net(@n)",
    ),
    "HL200 neck": Network(
        CLASS + "@I\n        self.neck = nn.Sequential(nn.Linear(@W, @W), nn.BatchNorm1d(@W), nn.ReLU())\n        self.head = nn.Linear(@W, num_classes)\n\n"
        "    def forward(self, x):\n        features = self.backbone(x)\n        return self.head(features)\n",
        "Net(@n)",
    ),
    "HL200 two heads": Network(
        CLASS + "@I\n        self.color = nn.Linear(@W, num_classes)\n        self.shape = nn.Linear(@W, 4)\n\n    def forward(self, x):\n"
        "        return self.color(self.backbone(x))\n",
        "Net(@n)",
    ),
    "HL200 scaled": Network(
        CLASS + "        self.body = @B\n        self.body@H = nn.Linear(@W, num_classes)\n        self.scale = nn.Conv2d(3, 3, kernel_size=1)\n\n"
        "    def forward(self, x):\n        return self.body(x / 2)\n",
        "Net(@n)",
    ),
    "HL200 put on": Network(
        CLASS + "        self.backbone = @B\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)\nnet.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(@W, @n))",
    ),
    "HL200 only this": Network(
        CLASS + "        self.backbone = @B\n\n    def forward(self, x):\n        return self.backbone(x)\n",
        "Net(@n)\nnet.fc = nn.Linear(@W, @n)",
        optimizers=("optim.Adam(net.fc.parameters(), lr=1e-3)", "optim.SGD([*net.backbone.parameters(), *net.fc.parameters()], lr=0.1)"),
    ),
    "HL101 beside": Network(
        CLASS + "        self.backbone = @B\n        self.backbone.output = nn.Linear(@W, num_classes)\n\n    def forward(self, x):\n"
        "        return self.backbone(x)\n",
        "Net(@n)",
    ),
}  # fmt: skip

SUBCLASSES = {
    "resnet18": (
        "from torchvision.models.resnet import BasicBlock, ResNet\n\n\nclass Net(ResNet):\n    def __init__(self, num_classes):\n"
        "        super().__init__(BasicBlock, [2, 2, 2, 2])\n@S\n"
        "        self.fc = nn.Linear(512, num_classes)\n\n    def forward(self, x):\n        x = self.relu(self.bn1(self.conv1(x)))\n"
        "        x = self.layer4(self.layer3(self.layer2(self.layer1(self.maxpool(x)))))\n        return self.fc(self.avgpool(x).flatten(1))\n"
    ),
    "vgg11": (
        "from torchvision.models.vgg import VGG, make_layers, cfgs\n\n\nclass Net(VGG):\n    def __init__(self, num_classes):\n"
        "        super().__init__(make_layers(cfgs['A']))\n@S\n        self.classifier[6] = nn.Linear(4096, num_classes)\n"
    ),
    "mobilenet_v2": (
        "from torchvision.models.mobilenetv2 import MobileNetV2\n\n\nclass Net(MobileNetV2):\n    def __init__(self, num_classes):\n"
        "        super().__init__()\n@S\n        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, num_classes))\n"
    ),
}


def _filled(one: Architecture, text: str, build: str, classes: str) -> str:
    head = ("" if one.head.startswith("[") else ".") + one.head
    for word, value in (("@B", build), ("@H", head), ("@W", str(one.width)), ("@n", classes)):
        text = text.replace(word, value)
    return text


def _training(draw: Draw, loss: str, optimizers: tuple[str, ...] = ()) -> str:
    text = TRAIN.replace("@O", draw.pick(optimizers or OPTIMIZERS)).replace("@L", indented(loss))
    return text.replace(
        "@G", draw.pick(["", "net = net.to(device)\n", "net = nn.DataParallel(net)\n"] if not optimizers else [""])
    )


def own_module(draw: Draw) -> Program:
    """A class around one builder's model or several."""
    _, network = draw.named(NETWORKS)
    one = draw.pick(CHEAP)
    classes, define = class_count(draw)
    inside = draw.pick([PLAIN, PLAIN, FROZEN])
    code = network.code.replace("@I", indented(inside, 2))
    build = builds(draw, one)
    ending = draw.pick(
        ["", "net.eval()\ntorch.save(net.state_dict(), 'net.pth')", "clone = copy.deepcopy(net)\nclone.eval()"]
    )
    text = _filled(one, code, build, "num_classes") + "\n\n" + joined(
        DATA, define, f"net = {_filled(one, network.make, build, classes)}", _training(draw, network.loss, network.optimizers), ending,
    )  # fmt: skip
    draft = right_draft(draw, one)
    return program_of(text, [draft])


def subclass(draw: Draw) -> Program:
    """A class of the program that inherits from torchvision's own."""
    name = draw.pick(list(SUBCLASSES))
    one = next(one for one in ALL if one.builder == name and not one.task)
    load = draw.pick(
        [
            f"self.load_state_dict(models.{name}(weights='DEFAULT').state_dict())",
            f"state = models.{name}(pretrained=True).state_dict()\nself.load_state_dict(state)",
            "",
        ],
    )
    frozen = draw.pick(["", "for p in self.parameters():\n    p.requires_grad = False"])
    classes, define = class_count(draw)
    text = SUBCLASSES[name].replace("@S", indented(joined(load, frozen), 2).rstrip("\n"))
    text += "\n\n" + joined(
        DATA, define, f"net = Net({classes})", _training(draw, "loss = criterion(net(images), labels)")
    )
    return program_of(text, [right_draft(draw, one)])


def pieces(draw: Draw) -> Program:
    """Features without the model around them: parts that are taken out, hooks, another forward, extractors."""
    way = draw.pick(["features", "attribute", "hook", "bound", "extractor", "getter", "encoder", "children"])
    one = draw.pick(
        [
            one
            for one in CHEAP
            if one.builder in ("resnet18", "resnet50", "mobilenet_v2", "densenet121", "efficientnet_b0")
        ],
    )
    resnet = one.head == "fc"
    classes, define = class_count(draw)
    build = builds(draw, one)
    last = "layer4" if resnet else "features"
    loss = "loss = criterion(net(images), labels)"
    if way == "features" and not resnet:
        body = f"self.features = {build}.features\nself.pool = nn.AdaptiveAvgPool2d(1)\nself.head = nn.Linear({one.width}, num_classes)"
        forward = "x = self.pool(F.relu(self.features(x)))\nreturn self.head(torch.flatten(x, 1))"
    elif way == "extractor":
        body = f"self.backbone = create_feature_extractor({build}, return_nodes={{'{last}': 'map'}})\nself.head = nn.Linear({one.width}, num_classes)"
        forward = "x = self.backbone(x)['map']\nreturn self.head(x.mean([2, 3]))"
    elif way == "getter":
        body = f"self.backbone = IntermediateLayerGetter({build}, {{'{last}': 'out'}})\nself.head = nn.Conv2d({one.width}, num_classes, 1)"
        forward = "return self.head(self.backbone(x)['out']).mean([2, 3])"
    elif way == "hook":
        body = (
            f"self.backbone = {build}\nself.seen = None\nself.backbone.{last}.register_forward_hook(self.keep)\n"
            f"self.head = nn.Linear({one.width}, num_classes)"
        )
        forward = "self.backbone(x)\nreturn self.head(self.seen.mean([2, 3]))\n"
    elif way == "encoder" and resnet:
        body = (
            f"net = {build}\nself.stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)\n"
            f"self.stages = nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])\n"
            f"self.head = nn.Linear({one.width}, num_classes)"
        )
        forward = "x = self.stem(x)\nfor stage in self.stages:\n    x = stage(x)\nreturn self.head(x.mean(dim=(2, 3)))"
    elif way == "bound":
        body = f"self.backbone = {build}\nself.backbone{'.' + one.head} = nn.Linear({one.width}, num_classes)\nself.predict = self.backbone.forward"
        forward = "return self.predict(x)"
    elif way == "children":
        body = f"self.layers = nn.ModuleList({build}.children())\nself.layers = self.layers[:-1]\nself.head = nn.Linear({one.width}, num_classes)"
        forward = (
            "for layer in self.layers:\n    x = layer(x)\nif x.ndim == 4:\n    x = x.mean([2, 3])\nreturn self.head(x)"
        )
    else:
        body = f"backbone = {build}\nself.width = backbone.{one.head}.in_features\nbackbone.{one.head} = nn.Identity()\nself.backbone = backbone\nself.head = nn.Linear(self.width, num_classes)"
        forward = "return self.head(self.backbone(x))"
    keep = "    def keep(self, module, given, result):\n        self.seen = result\n\n" if way == "hook" else ""
    text = joined(
        "from torchvision.models._utils import IntermediateLayerGetter" if way == "getter" else "",
        "from torchvision.models.feature_extraction import create_feature_extractor" if way == "extractor" else "",
    )
    text += f"\n\n{CLASS}{indented(body, 2)}\n\n{keep}    def forward(self, x):\n{indented(forward, 2)}\n\n\n"
    text += joined(DATA, define, f"net = Net({classes})", _training(draw, loss))
    draft = right_draft(draw, one)
    return program_of(text, [draft])


def phases(draw: Draw) -> Program:
    """One model that is trained more than once: new heads, new optimizers, other flags."""
    one = draw.pick(CHEAP)
    draft = right_draft(draw, one)

    def filled(text: str) -> str:
        return draft.filled(text, "model", "model", "5")

    fit = f"def fit(model, optimizer, criterion):\n{indented(filled(training.LOOPS['plain']))}\n\n"
    freeze = "for p in model.parameters():\n    p.requires_grad = False"
    head = filled("@m@H = nn.Linear(@W, @n)")
    only = filled("fit(model, optim.Adam(@m@H.parameters(), lr=1e-3), nn.CrossEntropyLoss())")
    every = draw.pick(
        [
            "fit(model, optim.SGD(model.parameters(), lr=1e-4), nn.CrossEntropyLoss())",
            "optimizer = optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-4)\nfit(model, optimizer, nn.CrossEntropyLoss())",
        ],
    )
    way = draw.pick(["warm", "swapped", "pretext", "rounds", "closed", "distilled"])
    if way == "warm":
        steps = [freeze, head, only, "for p in model.parameters():\n    p.requires_grad = True", every]
    elif way == "swapped":
        steps = [filled("@m@H = nn.Linear(@W, 20)"), every, head, every]
    elif way == "pretext":
        steps = [filled("@m@H = nn.Linear(@W, 4)"), every, freeze, head, only]
    elif way == "rounds":
        steps = [
            head,
            f"for count in (1, 2):\n    for p in list(model.parameters())[-2 * count:]:\n        p.requires_grad_(True)\n{indented(every)}",
        ]
    elif way == "closed":
        steps = [head, every, freeze, "model.eval()\ntorch.save(model, 'model.pt')"]
    else:
        steps = [
            head, every, "teacher = copy.deepcopy(model).eval()\nteacher.requires_grad_(False)",
            filled("student = models.resnet18(num_classes=5)\nopt = optim.Adam(student.parameters())\nfor images, labels in loader:\n"
                   "    with torch.no_grad():\n        target = teacher(images).softmax(1)\n    loss = F.kl_div(F.log_softmax(student(images), 1), target)\n"
                   "    opt.zero_grad()\n    loss.backward()\n    opt.step()"),
        ]  # fmt: skip
    text = fit + joined(DATA, f"model = {draft.build}", *steps)
    return program_of(text, [draft])


STYLES: dict[str, Callable[[Draw], Program]] = {
    "own_module": own_module,
    "subclass": subclass,
    "pieces": pieces,
    "phases": phases,
}
