"""Agreement: what one path of a program says against a finding on another."""

from __future__ import annotations

import pytest

from headlint.lint import Linter, Settings

IMPORTS = "import torch\nfrom torch import nn\nfrom torchvision import models\n"


def codes(text: str) -> list[str]:
    """The codes found in a program without asking the worker."""
    with Linter(Settings(confirm="off")) as linter:
        report = linter.lint_unguarded(IMPORTS + text, "program.py")
    assert report.notes == ()
    return [finding.code for finding in report.findings]


UNCORRELATED = {
    "width": """
if args.deep: model = models.resnet50()
else: model = models.resnet18()
if args.other: model.fc = nn.Linear(2048, 10)
else: model.fc = nn.Linear(512, 10)
""",
    "place": """
if args.deep: model = models.resnet50()
else: model = models.vgg16()
if args.other: model.fc = nn.Linear(2048, 10)
else: model.classifier[6] = nn.Linear(4096, 10)
""",
    "read": """
if args.deep: model = models.resnet50()
else: model = models.densenet121()
if args.other: width = model.fc.in_features
else: width = model.classifier.in_features
""",
    "freeze": """
model = models.resnet18()
if args.first: model.fc = nn.Linear(512, 10)
model.requires_grad_(False)
if args.second: model.fc = nn.Linear(512, 10)
opt = torch.optim.Adam(model.parameters())
""",
}


UNCORRELATED |= {
    "projection": """
model = models.resnet50()
head = nn.Linear(128, 10) if args.low else nn.Linear(2048, 10)
model.fc = nn.Sequential(nn.Linear(2048, 128), head) if args.projection else head
""",
    "another library": """
model = load() if args.other else models.resnet50()
if args.norm: norm = nn.BatchNorm1d(1024)
else: norm = nn.Identity()
model.fc = nn.Sequential(norm, nn.Linear(2048, 10))
""",
    "own class": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)
model = Net() if args.other else models.resnet50()
if args.norm: norm = nn.BatchNorm1d(1024)
else: norm = nn.Identity()
model.fc = nn.Sequential(norm, nn.Linear(2048, 10))
""",
    "head before the model": """
if args.norm: norm = nn.BatchNorm1d(1024)
else: norm = nn.Identity()
model = models.resnet50()
model.fc = nn.Sequential(norm, nn.Linear(2048, 10))
""",
    "mended later": """
model = models.resnet50()
model.fc = nn.Linear(512, 10) if args.small else nn.Linear(2048, 10)
if args.again: model.fc = nn.Linear(2048, 10)
""",
}
CONDITIONAL = {
    "statement": """
if args.norm: norm = nn.BatchNorm1d(1024)
else: norm = nn.Identity()
model.fc = nn.Sequential(norm, nn.Linear(2048, 10))
""",
    "expression": "model.fc = nn.Linear(512, 10) if args.small else nn.Linear(2048, 10)",
    "both": """
act = nn.ReLU() if args.relu else nn.Identity()
model.fc = nn.Sequential(nn.Linear(2048, 256), act, nn.Linear(512, 10))
""",
    "inside": """
layers = [nn.Linear(2048, 256), nn.ReLU()]
if args.deep: layers += [nn.Linear(512, 256), nn.ReLU()]
model.fc = nn.Sequential(*layers, nn.Linear(256, 10))
""",
}


@pytest.mark.parametrize("text", CONDITIONAL.values(), ids=CONDITIONAL.keys())
def test_a_chosen_layer_that_fits_on_no_path_that_makes_it_is_a_finding(text: str) -> None:
    (code,) = codes("args = load()\nmodel = models.resnet50()\n" + text)
    assert code in ("HL201", "HL202")


@pytest.mark.parametrize("text", UNCORRELATED.values(), ids=UNCORRELATED.keys())
def test_conditions_that_may_belong_together_are_no_finding(text: str) -> None:
    assert codes("args = load()\n" + text) == []


def test_wrong_for_every_model_that_comes_there_is_a_finding() -> None:
    text = """
args = load()
if args.deep: model = models.resnet50()
else: model = models.resnet101()
if args.other: model.fc = nn.Linear(512, 10)
else: model.fc = nn.Linear(2048, 10)
"""
    assert codes(text) == ["HL201"]


def test_wrong_on_every_path_of_one_model_is_a_finding() -> None:
    text = """
args = load()
if args.deep: model = models.resnet50()
else: model = models.resnet18()
model.fc = nn.Linear(512, 10)
"""
    assert codes(text) == ["HL201"]


@pytest.mark.parametrize("branch", ["if args.deep", "if args.arch == 'resnet50'", "if not args.shallow"])
def test_the_same_condition_twice_is_no_excuse(branch: str) -> None:
    text = f"""
args = load()
{branch}: model = models.resnet50()
else: model = models.resnet18()
{branch}: model.fc = nn.Linear(512, 10)
else: model.fc = nn.Linear(512, 10)
"""
    assert codes(text) == ["HL201"]
    assert codes(text.replace("512", "2048", 1)) == []


def test_one_finding_for_one_mistake_on_many_paths() -> None:
    text = """
args = load()
model = models.resnet50()
if args.a: model.requires_grad_(False)
if args.b: model.eval()
model.fc = nn.Linear(512, 10)
if args.c: use(args)
"""
    assert codes(text) == ["HL201"]


def test_a_read_that_succeeds_for_another_caller_is_no_finding() -> None:
    text = (
        "def width(model): return model.fc.in_features\n"
        "if load(): width(models.resnet18())\nelse: width(models.resnet50())\n"
    )
    assert codes(text) == []
    assert codes(text.replace("resnet50", "vgg16")) == ["HL102"]


def test_a_layer_that_the_file_calls_itself_is_used() -> None:
    text = "model = models.resnet18()\nmodel.head = nn.Linear(1000, 10)\n"
    assert codes(text) == ["HL101"]
    assert codes(text + "y = model.head(model(x))\n") == []


def test_parts_run_by_hand_make_no_claim_about_forward() -> None:
    text = "model = models.resnet18()\nmodel.fc = nn.Linear(256, 10)\n"
    assert codes(text) == ["HL201"]
    assert codes(text + "f = model.layer3(model.layer2(x))\n") == []
    assert codes(text + "f = model.layer3(x)\ny = model(x)\n") == ["HL201"]


def test_the_same_mistake_in_two_functions_is_told_twice() -> None:
    text = (
        "from torch import nn\nfrom torchvision import models\n\n\ndef build():\n    return models.resnet18()\n\n\n"
        + "".join(
            f"def {name}():\n    net = build()\n    net.fc = nn.Linear(100, 10)\n    return net\n\n\n"
            for name in ("first", "second")
        )
    )
    findings = Linter(Settings(confirm="off")).lint_unguarded(text, "program.py").findings
    assert [(finding.code, finding.span.line) for finding in findings] == [("HL201", 11), ("HL201", 17)]


FACTORY = """
def load(name):
    if name == "resnet": return models.resnet18()
    if name == "vgg": return models.vgg16()
    raise ValueError(name)
def build(name, n):
    model = load(name)
    model.classifier[6] = nn.Linear(4096, n)
    return model
"""


def test_a_helper_on_its_own_says_nothing_about_those_that_call_it() -> None:
    assert codes(FACTORY) == ["HL102"]


def test_where_the_file_calls_it_differently_only_its_own_calls_count() -> None:
    text = """
def build(width, deep=True):
    if deep: model = models.resnet50()
    else: model = models.resnet18()
    model.fc = nn.Linear(width, 10)
    return model
"""
    assert codes(text + "a, b = build(2048), build(512, False)\n") == []
    assert codes(text + "a, b = build(2048), build(256, False)\n") == ["HL201"]


EMBEDDER = """
def initialize(name):
    if name == "resnet":
        net = models.resnet18()
    else:
        net = models.alexnet()
    CHOSEN
    return net

def embedder(name, size):
    net = initialize(name)
    GIVEN
    return net

print(embedder("resnet", 16))
"""


@pytest.mark.parametrize("change", ["net.fc = nn.Linear(512, 16)", "net.fc.requires_grad_(False)"])
def test_what_is_done_to_the_model_that_the_program_takes_may_be_for_its_kind_alone(change: str) -> None:
    assert codes(EMBEDDER.replace("CHOSEN", "pass").replace("GIVEN", change)) == []
    # The function that offers a model is there for it, also where no call of the file takes it.
    assert codes(EMBEDDER.replace("CHOSEN", change).replace("GIVEN", "pass")) != []
    assert codes(EMBEDDER.replace("CHOSEN", "pass").replace("GIVEN", change).replace('"resnet", 16', '"alexnet", 16'))


FROZEN = """
def train(args):
    model = models.resnet18()
    model.fc = nn.Linear(512, 10)
    {}
        for parameter in model.parameters():
            parameter.requires_grad = False
    torch.optim.Adam(model.parameters()).step()
"""
CONDITIONS = {
    "if args.freeze:": "when args.freeze, ",
    "if not args.finetune:": "when not args.finetune, ",
    "if args.layers > 3:": "when args.layers > 3, ",
    "if args.mode.startswith('frozen'):": "when args.mode.startswith('frozen'), ",
    "if args.checkpoint is None:": "when args.checkpoint is None, ",
    "if isinstance(args.layers, str):": "when isinstance(args.layers, str), ",
    "if args.mode == 'full':\n        pass\n    else:": "when not (args.mode == 'full'), ",
    "if args.freeze and args.epochs > 2:": "when args.freeze and args.epochs > 2, ",
    "if args.freeze or args.epochs > 2:": "when args.freeze or args.epochs > 2, ",
    "if not (args.freeze or args.epochs > 2):": "when not (args.freeze or args.epochs > 2), ",
    "if args.first and args.second and args.third:": "when args.first and args.second and args.third, ",
    "if (args.first\n            or args.second):": "when args.first or args.second, ",
    "if args.first:\n      if args.second:\n       if args.third == 1:": (
        "when args.first and args.second and args.third == 1, "
    ),
    "if args.first:\n      if args.second or args.third:": "when (args.second or args.third) and args.first, ",
    "if not args.full:\n     if args.second:\n      if args.third:\n       if args.fourth:": (
        "on some paths where args.fourth, "
    ),
    f"if args.{'very_' * 20}long:": "on some paths, ",
    "if True:": "",
    "print(args.freeze)\n    if args.verbose:\n        print(model)\n    if True:": "",
    "if not args.data:\n        raise ValueError('no data')\n    if True:": "",
    "if args.verbose:\n        print(model)\n    if args.freeze:": "when args.freeze, ",
}


@pytest.mark.parametrize(("written", "begins"), CONDITIONS.items(), ids=range(len(CONDITIONS)))
def test_a_message_begins_with_the_condition_if_not_every_path_is_wrong(written: str, begins: str) -> None:
    with Linter(Settings(confirm="off")) as linter:
        report = linter.lint_unguarded(IMPORTS + FROZEN.format(written), "program.py")
    (finding,) = report.findings
    assert finding.code == "HL301"
    assert finding.message.startswith(f"{begins}this also freezes")


CHOSEN = """
def build(arch, n):
    if arch.startswith("dense"): model = models.densenet121()
    elif arch == "deep": model = models.vgg16()
    elif arch in ("flat", "old"): model = models.alexnet()
    else: model = models.resnet18()
    model.{} = nn.Linear(512, n)
    return model
"""


@pytest.mark.parametrize(
    ("place", "begins"),
    {
        "fc": 'when arch.startswith("dense"), densenet121 never calls',
        "classifier[6]": 'when arch == "deep", vgg16 feeds 4096',
        "classifier": 'when arch.startswith("dense"), densenet121 feeds 1024',
    }.items(),
)
def test_what_is_told_of_one_model_is_told_with_what_leads_to_it(place: str, begins: str) -> None:
    with Linter(Settings(confirm="off")) as linter:
        report = linter.lint_unguarded(IMPORTS + CHOSEN.format(place), "program.py")
    assert begins in [finding.message[: len(begins)] for finding in report.findings]


OPTIONS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--arch", choices=["resnet18", "resnet50", "densenet121"], required=True)
args = parser.parse_args()
model = getattr(models, args.arch)()
if args.arch == "resnet18":
    model.fc = nn.Linear(512, 10)
else:
    model.fc = nn.Linear(2048, 10)
"""


def test_a_model_that_an_option_names_is_each_of_the_choices() -> None:
    with Linter(Settings(confirm="off")) as linter:
        (finding,) = linter.lint_unguarded(IMPORTS + OPTIONS, "program.py").findings
    assert finding.message.startswith("when args.arch == 'densenet121', densenet121 never calls 'fc'")
    assert codes(OPTIONS.replace(', "densenet121"', "")) == []


def test_the_last_key_of_a_dict_is_told_as_the_others_are() -> None:
    text = """
BUILDERS = {"small": {"build": models.efficientnet_b0}, "large": {"build": models.vgg13_bn}}
def build(arch):
    if arch not in BUILDERS:
        raise ValueError(arch)
    make = BUILDERS[arch]["build"]
    model = make(weights="DEFAULT")
    return model.classifier[1].in_features
"""
    with Linter(Settings(confirm="off")) as linter:
        (finding,) = linter.lint_unguarded(IMPORTS + text, "program.py").findings
    assert finding.message.startswith("when arch == 'large', 'classifier[1]' of vgg13_bn is a ReLU")


EXTRACTED = """
from helpers import unfreeze
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names
model = models.resnet18()
model.requires_grad_(False)
get_graph_node_names(model)
{}
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for x, y in load():
    nn.CrossEntropyLoss()(model(x), y).backward()
    optimizer.step()
"""


def test_an_extractor_shares_the_parameters_of_its_model() -> None:
    assert codes(EXTRACTED.format("")) == ["HL306"]
    assert codes(EXTRACTED.format("unfreeze(create_feature_extractor(model, {'fc': 'classes'}))")) == []
