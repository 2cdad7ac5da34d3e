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
                self.answer_in_a_fork(request)
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

    def answer_in_a_fork(self, request: dict[str, Any]) -> None:
        """Answer by a child that is watched for time and memory."""
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
        answer, failure = b"", None
        try:
            answer, failure = self.watched(child, receiving, request)
            if answer:
                # Whoever has the answer need not wait until the child has given its memory back.
                write_all(self.answers, answer)
        finally:
            os.close(receiving)
            if not answer:
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        if not answer:
            died = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {status >> 8}"
            text, kind = failure or (f"the worker crashed ({died})", "crash")
            write_all(self.answers, encoded({"id": request["id"], "failed": text, "kind": kind}))

    def watched(self, child: int, receiving: int, request: dict[str, Any]) -> tuple[bytes, tuple[str, str] | None]:
        """The line that the child writes before its deadline and within its memory, or nothing and why not.

        There is no reason where the child ended by itself.
        """
        started = time.monotonic()
        base = resident_bytes(os.getpid())
        answer = b""
        while not answer.endswith(b"\n"):
            if time.monotonic() - started > request["timeout"]:
                return b"", (f"timed out after {request['timeout']:g} s", "time")
            if resident_bytes(child) > base + request["memory"]:
                return b"", (f"needs more than {gigabytes(request['memory'])} of memory", "memory")
            if receiving in self.requests.ready(0.02, [receiving]):
                chunk = os.read(receiving, 1 << 16)
                if not chunk:
                    return b"", None
                answer += chunk
        return answer, None


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
