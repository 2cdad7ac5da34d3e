"""Surgery on what stands before the head: layers that fit, layers that do not, and layers that are taken out."""

from __future__ import annotations

from collections.abc import Callable

from differential import training
from differential.architectures import ALL, Architecture
from differential.drafts import right_draft
from differential.drawing import Draw
from differential.program import Program
from differential.styles import program_of
from differential.writing import DATA, class_count, indented, joined, laid_out

RESNET = {
    "stem": "@m.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)\n@m.maxpool = nn.Identity()",
    "two sides": "@m.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)\n@m.bn1 = nn.BatchNorm2d(32)\n@m.layer1 = nn.Sequential(nn.Conv2d(32, @1, 3, padding=1), nn.ReLU())",
    "dropped": "@m.layer4 = nn.Identity()\n@m.fc = nn.Linear(@3, @n)",
    "narrow": "@m.layer4 = nn.Sequential(nn.Conv2d(@3, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU())\n@m.fc = nn.Linear(128, @n)",
    "pool": "@m.avgpool = nn.AdaptiveMaxPool2d((1, 1))",
    "activation": "@m.relu = nn.LeakyReLU(0.1, inplace=True)",
    "norm": "@m.bn1 = nn.GroupNorm(8, 64)",
    "inner norm": "@m.layer1[0].bn1 = nn.InstanceNorm2d(64, affine=True)",
    "block": "@m.layer2[1] = nn.Identity()",
    "small": "@m.avgpool = nn.Identity()\n@m.fc = nn.LazyLinear(@n)",
    "gray": "old = @m.conv1\n@m.conv1 = nn.Conv2d(3, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False)\nwith torch.no_grad():\n    @m.conv1.weight.copy_(old.weight)",
    "HL200 stem": "@m.conv1 = nn.Conv2d(3, 32, kernel_size=3, padding=1, bias=False)\n@m.maxpool = nn.Identity()",
    "HL200 stem norm": "@m.bn1 = nn.BatchNorm2d(32)",
    "HL200 taken out": "@m.layer3 = nn.Identity()",
    "HL200 first stage": "@m.layer1 = nn.Sequential(nn.Conv2d(64, 96, 3, padding=1), nn.ReLU(inplace=True))",
    "HL200 block": "@m.layer3[0] = nn.Identity()",
    "HL200 downsample": "@m.layer2[0].downsample = nn.Identity()",
    "HL200 inner": "@m.layer4[1].conv2 = nn.Conv2d(@I, @I // 2, kernel_size=3, padding=1, bias=False)",
    "HL200 deleted": "del @m.layer2",
    "HL200 none": "@m.layer2 = None",
    "HL200 groups": "@m.layer1[0].conv1 = nn.Conv2d(64, 64, 3, padding=1, groups=5)",
    "HL200 end, stage": "@m.layer4 = nn.Sequential(nn.Conv2d(@3, 128, 3, padding=1), nn.ReLU())",
    "HL200 end, pool": "@m.avgpool = nn.AdaptiveAvgPool2d((2, 2))",
    "HL200 end, bias": "del @m.fc.bias",
}  # fmt: skip
OTHERS = {
    "densenet121": {
        "stem": "@m.features.conv0 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)\n@m.features.pool0 = nn.Identity()",
        "activation": "@m.features.relu0 = nn.LeakyReLU()",
        "norm": "@m.features.norm5 = nn.BatchNorm2d(@W)",
        "HL200 transition": "@m.features.transition3 = nn.Identity()",
        "HL200 block": "@m.features.denseblock2 = nn.Sequential(nn.Conv2d(128, 256, 3, padding=1), nn.ReLU())",
        "HL200 norm": "@m.features.norm5 = nn.BatchNorm2d(512)",
        "HL200 stem": "setattr(@m.features, 'conv0', nn.Conv2d(3, 32, kernel_size=7, stride=2, padding=3, bias=False))",
        "HL200 deleted": "del @m.features.norm0, @m.features.denseblock1",
    },
    "mobilenet_v2": {
        "stem": "@m.features[0][0] = nn.Conv2d(3, 32, kernel_size=3, stride=1, padding=1, bias=False)",
        "last": "@m.features[18] = nn.Sequential(nn.Conv2d(320, 640, 1), nn.BatchNorm2d(640), nn.ReLU6())\n@m.classifier[1] = nn.Linear(640, @n)",
        "cut": "@m.features = @m.features[:-1]\n@m.classifier = nn.Linear(320, @n)",
        "HL200 stem": "@m.features[0][0] = nn.Conv2d(3, 24, kernel_size=3, stride=2, padding=1, bias=False)",
        "HL200 first": "@m.features[0] = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU6())",
        "HL200 end": "@m.features[18] = nn.Sequential(nn.Conv2d(320, 640, 1), nn.BatchNorm2d(640), nn.ReLU6())",
        "HL200 block": "@m.features[7] = nn.Identity()",
        "HL200 deleted": "del @m.features[4]",
        "HL200 end, cut": "@m.features = @m.features[:-1]",
    },
    "efficientnet_b0": {
        "stem": "@m.features[0][0] = nn.Conv2d(3, 32, 3, stride=1, padding=1, bias=False)",
        "last": "@m.features[8] = nn.Identity()\n@m.classifier[1] = nn.Linear(320, @n)",
        "HL200 last": "@m.features[8][0] = nn.Conv2d(320, 640, kernel_size=1, bias=False)",
        "HL200 stem": "stem = @m.features[0]\nstem[0] = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)",
        "HL200 end": "@m.features[8] = nn.Identity()",
        "HL200 squeeze": "@m.features[1][0].block[1].fc2 = nn.Conv2d(8, 16, 1)",
    },
    "vgg11": {
        "stem": "@m.features[0] = nn.Conv2d(3, 64, kernel_size=5, padding=2)",
        "inner": "@m.classifier[0] = nn.Linear(25088, 1024)\n@m.classifier[3] = nn.Linear(1024, 4096)",
        "HL200 stem": "@m.features[0] = nn.Conv2d(3, 32, kernel_size=3, padding=1)",
        "HL200 inner": "@m.classifier[0] = nn.Linear(512 * 7 * 7, 1024)",
        "HL200 pool": "@m.avgpool = nn.AdaptiveAvgPool2d((1, 1))",
        "HL200 taken out": "@m.features[8] = nn.Identity()",
    },
    "alexnet": {
        "stem": "@m.features[0] = nn.Conv2d(3, 64, kernel_size=7, stride=4, padding=2)",
        "HL200 conv": "@m.features[3] = nn.Conv2d(64, 100, kernel_size=5, padding=2)",
        "HL200 taken out": "@m.classifier[1] = nn.Identity()",
    },
    "shufflenet_v2_x1_0": {
        "pool": "@m.maxpool = nn.Identity()",
        "last": "@m.conv5 = nn.Sequential(nn.Conv2d(464, 512, 1), nn.BatchNorm2d(512), nn.ReLU())\n@m.fc = nn.Linear(512, @n)",
        "HL200 end": "@m.conv5 = nn.Sequential(nn.Conv2d(464, 512, 1), nn.BatchNorm2d(512), nn.ReLU())",
        "HL200 stage": "@m.stage3 = nn.Identity()",
        "HL200 stem": "@m.conv1[0] = nn.Conv2d(3, 48, 3, 2, 1, bias=False)",
    },
    "regnet_y_400mf": {
        "stem": "@m.stem[0] = nn.Conv2d(3, 32, 3, stride=1, padding=1, bias=False)",
        "pool": "@m.avgpool = nn.AdaptiveMaxPool2d(1)",
        "HL200 stem": "@m.stem[0] = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)",
        "HL200 block": "@m.trunk_output.block2 = nn.Identity()",
        "HL200 end": "@m.trunk_output.block4 = nn.Identity()",
    },
    "convnext_tiny": {
        "stem": "@m.features[0][0] = nn.Conv2d(3, 96, kernel_size=2, stride=2)",
        "HL200 stem": "@m.features[0][0] = nn.Conv2d(3, 64, kernel_size=4, stride=4)",
        "HL200 stage": "@m.features[5] = nn.Sequential(nn.Conv2d(384, 256, 1), nn.GELU())",
    },
    "swin_t": {
        "norm": "@m.norm = nn.LayerNorm(768, eps=1e-6)",
        "HL200 norm": "@m.norm = nn.LayerNorm(512)",
        "HL200 merging": "@m.features[4] = nn.Identity()",
    },
    "googlenet": {
        "pool": "@m.maxpool1 = nn.AvgPool2d(3, stride=2, ceil_mode=True)",
        "HL200 stem": "@m.conv1.conv = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)",
        "HL200 mixed": "@m.inception4c = nn.Sequential(nn.Conv2d(512, 256, 1), nn.ReLU())",
    },
    "mnasnet1_0": {
        "stem": "@m.layers[0] = nn.Conv2d(3, 32, 3, padding=1, stride=1, bias=False)",
        "HL200 stem": "@m.layers[0] = nn.Conv2d(3, 16, 3, padding=1, stride=2, bias=False)",
        "HL200 stack": "@m.layers[10] = nn.Identity()",
    },
}  # fmt: skip
LOOPS = ("plain", "counted", "clipped", "one_batch", "accumulated")
FREEZES = [
    "",
    "",
    "for p in @m.parameters():\n    p.requires_grad = False",
    "for p in @m.@P.parameters():\n    p.requires_grad = False",
]


def changes(one: Architecture) -> dict[str, str]:
    """Changes of the trunk of a model."""
    if not one.builder.startswith("resnet"):
        return OTHERS.get(one.builder, {})
    deep = one.width == 2048
    widths = {"@1": "256" if deep else "64", "@3": "1024" if deep else "256", "@I": "512"}
    found = {}
    for name, code in RESNET.items():
        for sign, width in widths.items():
            code = code.replace(sign, width)
        found[name] = code
    if deep:
        # What its blocks add to has four times the channels.
        found.pop("inner norm")
    return found


def trunk(draw: Draw) -> Program:
    """A model of which more than the head is replaced, or something else than that."""
    one = draw.pick([one for one in ALL if not one.task and changes(one)])
    draft = right_draft(draw, one)
    name, code = draw.named(changes(one))
    own_head = name.startswith("HL200 end") or "@n" in code
    head = "" if own_head else draw.pick(["", "@m@H = nn.Linear(@W, @n)", "@m@H = nn.Linear(@m@H.in_features, @n)"])
    freeze = draw.pick(FREEZES)
    steps = [freeze, *draw.pick([(code, head), (head, code)])]
    classes, define = class_count(draw)

    def filled(text: str, model: str, called: str, count: str) -> str:
        return draft.filled(text, model, called, count)

    way = draw.pick(["train", "train", "evaluate"])
    layout = draw.pick(["plain", "class", "library"])
    called = "net" if layout == "class" else "model"
    if way == "train":
        optimizers = training.optimizers(one)
        rest = joined(
            filled(optimizers[draw.pick(["all", "adam", "filter", "list"])], called, called, classes),
            f"criterion = {draft.criterion}",
            filled(training.LOOPS[draw.pick(LOOPS)], called, called, classes),
        )
    else:
        rest = f"{called}.eval()\nwith torch.no_grad():\n    print({called}(next(iter(loader))[0]).shape)"
    build = draft.build if "googlenet" not in one.builder else 'models.googlenet(weights="DEFAULT")'
    if layout == "class":
        surgery = filled(joined(*steps), "self.backbone", "", "num_classes")
        init = joined("super().__init__()", f"self.backbone = {build}", surgery)
        text = (
            f"class Net(nn.Module):\n    def __init__(self, num_classes=3):\n{indented(init, 2)}\n"
            "    def forward(self, x):\n        return self.backbone(x)\n\n\n"
        ) + joined(DATA, define, f"net = Net({classes})", rest)
        return program_of(text, [draft])
    surgery = filled(joined(*steps), "model", "model", "num_classes")
    if layout == "library":
        body = indented(joined(f"model = {build}", surgery, "return model"))
        text = f"def create_model(num_classes=10):\n{body}"
        return program_of(text, [draft], drive=["model = create_model(6)"])
    return program_of(laid_out(draw, build=build, surgery=surgery, rest=rest, classes=classes, define=define), [draft])


STYLES: dict[str, Callable[[Draw], Program]] = {"trunk": trunk}
