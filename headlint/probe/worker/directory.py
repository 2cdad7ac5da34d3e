"""The empty temporary directory that a worker works in."""

from __future__ import annotations

import os
import shutil
import tempfile

from .guard import GUARD


def enter_directory(given: str | None) -> None:
    """Work in an empty temporary directory, which is also where torch looks for downloads.

    It is removed at the end, so one that holds anything is not used.
    """
    directory = given if given and not os.listdir(given) else tempfile.mkdtemp(prefix="headlint-")
    os.chdir(directory)
    os.environ["TORCH_HOME"] = os.path.join(directory, "torch")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["OMP_NUM_THREADS"] = "1"


def leave_directory() -> None:
    """Remove the temporary directory."""
    GUARD.experiments_are_over()
    directory = os.getcwd()
    os.chdir(os.path.dirname(directory))
    shutil.rmtree(directory, ignore_errors=True)
