"""Building a model without its weights, and without paying for random numbers."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .guard import GUARD

if TYPE_CHECKING:
    from .libraries import Libraries


class DownloadReached(Exception):
    """A builder raised nothing of its own before it asked for its weights."""


class NoState(dict):  # type: ignore[type-arg]
    """The weights that are never downloaded: `load_state_dict` takes them and does nothing."""


class ZeroPool:
    """One private zero mapping that every large parameter of a builder's model shares.

    Nobody asks for the values, so memory that is never written costs nothing and initialisation no time.
    """

    LARGE = 4096
    FIRST = 16 << 20

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.flat: Any = None
        self.addresses: list[int] = []

    def zeros(self, count: int) -> Any:
        """So many zeros, from a mapping that is as large as anybody has needed."""
        if self.flat is None or count > len(self.flat):
            size = max(count, self.FIRST)
            if hasattr(mmap, "MAP_PRIVATE"):
                mapping = mmap.mmap(-1, 4 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                with contextlib.suppress(AttributeError, OSError):
                    # Each experiment reads the zeros anew: thousands of page faults, or a few where pages are huge.
                    mapping.madvise(mmap.MADV_HUGEPAGE)
                self.flat = self.torch.frombuffer(mapping, dtype=self.torch.float32)
            else:
                self.flat = self.torch.zeros(size)
            self.addresses.append(self.flat.data_ptr())
        return self.flat[:count]

    def renew(self) -> None:
        """Share another mapping from now on."""
        self.flat = None
        self.addresses = []

    def holds(self, tensor: Any) -> bool:
        """Whether this tensor is a view of the pool."""
        return tensor.numel() >= self.LARGE and tensor.data_ptr() in self.addresses

    def blank(self, tensor: Any) -> Any:
        """Make `tensor` zero: a view of the pool where it is large."""
        torch = self.torch
        count = tensor.numel()
        if count >= self.LARGE and tensor.dtype is torch.float32 and not tensor._is_view():
            tensor.data = self.zeros(count).view(tensor.shape)
            return tensor
        with torch.no_grad():
            return tensor.zero_()


@contextlib.contextmanager
def replaced_inits(libraries: Libraries, replacement: Callable[[Any], Any]) -> Iterator[None]:
    """Within, every random initialisation is `replacement(tensor)`."""

    def instead(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return replacement(tensor)

    for names, name, _ in libraries.random_inits:
        names[name] = instead
    try:
        yield
    finally:
        for names, name, original in libraries.random_inits:
            names[name] = original


@contextlib.contextmanager
def weights_without_download(libraries: Libraries) -> Iterator[None]:
    """Within, a builder that asks for weights gets the structure they impose, and no numbers."""
    weights_enum = libraries.torchvision.models.WeightsEnum
    module = libraries.nn.Module
    get, load = weights_enum.get_state_dict, module.load_state_dict

    def load_unless_empty(self: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        return None if isinstance(state, NoState) else load(self, state, *args, **kwargs)

    weights_enum.get_state_dict = lambda self, *args, **kwargs: NoState()
    module.load_state_dict = load_unless_empty
    try:
        yield
    finally:
        weights_enum.get_state_dict, module.load_state_dict = get, load


@contextlib.contextmanager
def weights_out_of_reach(libraries: Libraries) -> Iterator[None]:
    """Within, a builder that comes to the point of downloading its weights ends there."""

    def reached(*args: Any, **kwargs: Any) -> Any:
        raise DownloadReached

    weights_enum = libraries.torchvision.models.WeightsEnum
    get = weights_enum.get_state_dict
    weights_enum.get_state_dict = reached
    try:
        yield
    except Exception:
        if GUARD.attempt is None:
            raise
        GUARD.attempt = None
        raise DownloadReached from None
    finally:
        weights_enum.get_state_dict = get
