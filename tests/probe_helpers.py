"""Recipes and workers for the tests of the probe."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from headlint.probe.client import WORKER, Prober
from headlint.probe.protocol import Failure, Observation

# Another Python, with other versions of torch and torchvision, may stand in for the one that runs the tests.
PYTHON = os.environ.get("HEADLINT_TEST_PYTHON", sys.executable)

# What a script begins with that looks into the worker's modules; they follow as `from headlint_worker import ...`.
LOAD_WORKER = f"""
import importlib.util, json, os, sys, time
spec = importlib.util.spec_from_file_location("start", {str(WORKER)!r})
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)
start.load()
"""

needs_torch = pytest.mark.skipif(
    sys.executable == PYTHON and any(importlib.util.find_spec(name) is None for name in ("torch", "torchvision")),
    reason="torch and torchvision are not installed beside the tests",
)

Event = dict[str, Any]


def build(builder: str, number: int = 0, *, weighted: bool = False, **arguments: Any) -> Event:
    return {"do": "build", "object": number, "builder": builder, "arguments": arguments, "weighted": weighted}


def layer(number: int, kind: str, **arguments: Any) -> Event:
    return {"do": "layer", "object": number, "kind": kind, "arguments": arguments}


def linear(number: int, takes: int, gives: int) -> Event:
    return layer(number, "Linear", in_features=takes, out_features=gives)


def place(target: list[Any], name: str, value: list[Any] | None, how: str = "attribute") -> Event:
    return {"do": "set", "target": target, "name": name, "value": value, "how": how}


def container(number: int, kind: str, **children: list[Any]) -> Event:
    named = [[name.lstrip("_"), child] for name, child in children.items()]
    return {"do": "container", "object": number, "kind": kind, "children": named}


def read(target: list[Any], *steps: str | int) -> Event:
    return {"do": "read", "target": target, "steps": list(steps)}


def flags(number: int, paths: Iterable[str], value: bool) -> Event:
    return {"do": "flag", "parameters": [[number, path] for path in paths], "value": value}


def optimizer(kind: str, *parameters: list[Any]) -> Event:
    return {"do": "optimizer", "kind": kind, "parameters": list(parameters)}


def mode(target: list[Any], training: bool) -> Event:
    return {"do": "mode", "target": target, "training": training}


def recipe(
    *events: Event,
    model: list[Any] | None = None,
    watch: list[list[Any]] | None = None,
    shape: list[int] | None = None,
    **asked: Any,
) -> dict[str, Any]:
    body: dict[str, Any] = {"format": 1, "events": list(events), "model": model or [0, ""], "watch": watch or []}
    if shape is not None:
        body["input"] = shape
    return {**body, **asked}


IMAGES = [2, 3, 64, 64]


def seen(answer: Observation | Failure) -> dict[str, Any]:
    """The data of an answer that must be an observation."""
    assert isinstance(answer, Observation), answer
    return answer.data


def failed(answer: object) -> Failure:
    """An answer that must be a failure."""
    assert isinstance(answer, Failure), answer
    return answer


HELLO = '{"hello": 1, "python": "3.11.0", "torch": "2.5.0", "torchvision": "0.20.0"}'
NOTHING_SEEN: dict[str, Any] = {"events": [], "optimizers": [], "watch": {}, "model": None}


def scripted_worker(directory: Path, on_request: str, *, hello: str = HELLO, start: str = "") -> Path:
    """A worker without torch: it says hello, and runs `on_request` (with `request`, `say`) for every line it gets."""
    path = directory / "scripted_worker.py"
    indented = "\n".join("    " + line for line in on_request.splitlines())
    path.write_text(
        "import json, os, sys, time\n"
        f"with open({str(directory / 'starts')!r}, 'a') as stream: stream.write(f'{{os.getpid()}}\\n')\n"
        "def say(text, end='\\n'):\n    sys.stdout.write(text + end); sys.stdout.flush()\n"
        f"NOTHING_SEEN = {NOTHING_SEEN!r}\n"
        f"{start}\n"
        f"say({hello!r})\n"
        f"for line in sys.stdin:\n    request = json.loads(line)\n{indented}\n"
    )
    return path


ANSWER = "say(json.dumps({'id': request['id'], 'observation': NOTHING_SEEN}))"


def starts(directory: Path) -> list[int]:
    """The process numbers of the scripted workers that were started."""
    try:
        return [int(line) for line in (directory / "starts").read_text().split()]
    except FileNotFoundError:
        return []


def prober(worker: Path = WORKER, **options: Any) -> Prober:
    """A prober under this Python, without a cache unless one is given."""
    options.setdefault("cache_directory", "")
    options.setdefault("timeout", 60.0)
    return Prober(options.pop("python", PYTHON), worker=worker, **options)


def becomes_true(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether something comes true before long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def is_running(process: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()
