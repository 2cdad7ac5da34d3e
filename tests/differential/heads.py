"""Ways to give a model a new head, right and wrong, as lines of code.

`@m` stands for the model, `@n` for the number of classes, `@H` for the head behind the model, `@W` for its width.
"""

from __future__ import annotations

from differential.architectures import ALL, Architecture


def right(one: Architecture) -> dict[str, str]:
    """Heads that fit, by what is unusual about them."""
    if one.layer == "Conv2d":
        return {
            "literal": "@m@H = nn.Conv2d(512, @n, kernel_size=(1, 1), stride=(1, 1))",
            "bookkeeping": "@m@H = nn.Conv2d(512, @n, kernel_size=1)\n@m.num_classes = @n",
            "whole": (
                "@m.classifier = nn.Sequential(\n    nn.Dropout(p=0.5),\n    nn.Conv2d(512, @n, kernel_size=1),\n"
                "    nn.ReLU(inplace=True),\n    nn.AdaptiveAvgPool2d((1, 1)),\n)"
            ),
            "read": "conv = @m@H\n@m@H = nn.Conv2d(conv.in_channels, @n, conv.kernel_size)",
        }
    found = {
        "literal": "@m@H = nn.Linear(@W, @n)",
        "inline": "@m@H = nn.Linear(@m@H.in_features, @n)",
        "read": "in_features = @m@H.in_features\n@m@H = nn.Linear(in_features, @n)",
        "variable": "head = nn.Linear(@W, @n)\n@m@H = head",
        "sequential": (
            "@m@H = nn.Sequential(\n    nn.Linear(@W, 256),\n    nn.ReLU(),\n    nn.Dropout(0.4),\n    nn.Linear(256, @n),\n)"
        ),
        "hidden": (
            "width = @m@H.in_features\nhidden = width // 4\n"
            "@m@H = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, @n))"
        ),
        "ordered": (
            "@m@H = nn.Sequential(OrderedDict([\n    ('fc1', nn.Linear(@W, 128)),\n    ('relu', nn.ReLU()),\n"
            "    ('fc2', nn.Linear(128, @n)),\n]))"
        ),
        "batchnorm": (
            "@m@H = nn.Sequential(\n    nn.BatchNorm1d(@W),\n    nn.Dropout(0.25),\n    nn.Linear(@W, 64, bias=False),\n"
            "    nn.BatchNorm1d(64),\n    nn.ReLU(),\n    nn.Linear(64, @n),\n)"
        ),
        "log_softmax": "@m@H = nn.Sequential(nn.Linear(@W, @n), nn.LogSoftmax(dim=1))",
        "twice": "@m@H = nn.Linear(@W, 1000)\n@m@H = nn.Linear(@W, @n)",
        "old_inside": "@m@H = nn.Sequential(@m@H, nn.ReLU(), nn.Linear(@C, @n))",
        "own_class": "@m@H = Head(@W, @n)",
        "helper": "@m@H = make_head(@m@H.in_features, @n)",
        "initialised": "@m@H = nn.Linear(@W, @n)\nnn.init.xavier_uniform_(@m@H.weight)\nnn.init.zeros_(@m@H.bias)",
        "bookkeeping": "@m@H = nn.Linear(@W, @n)\n@m.num_classes = @n",
        "typed": "layer: nn.Module = nn.Linear(in_features=@W, out_features=@n, bias=True)\n@m@H = layer",
        "unpacked": "layers = [nn.Dropout(0.3), nn.Linear(@W, @n)]\n@m@H = nn.Sequential(*layers)",
        "lazy": "@m@H = nn.LazyLinear(@n)",
        "appended": "head = nn.Sequential()\nhead.append(nn.Linear(@W, 32))\nhead.append(nn.ReLU())\nhead.append(nn.Linear(32, @n))\n@m@H = head",
        "walrus": "if (width := @m@H.in_features) > 0:\n    @m@H = nn.Linear(width, @n)",
        "loop": (
            "layers = []\nwidth = @W\nfor size in (256, 64):\n    layers += [nn.Linear(width, size), nn.ReLU()]\n    width = size\n"
            "@m@H = nn.Sequential(*layers, nn.Linear(width, @n))"
        ),
        "old_kept": "old = @m@H\n@m@H = nn.Linear(old.in_features, @n)\ndel old",
        "weight": "@m@H = nn.Linear(@m@H.weight.shape[1], @n)",
        "tied": "head = nn.Linear(@W, @n)\nother = nn.Linear(@W, @n)\nother.weight = head.weight\n@m@H = head",
        "alias": "@m@H = nn.Linear(@W, @n)\n@m.output_layer = @m@H",
        "resized": (
            "@m@H.weight = nn.Parameter(torch.randn(@n, @W) * 0.01)\n@m@H.bias = nn.Parameter(torch.zeros(@n))\n"
            "@m@H.out_features = @n"
        ),
        "rows": "old = @m@H\n@m@H = nn.Linear(@W, @n)\nwith torch.no_grad():\n    @m@H.weight[:2] = old.weight[:2]",
        "dotted": f"set_module(@m, '{one.name}', nn.Linear(@W, @n))",
        "found": (
            "for name, module in @m.named_modules():\n    if isinstance(module, nn.Linear):\n        last = name\n"
            "set_module(@m, last, nn.Linear(@W, @n))"
        ),
        "adapter": "@m@H = Adapter(@m@H, @n)",
        "partial": "make = functools.partial(nn.Linear, @W)\n@m@H = make(@n)",
        "weight_norm": "@m@H = nn.utils.parametrizations.weight_norm(nn.Linear(@W, @n))",
        "flatten": "@m@H = nn.Sequential(nn.Flatten(), nn.Linear(@W, @n))",
        "identity_then": "@m@H = nn.Identity()\n@m@H = nn.Linear(@W, @n)",
        "lazy_two": "@m@H = nn.Sequential(nn.LazyLinear(64), nn.ReLU(), nn.LazyLinear(@n))",
        "lazy_norm": "@m@H = nn.Sequential(nn.LazyBatchNorm1d(), nn.LazyLinear(@n))",
        "lazy_dry": f"@m@H = nn.LazyLinear(@n)\nwith torch.no_grad():\n    @m.eval()(torch.randn(2, {', '.join(map(str, one.inputs))}))",
        "try": (
            "try:\n    width = @m.fc.in_features\n    @m.fc = nn.Linear(width, @n)\nexcept AttributeError:\n"
            "    @m@H = nn.Linear(@W, @n)"
        ),
        "cosine": "@m@H = CosineHead(@W, @n)",
    }
    owner, _, name = one.name.rpartition(".")
    found["get_submodule"] = f"setattr(@m.get_submodule('{owner}'), '{name}', nn.Linear(@W, @n))"
    if owner:
        found["reduce"] = (
            f"parent = functools.reduce(getattr, '{one.name}'.split('.')[:-1], @m)\n"
            f"setattr(parent, '{name}', nn.Linear(@W, @n))"
        )
    if one.name == "fc" or (owner or one.name) == "classifier":
        found["hasattr"] = (
            "if hasattr(@m, 'fc'):\n    @m.fc = nn.Linear(@m.fc.in_features, @n)\n"
            "elif isinstance(@m.classifier, nn.Sequential):\n"
            "    @m.classifier[-1] = nn.Linear(@m.classifier[-1].in_features, @n)\n"
            "else:\n    @m.classifier = nn.Linear(@m.classifier.in_features, @n)"
        )
    if "[" not in one.head:
        owner, _, name = one.head.rpartition(".")
        target = f"@m.{owner}" if owner else "@m"
        found["setattr"] = f"setattr({target}, '{name}', nn.Linear(@W, @n))"
        found["add_module"] = f"{target}.add_module('{name}', nn.Linear(@W, @n))"
        found["deleted"] = f"del {target}.{name}\n{target}.{name} = nn.Linear(@W, @n)"
    if one.whole and "[" in one.head:
        found["children"] = (
            f"layers = list(@m.{one.whole}.children())[:-1]\nlayers.append(nn.Linear(@W, @n))\n"
            f"@m.{one.whole} = nn.Sequential(*layers)"
        )
        found["star"] = f"@m.{one.whole} = nn.Sequential(*list(@m.{one.whole}.children())[:-1], nn.Linear(@W, @n))"
        found["last"] = f"@m.{one.whole}[-1] = nn.Linear(@m.{one.whole}[-1].in_features, @n)"
        found["pop"] = (
            f"width = @m.{one.whole}[-1].in_features\ndel @m.{one.whole}[-1]\n@m.{one.whole}.append(nn.Linear(width, @n))"
        )
    if one.whole and one.first:
        found["whole"] = (
            f"@m.{one.whole} = nn.Sequential(\n    nn.Dropout(p=0.2, inplace=True),\n    nn.Linear({one.first}, @n),\n)"
        )
        found["whole_two"] = (
            f"@m.{one.whole} = nn.Sequential(\n    nn.Linear({one.first}, 128),\n    nn.ReLU(inplace=True),\n"
            "    nn.Linear(128, @n),\n)"
        )
    if one.whole:
        found["behind"] = f"@m.{one.whole}.extra = nn.Linear(@C, @n)" if one.builder != "maxvit_t" else found["literal"]
    if one.builder == "resnet18" or one.builder == "resnet50":
        found["own_pool"] = "@m.avgpool = nn.AdaptiveAvgPool2d((2, 2))\n@m@H = nn.Linear(@W * 4, @n)"
        found["gray"] = (
            "@m.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)\n@m.maxpool = nn.Identity()\n"
            "@m@H = nn.Linear(@W, @n)"
        )
        found["both_names"] = (
            "@m@H = nn.Linear(@W, @n)\nfor parameter in @m@H.parameters():\n    parameter.requires_grad = True"
        )
    return found


def wrong(one: Architecture) -> dict[str, str]:
    """Heads that are mistakes, by the rule that tells them and what is special."""
    owner = f".{one.whole}" if one.whole else ""
    typo = one.name.partition(".")[0]
    typo = typo[:3] + typo[4:] if len(typo) > 4 else f"{typo}1"
    found = {
        "HL101 typo": f"@m.{typo} = nn.Linear(@W, @n)",
        "HL103": "@m@H.out_features = @n" if one.layer == "Linear" else "@m@H.out_channels = @n",
        "HL103 beside": "@m@H = nn.Linear(@W, 1000)\n@m@H.out_features = @n",
        "HL104": "@m.num_classes = @n",
        "HL102 index": "@m@H = nn.Linear(@m@H[0].in_features, @n)",
        "HL102 name": "@m@H = nn.Linear(@m@H.in_feature, @n)",
    }
    for name in one.wrong:
        found[f"HL101 {name}"] = f"@m.{name} = nn.Linear(@W, @n)"
        found[f"HL101 two layers, {name}"] = (
            f"@m.{name} = nn.Sequential(\n    nn.Linear(@W, 128),\n    nn.ReLU(),\n    nn.Linear(128, @n),\n)"
        )
        found[f"HL102 {name}"] = f"@m.{name} = nn.Linear(@m.{name}.in_features, @n)"
        found[f"HL101 setattr, {name}"] = f"setattr(@m, '{name}', nn.Linear(@W, @n))"
        found[f"HL101 add_module, {name}"] = f"@m.add_module('{name}', nn.Linear(@W, @n))"
    if one.builder in ("inception_v3", "googlenet"):
        found["HL105"] = "@m.fc = nn.Linear(@W, @n)"
        found["HL105 two layers"] = "@m.fc = nn.Sequential(nn.Linear(@W, 64), nn.ReLU(), nn.Linear(64, @n))"
    if one.layer == "Conv2d":
        found.pop("HL103 beside")
        found |= {
            "HL204": "@m@H = nn.Linear(512, @n)",
            "HL204 whole": "@m.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(512, @n))",
            "HL201": "@m@H = nn.Conv2d(1000, @n, kernel_size=1)",
            "HL201 whole": "@m.classifier = nn.Sequential(\n    nn.Dropout(0.5),\n    nn.Conv2d(256, @n, kernel_size=1),\n    nn.AdaptiveAvgPool2d((1, 1)),\n)",
            "HL202": "@m@H = nn.Sequential(nn.Conv2d(512, 128, kernel_size=1), nn.ReLU(), nn.Conv2d(64, @n, kernel_size=1))",
            "HL202 whole": (
                "@m.classifier = nn.Sequential(\n    nn.Conv2d(512, 256, kernel_size=3, padding=1),\n    nn.ReLU(inplace=True),\n"
                "    nn.Conv2d(512, @n, kernel_size=1),\n    nn.AdaptiveAvgPool2d((1, 1)),\n)"
            ),
            "HL202 norm": "@m@H = nn.Sequential(nn.Conv2d(512, 64, 1, bias=False), nn.BatchNorm2d(512), nn.Conv2d(64, @n, 1))",
            "HL204 norm": "@m@H = nn.Sequential(nn.BatchNorm1d(512), nn.Conv2d(512, @n, kernel_size=1))",
            "HL206": "@m.classifier = nn.Sequential(\n    nn.Dropout(0.5),\n    nn.Conv2d(512, @n, kernel_size=1),\n    nn.LogSoftmax(dim=1),\n    nn.ReLU(),\n    nn.AdaptiveAvgPool2d((1, 1)),\n)",
        }
        return found
    widths = sorted({other.width for other in ALL if other.width != one.width})
    for width in widths:
        found[f"HL201 {width}"] = f"@m@H = nn.Linear({width}, @n)"
        found[f"HL201 two layers, {width}"] = (
            f"@m@H = nn.Sequential(\n    nn.Dropout(0.5),\n    nn.Linear({width}, 256),\n    nn.ReLU(),\n    nn.Linear(256, @n),\n)"
        )
    found |= {
        "HL202 halved": (
            "width = @m@H.in_features\nhidden = width // 2\n"
            "@m@H = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden // 2, @n))"
        ),
        "HL202 ordered": (
            "@m@H = nn.Sequential(OrderedDict([\n    ('fc1', nn.Linear(@W, 128)),\n    ('relu', nn.ReLU()),\n"
            "    ('drop', nn.Dropout(0.2)),\n    ('fc2', nn.Linear(64, @n)),\n]))"
        ),
        "HL202 first kept": "@m@H = nn.Sequential(@m@H, nn.ReLU(), nn.Linear(@W, @n))"
        if one.width != one.classes
        else "",
        "HL202 list": "layers = [nn.Linear(@W, 200), nn.GELU(), nn.Linear(100, @n)]\n@m@H = nn.Sequential(*layers)",
        "HL202 appended": (
            "head = nn.Sequential()\nhead.append(nn.Linear(@W, 64))\nhead.append(nn.ReLU())\n"
            "head.append(nn.Linear(@W, @n))\n@m@H = head"
        ),
        "HL202 loop": (
            "layers = []\nwidth = @W\nfor size in (256, 64):\n    layers += [nn.Linear(width, size), nn.ReLU()]\n"
            "@m@H = nn.Sequential(*layers, nn.Linear(64, @n))"
        ),
        "HL202 layer norm": "@m@H = nn.Sequential(nn.Linear(@W, 96), nn.LayerNorm(@W), nn.Linear(96, @n))",
        "HL202 nested": (
            "@m@H = nn.Sequential(\n    nn.Sequential(nn.Linear(@W, 512), nn.ReLU()),\n"
            "    nn.Sequential(nn.Linear(128, 64), nn.ReLU()),\n    nn.Linear(64, @n),\n)"
        ),
        "HL202 set later": "@m@H = nn.Sequential(nn.Linear(@W, 128), nn.ReLU(), nn.Linear(128, 10))\n@m@H[2] = nn.Linear(@W, @n)",
        "HL204 conv in front": "@m@H = nn.Sequential(nn.Conv2d(@W, 64, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, @n))",
        "HL204 norm behind": "@m@H = nn.Sequential(\n    nn.Linear(@W, 64),\n    nn.BatchNorm2d(64),\n    nn.ReLU(),\n    nn.Linear(64, @n),\n)",
        "HL204 conv behind": "@m@H = nn.Sequential(nn.Linear(@W, 64), nn.ReLU(), nn.Conv2d(64, @n, kernel_size=1), nn.Flatten())",
        "HL204 variable": "layer = nn.Conv2d(in_channels=@W, out_channels=@n, kernel_size=1)\n@m@H = layer",
        "HL206 ordered": ("@m@H = nn.Sequential(OrderedDict([('fc', nn.Linear(@W, 1)), ('prob', nn.Softmax(dim=1))]))"),
        "HL206 relu": "@m@H = nn.Sequential(nn.Linear(@W, @n), nn.LogSoftmax(dim=1), nn.ReLU())",
        "HL401 ordered": (
            "@m@H = nn.Sequential(OrderedDict([\n    ('fc1', nn.Linear(@W, 64)),\n    ('act', nn.Tanh()),\n"
            "    ('fc2', nn.Linear(64, @n)),\n    ('output', nn.Softmax(dim=1)),\n]))"
        ),
        "HL401 around": "@m@H = nn.Linear(@W, @n)\n@m@H = nn.Sequential(@m@H, nn.Softmax(dim=-1))",
        "HL402 read": "@m@H = nn.Linear(@m@H.in_features, 1)",
        "HL402 sigmoid": "@m@H = nn.Sequential(nn.Linear(@W, 1), nn.Sigmoid())",
        "HL402 constant": "OUTPUTS = 1\n@m@H = nn.Sequential(nn.Dropout(0.2), nn.Linear(@W, OUTPUTS))",
        "HL202": "@m@H = nn.Sequential(\n    nn.Linear(@W, 512),\n    nn.ReLU(),\n    nn.Linear(256, @n),\n)",
        "HL202 line": "@m@H = nn.Sequential(nn.Linear(@W, 100), nn.Tanh(), nn.Linear(10, @n))",
        "HL202 norm": (
            "@m@H = nn.Sequential(\n    nn.Linear(@W, 512),\n    nn.BatchNorm1d(256),\n    nn.ReLU(),\n    nn.Linear(512, @n),\n)"
        ),
        "HL204 conv": "@m@H = nn.Conv2d(@W, @n, kernel_size=1)",
        "HL204 norm": "@m@H = nn.Sequential(nn.BatchNorm2d(@W), nn.Linear(@W, @n))",
        "HL206": "@m@H = nn.Sequential(nn.Linear(@W, 1), nn.Softmax(dim=1))",
        "HL206 three layers": "@m@H = nn.Sequential(nn.Linear(@W, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softmax(dim=-1))",
        "HL401 one line": "@m@H = nn.Sequential(nn.Linear(@W, @n), nn.Softmax(dim=1))",
        "HL401": "@m@H = nn.Sequential(\n    nn.Linear(@W, 256),\n    nn.ReLU(),\n    nn.Linear(256, @n),\n    nn.Softmax(dim=1),\n)",
        "HL402": "@m@H = nn.Linear(@W, 1)",
        "HL402 two layers": "@m@H = nn.Sequential(nn.Linear(@W, 64), nn.ReLU(), nn.Linear(64, 1))",
    }
    found = {name: code for name, code in found.items() if code}
    if one.whole and one.first:
        found["HL202 whole"] = (
            f"@m.{one.whole} = nn.Sequential(\n    nn.Linear({one.first}, 256),\n    nn.ReLU(inplace=True),\n    nn.Dropout(0.3),\n"
            f"    nn.Linear({one.first}, @n),\n)"
        )
        found["HL204 whole, norm"] = (
            f"@m.{one.whole} = nn.Sequential(nn.BatchNorm2d({one.first}), nn.Linear({one.first}, @n))"
        )
        found["HL204 whole, conv"] = f"@m.{one.whole} = nn.Conv2d({one.first}, @n, kernel_size=1)"
    if owner and one.first and one.first != one.width:
        found["HL201 whole"] = f"@m{owner} = nn.Linear(@W, @n)"
        found["HL101 inside"] = f"@m{owner}.fc = nn.Linear(@W, @n)"
    if "[" in one.head and owner:
        found["HL102 whole"] = f"@m{owner} = nn.Linear(@m{owner}.in_features, @n)"
        found["HL102 behind the end"] = f"@m{owner}[9] = nn.Linear(@m{owner}[9].in_features, @n)"
    if one.builder.startswith("convnext"):
        found["HL204 whole"] = "@m.classifier = nn.Linear(@W, @n)"
    return found
