"""The names by which code reaches torch, torchvision and their friends, and what is known of each kind."""

from __future__ import annotations

from headlint.torchlib.layers import find_layer
from headlint.zoo import builder_at

MODULE_CLASSES = frozenset(
    """
    torch.nn.Module torch.nn.modules.Module torch.nn.modules.module.Module torch.nn.Sequential
    pytorch_lightning.LightningModule lightning.LightningModule lightning.pytorch.LightningModule
    pytorch_lightning.core.LightningModule pytorch_lightning.core.lightning.LightningModule
    """.split()
)

# Numbers that code reads off torchvision's own classes.
CONSTANTS = {"torchvision.models.resnet.BasicBlock.expansion": 1, "torchvision.models.resnet.Bottleneck.expansion": 4}

# Methods of nn.Module that a model's own modules never shadow.
MODULE_METHODS = frozenset(
    """
    _get_name add_module append apply bfloat16 buffers children clear compile cpu cuda double eval extend extra_repr
    float forward get_buffer get_extra_state get_parameter get_submodule half insert ipu items keys load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters pop register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_module register_parameter
    register_state_dict_pre_hook requires_grad_ set_submodule share_memory state_dict to to_empty train type update
    values xpu zero_grad
    """.split()
)

# Methods of a LightningModule that only keep a record of something.
LIGHTNING_NOTES = frozenset("save_hyperparameters log log_dict print".split())

_OPTIMIZERS = frozenset(
    """
    Adadelta Adafactor Adagrad Adam Adamax AdamW ASGD LBFGS Muon NAdam RAdam RMSprop Rprop SGD SparseAdam
    """.split()
)

# Calls to anything under these names change no module that they are given.
_HARMLESS_PREFIXES = (
    "builtins.",
    "lightning.notes.",
    "torch.nn.functional.",
    "torch.nn.init.",
    "torch.optim.lr_scheduler.",
    "torch.utils.data.",
    "torch.cuda.",
    "torch.backends.",
    "torch.onnx.",
    "torchvision.transforms.",
    "torchvision.models.feature_extraction.get_graph_node_names",
    "torchvision.datasets.",
    "torchvision.utils.",
    "torchvision.io.",
    "torchsummary.",
    "torchinfo.",
    "torchviz.",
    "thop.",
    "ptflops.",
    "numpy.",
    "pandas.",
    "matplotlib.",
    "PIL.",
    "cv2.",
    "sklearn.",
    "os.",
    "sys.",
    "time.",
    "random.",
    "math.",
    "json.",
    "logging.",
    "pprint.",
    "tqdm.",
    "collections.",
    "itertools.",
    "functools.",
    "pathlib.",
    "argparse.",
    "warnings.",
    "gc.",
    "wandb.",
)
_HARMLESS = frozenset(
    """
    torch.save torch.device torch.manual_seed torch.rand torch.randn torch.zeros torch.ones torch.tensor torch.cat
    torch.stack torch.max torch.sum torch.mean torch.argmax torch.softmax torch.sigmoid torch.no_grad torch.empty
    torch.inference_mode torch.set_grad_enabled torch.jit.trace torch.jit.script torch.jit.save torch.load
    torch.from_numpy torch.as_tensor torch.exp torch.topk torch.eq torch.flatten torch.nn.utils.clip_grad_norm_
    torch.nn.utils.clip_grad_value_ torch.nn.utils.parameters_to_vector tqdm
    """.split()
)


def layer_kind(name: str) -> str | None:
    """The `torch.nn` class that a dotted name means, None if it means none."""
    if not name.startswith("torch.nn."):
        return None
    rest = name[len("torch.nn.") :]
    if "." in rest and not rest.startswith(("modules.", "parallel.")):
        return None
    kind = rest.rpartition(".")[2]
    return kind if find_layer(kind) is not None or kind in ("DataParallel", "DistributedDataParallel") else None


def is_optimizer(name: str) -> bool:
    """Whether a dotted name is one of torch's optimizers."""
    return name.startswith("torch.optim.") and name.rpartition(".")[2] in _OPTIMIZERS


def gives_back(name: str) -> bool:
    """Whether what calling this gives may be or hold what it is given."""
    return name.startswith(("collections.", "itertools.", "random.", "numpy.array", "weakref."))


def is_harmless(name: str) -> bool:
    """Whether calling this is known to leave the modules it is given as they are."""
    return name in _HARMLESS or name.startswith(_HARMLESS_PREFIXES) or _is_loss(name)


def _is_loss(name: str) -> bool:
    return name.startswith("torch.nn.") and name.endswith("Loss")


def is_known(name: str) -> bool:
    """Whether a dotted name is something that this analysis gives a meaning to (for `import *`)."""
    if layer_kind(name) is not None or is_optimizer(name) or builder_at(name) is not None:
        return True
    return name in _PUBLIC


_PUBLIC = frozenset(
    """
    torchvision.models torchvision.transforms torchvision.datasets torch.nn torch.optim torch.nn.functional torch.utils
    torch.cuda torch.device torch.save torch.load torch.no_grad torch.manual_seed
    """.split()
)
