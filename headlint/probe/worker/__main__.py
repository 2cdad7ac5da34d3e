"""Starts the worker from this directory, under a Python that need not have headlint."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

PACKAGE = "headlint_worker"


def load() -> None:
    """Make the modules of this directory importable as those of the package `headlint_worker`."""
    directory = os.path.dirname(os.path.abspath(__file__))
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(directory, "__init__.py"), submodule_search_locations=[directory]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
    # A worker writes nothing but in its temporary directory.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(package)
    importlib.import_module(PACKAGE + ".serving")
    sys.dont_write_bytecode = before


if __name__ == "__main__":
    load()
    sys.modules[PACKAGE + ".serving"].main(sys.argv[1:])
