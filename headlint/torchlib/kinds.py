"""Which classes of `torch.nn` are kinds of which, for `isinstance`."""

from __future__ import annotations

# The abstract bases that code tests for, and the endings of the classes behind them.
_FAMILIES = {
    "_BatchNorm": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    "_NormBase": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "InstanceNorm2d"),
    "_ConvNd": ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    "_DropoutNd": ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
}


def is_kind(kind: str, bases: tuple[str, ...], wanted: str) -> bool | None:
    """Whether a module of class `kind` with `bases` is an instance of the class `wanted` (a dotted name)."""
    name = wanted.rpartition(".")[2]
    if not kind:
        return None
    if name in _FAMILIES:
        return kind in _FAMILIES[name]
    if name == kind or any(base.rpartition(".")[2] == name for base in bases):
        # A class of the same name from elsewhere is most likely the same class, but need not be.
        return True if wanted.startswith(("torch.", "torchvision.")) else None
    # The classes of a model that torchvision has built are torchvision's own and torch's.
    return False


def is_class(kind: str, wanted: str) -> bool | None:
    """Whether the class `kind` itself is the class `wanted` (a dotted name), as `type(m) == wanted` asks."""
    if wanted.rpartition(".")[2] != kind:
        return False
    return True if wanted.startswith(("torch.", "torchvision.")) else None


def is_batch_norm(kind: str) -> bool:
    """Whether a class of this name is a BatchNorm of any kind."""
    return is_kind(kind, (), "torch.nn.modules.batchnorm._BatchNorm") is True
