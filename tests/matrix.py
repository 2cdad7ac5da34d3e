"""The versions that headlint promises, each tried for real: `python tests/matrix.py [NAME...]`.

One environment after the other is made in a temporary directory, runs its tests and is removed. A build of torch with
CUDA takes about 5 GB of disk while it is there, and as much to fetch.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OLDEST_TORCH = ("torch==2.0.1", "torchvision==0.15.2", "numpy<2")
OLDEST_LINTER = ("libcst==1.1.0", "flake8==6.0.0", "platformdirs==2.6.0", "pathspec==0.12.0", "rich==13.0.0")
NEWEST_TORCH = ("torch", "torchvision")

# What must hold whatever is installed: what confirms, what the rules say, and what terminals are shown.
VERDICTS = (
    "tests/test_pages.py",
    "tests/test_fixtures.py::test_program_gets_its_findings",
    "tests/test_console.py",
)
# And, where torchvision stands beside the tests, that it is what the zoo says.
FACTS = ("tests/test_zoo.py",)


@dataclass(frozen=True)
class Worker:
    """Another Python than the one that lints, with its own torch."""

    python: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Environment:
    """A Python that lints, what is installed beside headlint, and who confirms if it does not itself."""

    name: str
    python: str
    packages: tuple[str, ...]
    worker: Worker | None = None

    @property
    def tests(self) -> tuple[str, ...]:
        """What is run in it."""
        return VERDICTS if self.worker else (*FACTS, *VERDICTS)


DEVELOPED = ("--constraint", "constraints.txt", "torch", "torchvision")
ENVIRONMENTS = (
    Environment("oldest", "3.10", (*OLDEST_LINTER, *OLDEST_TORCH)),
    Environment("oldest-worker", "3.12", (), Worker("3.8", OLDEST_TORCH)),
    Environment("developed", "3.11", DEVELOPED),
    Environment("newest", "3.13", NEWEST_TORCH),
    # Python itself is out before torch is built for it.
    Environment("newest-linter", "3.15", (), Worker("3.11", DEVELOPED)),
)


def main() -> int:
    """Try the environments asked for, all by default; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python tests/matrix.py", description=__doc__)
    names = [environment.name for environment in ENVIRONMENTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(names)}")
    wanted = parser.parse_args().names or names
    unknown = [name for name in wanted if name not in names]
    if unknown:
        parser.error(f"there is no environment {unknown[0]!r}; there are {', '.join(names)}")
    failed = [environment.name for environment in ENVIRONMENTS if environment.name in wanted and not tried(environment)]
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall of them hold")
    return 1 if failed else 0


def tried(environment: Environment) -> bool:
    """Whether the tests of an environment pass in it."""
    print(f"\n== {environment.name}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headlint-matrix-") as directory:
        try:
            holds = run_in(environment, Path(directory))
        except (subprocess.CalledProcessError, FileNotFoundError) as failure:
            print(f"cannot be made: {failure}")
            holds = False
    print(f"{environment.name}: {'holds' if holds else 'FAILS'} ({time.monotonic() - started:.0f} s)", flush=True)
    return holds


def run_in(environment: Environment, directory: Path) -> bool:
    """Make the environment and run its tests; raises CalledProcessError or FileNotFoundError if it cannot be made."""
    linter = made(directory / "linter", environment.python, ("--editable", ".[test]", *environment.packages))
    worker = linter
    if environment.worker is not None:
        worker = made(directory / "worker", environment.worker.python, environment.worker.packages)
    show = "import sys, torch, torchvision as v; print(sys.version.split()[0], torch.__version__, v.__version__)"
    subprocess.run([worker, "-W", "ignore", "-c", show], check=False)
    settings = {"XDG_CACHE_HOME": str(directory / "cache"), "HEADLINT_TEST_PYTHON": str(worker)}
    command = [str(linter), "-m", "pytest", "-q", *environment.tests]
    return subprocess.run(command, cwd=ROOT, env={**plain(), **settings}, check=False).returncode == 0


def made(directory: Path, version: str, packages: tuple[str, ...]) -> Path:
    """The interpreter of a new virtual environment with these packages."""
    python = shutil.which(f"python{version}")
    if python is None:
        raise FileNotFoundError(f"there is no python{version}")
    subprocess.run([python, "-m", "venv", directory], check=True, env=plain())
    interpreter = directory / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    subprocess.run(install, check=True, cwd=ROOT, env=plain())
    return interpreter


def plain() -> dict[str, str]:
    """The environment without what an activated one, or another Python, would lend."""
    lending = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in lending} | {"OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    sys.exit(main())
