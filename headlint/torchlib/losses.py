"""The losses of torch: as modules, and as functions by the names of the same modules."""

from __future__ import annotations

_LOSSES = frozenset(
    """
    BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss KLDivLoss L1Loss MSELoss MultiLabelSoftMarginLoss NLLLoss
    SmoothL1Loss
    """.split()
)
_FUNCTIONS = {
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "l1_loss": "L1Loss",
    "mse_loss": "MSELoss",
    "multilabel_soft_margin_loss": "MultiLabelSoftMarginLoss",
    "nll_loss": "NLLLoss",
    "smooth_l1_loss": "SmoothL1Loss",
}


def is_loss(kind: str) -> bool:
    """Whether a class of `torch.nn` is a loss of an output and a target."""
    return kind in _LOSSES


def loss_kind(name: str) -> str | None:
    """The loss that a dotted name is the function of, None if it is none."""
    package, _, function = name.rpartition(".")
    return _FUNCTIONS.get(function) if package == "torch.nn.functional" else None
