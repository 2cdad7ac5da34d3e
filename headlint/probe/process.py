"""One worker process: started, asked and ended, always within a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

from headlint.probe.lines import Channel, PolledChannel, ThreadedChannel
from headlint.probe.protocol import WORKER_VERSION, Failure, Versions, parse_versions

# What a Python needs to find its libraries, its home and a temporary directory; nothing that changes torch.
KEPT_VARIABLES = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "TMPDIR", "TEMP", "TMP"),
        *("PATH", "PATHEXT", "SYSTEMROOT", "WINDIR", "COMSPEC", "LANG", "LC_ALL", "LC_CTYPE"),
        *("CONDA_PREFIX", "PYENV_ROOT", "PYENV_VERSION"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    }
)
NOISE_LIMIT = 1 << 20


def environment(directory: str) -> dict[str, str]:
    """The variables a worker gets."""
    kept = {name: value for name, value in os.environ.items() if name.upper() in KEPT_VARIABLES}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **threads, "CUDA_VISIBLE_DEVICES": "", "TORCH_HOME": os.path.join(directory, "torch")}


class WorkerProcess:
    """A running worker that has said hello."""

    def __init__(self, process: subprocess.Popen[bytes], directory: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        channel_type = ThreadedChannel if sys.platform == "win32" else PolledChannel
        self._process = process
        self._channel: Channel = channel_type(process.stdin, process.stdout)
        self._finalizer = weakref.finalize(self, end_process, process, directory, os.getpid())
        self.versions = Versions("", "", "")

    @property
    def process_id(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._finalizer.alive and self._process.poll() is None

    def ask(self, line: bytes, seconds: float) -> object:
        """Send one line and get the answer as JSON; whatever else happens is the Failure that says so."""
        deadline = time.monotonic() + seconds
        try:
            self._channel.write(line, deadline)
            answer = self._channel.read(deadline)
        except TimeoutError:
            return Failure(f"timed out after {seconds:g} s", "time")
        except (OSError, EOFError):
            return Failure(self.cause_of_death(), "crash")
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return Failure("the worker answered with garbage", "crash")

    def greet(self, seconds: float) -> Failure | None:
        """Wait for the worker's first line, past anything that a start-up hook of its Python prints."""
        deadline = time.monotonic() + seconds
        noise = 0
        while noise < NOISE_LIMIT:
            try:
                line = self._channel.read(deadline)
            except TimeoutError:
                return Failure(f"the worker did not start within {seconds:g} s", "start")
            except (OSError, EOFError):
                return Failure(self.cause_of_death(), "start")
            try:
                hello = json.loads(line)
            except (ValueError, RecursionError):
                hello = None
            if isinstance(hello, dict) and isinstance(hello.get("unavailable"), str):
                return Failure(" ".join(hello["unavailable"].split()), "environment")
            if isinstance(hello, dict) and "hello" in hello:
                versions = parse_versions(hello)
                if hello["hello"] != WORKER_VERSION or versions is None:
                    return Failure("the worker is of another version", "start")
                self.versions = versions
                return None
            noise += len(line) + 1
        return Failure("the worker started with garbage", "start")

    def cause_of_death(self) -> str:
        """What is known of a process that closed its end."""
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "the worker stopped answering"
        if status == 0:
            return "the worker ended without an answer"
        return f"the worker crashed (signal {-status})" if status < 0 else f"the worker crashed (status {status})"

    def stop(self) -> None:
        """End the process and remove its directory."""
        self._finalizer()


def end_process(process: subprocess.Popen[bytes], directory: str, owner: int) -> None:
    """End a worker with everything it started; in a fork of its owner, only let go of it."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    if os.getpid() != owner:
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if process.poll() is None:
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(5.0)
    shutil.rmtree(directory, ignore_errors=True)


def start_worker(python: str, worker: Path, seconds: float) -> WorkerProcess | Failure:
    """Start a worker under this Python and wait for its hello."""
    try:
        directory = tempfile.mkdtemp(prefix="headlint-")
    except OSError as error:
        return Failure(f"no temporary directory: {error.strerror}", "start")
    try:
        process = subprocess.Popen(
            [python, "-I", str(worker), directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment(directory),
            bufsize=0,
            start_new_session=sys.platform != "win32",
        )
    except (OSError, ValueError) as error:
        shutil.rmtree(directory, ignore_errors=True)
        return Failure(f"{python} does not start: {getattr(error, 'strerror', None) or error}", "start")
    started = WorkerProcess(process, directory)
    failure = started.greet(seconds)
    if failure is not None:
        started.stop()
        return failure
    return started
