"""Which convolutions are computed by whom: every experiment is a new process, which has to pay for what it prepares."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .tensors import tensors_in

if TYPE_CHECKING:
    from .libraries import Libraries

# oneDNN compiles a kernel for every shape before it computes; up to so many numbers torch's own convolution, which
# prepares nothing, is done before that (measured: at 64 times 64 both take the same time).
SMALL_INPUT = 2 * 3 * 48 * 48
# It goes through the groups of a convolution one by one, however.
MOST_GROUPS = 32


@contextlib.contextmanager
def quick_convolutions(libraries: Libraries, model: Any, given: Any) -> Iterator[None]:
    """Within, convolutions of small inputs are torch's own; the numbers are the same but for their rounding."""
    nn, backend = libraries.nn, libraries.torch.backends.mkldnn
    small = all(tensor.numel() <= SMALL_INPUT for tensor in tensors_in(given))
    if not small or not all(
        isinstance(module, nn.Conv2d) and module.groups <= MOST_GROUPS
        for module in model.modules()
        if isinstance(module, nn.modules.conv._ConvNd)
    ):
        yield
        return
    before = backend.set_flags(False)[0]
    try:
        yield
    finally:
        backend.set_flags(before)
