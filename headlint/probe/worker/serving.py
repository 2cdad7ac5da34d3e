"""Answering one request after the other."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import WORKER_VERSION
from .building import ZeroPool
from .directory import enter_directory, leave_directory
from .experiment import Experiment
from .guard import GUARD
from .importing import append_user_site, import_libraries
from .libraries import Libraries
from .refusal import NoObservation, gigabytes, one_line
from .requests import ParentGone, PlainRequests, Requests, encoded, write_all


def answer_to(libraries: Libraries, pool: ZeroPool, request: dict[str, Any]) -> dict[str, Any]:
    """One experiment, and its answer; whatever happens in it."""
    answer: dict[str, Any] = {"id": request["id"]}
    try:
        GUARD.attempt = None
        experiment = Experiment(libraries, pool, request["recipe"], request["memory"])
        answer["observation"] = experiment.observe()
    except NoObservation as none:
        answer.update(failed=none.reason, kind=none.kind)
    except MemoryError:
        answer.update(failed="needs more memory than there is", kind="memory")
    except Exception as error:
        text = f"the worker could not observe this: {type(error).__name__}: {error}"
        answer.update(failed=one_line(text), kind="crash")
    return answer


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as stream:
            fields = stream.read().split()
    except OSError:
        return 0
    return int(fields[1]) * PAGE_SIZE


PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Server:
    """Answers one request after the other, each experiment in a process of its own where fork exists."""

    def __init__(self, requests: Requests, answers: int) -> None:
        self.requests = requests
        self.answers = answers
        self.libraries = import_libraries()
        self.pool = ZeroPool(self.libraries.torch)
        self.die_with_parent = death_signal()

    def hello(self) -> dict[str, Any]:
        """The first line: who answers."""
        return {
            "hello": WORKER_VERSION,
            "python": sys.version.split()[0],
            "torch": str(self.libraries.torch.__version__),
            "torchvision": str(self.libraries.torchvision.__version__),
        }

    def serve(self, forks: bool) -> None:
        """Until the client has gone."""
        write_all(self.answers, encoded(self.hello()))
        while True:
            request = self.parsed(self.requests.line())
            if "failed" in request:
                write_all(self.answers, encoded(request))
            elif forks:
                write_all(self.answers, self.forked(request))
            else:
                write_all(self.answers, encoded(answer_to(self.libraries, self.pool, request)))

    @staticmethod
    def parsed(line: bytes) -> dict[str, Any]:
        """A request, or the answer to what is none."""
        try:
            request = json.loads(line)
            return {
                "id": request["id"],
                "recipe": request["recipe"],
                "timeout": float(request["timeout"]),
                "memory": int(request["memory"]),
            }
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"id": None, "failed": "the request is not understood", "kind": "refused"}

    def forked(self, request: dict[str, Any]) -> bytes:
        """The answer's line, from a child that is watched for time and memory."""
        receiving, sending = os.pipe()
        worker = os.getpid()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(receiving)
                os.close(self.answers)
                os.close(self.requests.descriptor)
                self.die_with_parent()
                forbid_core_dumps()
                if os.getppid() == worker:
                    gc.disable()
                    write_all(sending, encoded(answer_to(self.libraries, self.pool, request)))
                    status = 0
            finally:
                os._exit(status)
        os.close(sending)
        try:
            return self.watched(child, receiving, request)
        finally:
            os.close(receiving)

    def watched(self, child: int, receiving: int, request: dict[str, Any]) -> bytes:
        """What the child writes before its deadline and within its memory."""
        started = time.monotonic()
        base = resident_bytes(os.getpid())
        answer = b""
        failure: tuple[str, str] | None = None
        try:
            while failure is None:
                if receiving in self.requests.ready(0.02, [receiving]):
                    chunk = os.read(receiving, 1 << 16)
                    if not chunk:
                        break
                    answer += chunk
                if time.monotonic() - started > request["timeout"]:
                    failure = (f"timed out after {request['timeout']:g} s", "time")
                elif resident_bytes(child) > base + request["memory"]:
                    failure = (f"needs more than {gigabytes(request['memory'])} of memory", "memory")
        finally:
            if failure is not None or not answer.endswith(b"\n"):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        if failure is None and not answer.endswith(b"\n"):
            died = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status >> 8}"
            failure = (f"the worker crashed ({died})", "crash")
        if failure is not None:
            return encoded({"id": request["id"], "failed": failure[0], "kind": failure[1]})
        return answer


def death_signal() -> Callable[[], None]:
    """What a child calls to die with the worker, where the system offers that."""
    try:
        prctl = importlib.import_module("ctypes").CDLL(None).prctl
    except (ImportError, OSError, AttributeError, TypeError):
        return lambda: None
    return lambda: prctl(1, 9, 0, 0, 0)


def forbid_core_dumps() -> None:
    """A crash of torch is an answer, not something to keep."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: Sequence[str]) -> None:
    """Serve over what were standard input and output; everything else that reads or prints gets nothing."""
    forks = hasattr(os, "fork") and "--in-process" not in arguments
    given = next((argument for argument in arguments if not argument.startswith("-")), None)
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    enter_directory(given)
    sys.addaudithook(GUARD)
    append_user_site()
    try:
        try:
            server = Server(Requests(requests) if forks else PlainRequests(requests), answers)
        except NoObservation as none:
            write_all(answers, encoded({"unavailable": none.reason}))
            return
        GUARD.libraries_are_in(os.getcwd())
        gc.collect()
        gc.freeze()
        server.serve(forks)
    except (ParentGone, BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        leave_directory()
    # Taking torch apart would take longer than the client likes to wait.
    os._exit(0)
