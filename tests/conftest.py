"""What several tests need: the front ends as their users start them, with a cache of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# On a machine that does other work, too, any part of a property test may take its time.
settings.register_profile(
    "unhurried", settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

Run = Callable[..., "subprocess.CompletedProcess[str]"]

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch confirms what this expects")


@pytest.fixture(scope="session")
def offline() -> Any:
    """The module that builds torchvision's models without network; skips where there is no torchvision."""
    try:
        from headlint.zoo.generator import offline

        offline.load_torchvision()
    except ImportError as missing:
        pytest.skip(f"compares with the real models: {missing}")
    return offline


@pytest.fixture(scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user with a cache of its own, shared by all tests so that verdicts are made once."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLOR", "FORCE_COLOR", "NO_COLOR", "PYTHON"))
    }
    environment["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    environment["PYTHONUTF8"] = "1"
    return environment


def _runner(module: str, environment: dict[str, str]) -> Run:
    def run(
        *arguments: object, cwd: Path | None = None, stdin: str | bytes = "", **extra: str
    ) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=cwd,
            input=data,
            env={**environment, **extra},
            capture_output=True,
            timeout=120,
            check=False,
        )
        # A traceback is wrong whatever a test is about.
        stderr = done.stderr.decode()
        assert "Traceback" not in stderr, stderr
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), stderr)

    return run


@pytest.fixture(scope="session")
def headlint(clean_environment: dict[str, str]) -> Run:
    """Runs the command line: `headlint("check", path, cwd=..., stdin=...)`."""
    return _runner("headlint", clean_environment)


@pytest.fixture(scope="session")
def flake8(clean_environment: dict[str, str]) -> Run:
    """Runs flake8 with nothing but this plugin's codes selected."""
    run = _runner("flake8", clean_environment)

    def run_isolated(*arguments: object, **extra: object) -> subprocess.CompletedProcess[str]:
        return run("--select=HL", *arguments, **extra)

    return run_isolated
