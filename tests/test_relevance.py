"""Which files concern headlint: every way to a model is one, and words in comments are none."""

from __future__ import annotations

import pytest

from headlint import Linter, Settings
from headlint.relevance import concerns

SURGERY = "from torch import nn\nmodel = {}\nmodel.head = nn.Linear(512, 10)\nmodel(batch)\n"

WAYS = {
    "the package": ("import torchvision", "torchvision.models.resnet18()"),
    "the package by another name": ("import torchvision as tv", "tv.models.resnet18()"),
    "one of several": ("import os, torchvision as tv, sys", "tv.models.resnet18()"),
    "the package handed on": ("import torchvision\ntv = torchvision\n", "tv.models.resnet18()"),
    "the package for its attributes": ("import torchvision", "getattr(torchvision, 'models').resnet18()"),
    "another part of the package": ("import torchvision.transforms", "torchvision.models.resnet18()"),
    "another line": ("import torchvision", "(\n    torchvision\n    .models\n    .resnet18()\n)"),
    "the models": ("from torchvision import models", "models.resnet18()"),
    "the models by another name": ("from torchvision import datasets, models as m", "m.resnet18()"),
    "the models in parentheses": (
        "from torchvision import (  # (some)\n    transforms,  # all :)\n    models,\n)",
        "models.resnet18()",
    ),
    "the models behind a line break": ("from torchvision import transforms, \\\n    models", "models.resnet18()"),
    "everything": ("from torchvision import *", "models.resnet18()"),
    "a module by another name": ("import torchvision.models as m", "m.resnet18()"),
    "a module behind another": ("import os, torchvision.models as m", "m.resnet18()"),
    "a builder": ("from torchvision.models import resnet18", "resnet18()"),
    "a builder of a file": ("from torchvision.models.resnet import resnet18 as r", "r()"),
    "in a block": ("try: import torchvision\nexcept ImportError: raise", "torchvision.models.resnet18()"),
    "behind a semicolon": ("import os; import torchvision as tv; tv = tv", "tv.models.resnet18()"),
    "by its text": ("import importlib\nm = importlib.import_module('torchvision.models')", "m.resnet18()"),
    "by parts of its text": (
        "import importlib\nname = 'torchvision'\nm = importlib.import_module(name + '.models')",
        "m.resnet18()",
    ),
    "the hub": ("import torch", "torch.hub.load('pytorch/vision:v0.10.0', 'resnet18')"),
    "a repository of the hub": (
        "import torch\nrepository = 'pytorch/vision'",
        "torch.hub.load(repository, 'resnet18')",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_model_concerns_us(way: str) -> None:
    imports, call = WAYS[way]
    with Linter(Settings(confirm="off")) as linter:
        findings = linter.lint_unguarded(f"{imports}\n{SURGERY.format(call)}", "program.py").findings
        assert [finding.code for finding in findings] == ["HL101"]
    assert concerns(f"{imports}\n{SURGERY.format(call)}")


@pytest.mark.parametrize(
    "text",
    [
        "# after torchvision.models, from torchvision import models\nmodels = []",
        "    #  see github.com/pytorch/vision/blob/main/torchvision/models/resnet.py\nmodels = []",
        "'''Models as those of torchvision.'''",
        "from torchvision import transforms, datasets\nfrom timm import models",
        "from torchvision import (\n    transforms,\n    datasets,\n)\nmodels = []",
        "from torchvision.transforms import functional\nmodels = []",
        "import torchvision.transforms as T\nmodels = T.Compose([])",
        "import torchvision\nfrom our import models\nmodels.resnet18(torchvision.ops.nms)",
        "import torchvision as tv\nprint(tv.__version__, models)",
        "REQUIREMENTS = ['torch', 'torchvision']\nmodels = []",
        "import torchvision\nversions = {'torchvision': torchvision.__version__}\nmodels = []",
        "from torchvision.models.utils import load_state_dict_from_url",
        "from torchvision.models.feature_extraction import create_feature_extractor",
    ],
)
def test_other_files_do_not(text: str) -> None:
    assert not concerns(text)
