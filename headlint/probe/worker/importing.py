"""How torch and torchvision come into the process."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import site
import sys
from collections.abc import Sequence
from typing import Any

from .libraries import Libraries
from .operators import declare_missing_operators
from .refusal import NoObservation

OLDEST_TORCH = (2, 0)


def append_user_site() -> None:
    """Give back the user's own site-packages, which `-I` removed and an ordinary start would have had."""
    if sys.prefix == sys.base_prefix:
        directory = site.getusersitepackages()
        if os.path.isdir(directory) and directory not in sys.path:
            sys.path.append(directory)


class DeferredCompiler(importlib.machinery.SourceFileLoader):
    """Loads `torchvision.ops.roi_align` without the second it takes to import torch's compiler.

    That module imports `torch._dynamo` only to ask it one question when RoIAlign runs, so the import waits
    until then. A version that does not have exactly this line is loaded as it is.
    """

    LINE = "from torch._dynamo.utils import is_compile_supported\n"
    LATER = (
        "def is_compile_supported(device_type):"
        " from torch._dynamo.utils import is_compile_supported as ask; return ask(device_type)\n"
    )

    def get_code(self, fullname: str) -> Any:
        """The module's code, with the one line put off."""
        path = self.get_filename(fullname)
        source = importlib.util.decode_source(self.get_data(path))
        if source.count(self.LINE) != 1:
            return super().get_code(fullname)
        return compile(source.replace(self.LINE, self.LATER), path, "exec", dont_inherit=True)


class TorchvisionFinder(importlib.abc.MetaPathFinder):
    """Steps in at two modules while torchvision is imported, and leaves every other import alone."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        """The spec of `torchvision.ops.roi_align`; None for whatever else, which is then found as usual."""
        if fullname == "torchvision._meta_registrations":
            declare_missing_operators()
        if fullname != "torchvision.ops.roi_align":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = DeferredCompiler(spec.loader.name, spec.loader.path)
        return spec


def import_libraries() -> Libraries:
    """Import torch and torchvision, once; NoObservation says why that is not possible."""
    for name in ("torch", "torchvision"):
        if importlib.util.find_spec(name) is None:
            raise NoObservation("environment", name + " is not installed")
    try:
        torch = importlib.import_module("torch")
        version = tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2])
        if version < OLDEST_TORCH:
            raise NoObservation("environment", f"torch {torch.__version__} is too old, 2.0 is the oldest")
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        finder = TorchvisionFinder()
        sys.meta_path.insert(0, finder)
        try:
            torchvision = importlib.import_module("torchvision")
        finally:
            sys.meta_path.remove(finder)
        return Libraries(torch, torchvision)
    except NoObservation:
        raise
    except Exception as error:
        raise NoObservation(
            "environment", f"torch and torchvision do not import: {type(error).__name__}: {error}"
        ) from error
