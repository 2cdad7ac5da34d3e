"""How long an editor waits for the language server, and what that takes: a real server over the real protocol."""

from __future__ import annotations

import ast
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT, figure, heading, standard_library

LINES = 500
ROUNDS = 60
VERDICTS = 15
EDITS = 1_000
ORDINARY = frozenset({"csv", "shlex"})
# Between two keystrokes of somebody who types fast, in seconds.
PAUSE = 0.12


def keystrokes() -> None:
    """From the edit to the diagnostics, and to a verdict that has to be worked out; memory in the end."""
    heading("the language server, on the wall clock")
    with tempfile.TemporaryDirectory() as directory:
        for name, text in (("one training script", script()), ("nothing but training scripts", scripts())):
            server = Server(directory)
            server.open(text)
            server.wait(lambda said: said is not None and not any(map(is_pending, said["diagnostics"])))
            middle = text.count("\n") // 2
            busy = server.busy()
            times = sorted(server.keystroke(middle, number) for number in range(ROUNDS))
            busy = server.busy() - busy
            lines = f"{text.count(chr(10))} lines, {name}"
            figure(f"{lines}: median", statistics.median(times))
            figure(f"{lines}: 95th percentile", times[int(len(times) * 0.95)])
            if busy:
                figure(f"{lines}: of it the server's own work", busy / ROUNDS)
            if name == "one training script":
                before = server.memory()
                for number in range(EDITS):
                    server.edit(middle, f"# again {number}\n", wait=number % 10 == 0)
                server.edit(middle, "# at last\n")
                after = server.memory()
                print(f"  memory of server and worker in MB: {before}, after {EDITS:,} edits {after}")
                verdicts = [server.verdict(width) for width in range(11, 11 + VERDICTS)]
                figure("keystroke to a verdict, by a warm worker", statistics.median(verdicts))
            server.close()


def script() -> str:
    """One program of the fixtures among ordinary code, as long as a training script."""
    program = (ROOT / "fixtures" / "twins" / "checkpoints_and_phases.py").read_text(encoding="utf-8")
    ordinary = "".join(path.read_text(encoding="utf-8") for path in standard_library() if path.stem in ORDINARY)
    ordinary = ordinary.replace("from __future__ import annotations\n", "")
    statements = ast.parse(ordinary).body
    last = next(statement for statement in statements if (statement.end_lineno or 0) > LINES - program.count("\n"))
    return program + "\n\n" + "\n".join(ordinary.split("\n")[: last.end_lineno]) + "\n"


def scripts() -> str:
    """Programs of the fixtures as functions of one file, until it has enough lines."""
    text = ""
    for number, path in enumerate(sorted((ROOT / "fixtures" / "twins").rglob("*.py"))):
        program = path.read_text(encoding="utf-8").replace("from __future__ import annotations\n", "")
        text += f"def main_{number}():\n{textwrap.indent(program, '    ')}\n\n"
        if text.count("\n") >= LINES:
            break
    return text


def is_pending(item: dict[str, Any]) -> bool:
    """Whether a finding still waits for its verdict."""
    return str(item["message"]).endswith("[not yet confirmed]")


class Server:
    """A server with one file open, and the latest that it said about it."""

    def __init__(self, directory: str) -> None:
        self._uri = (Path(directory) / "train.py").as_uri()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headlint", "lsp", "--cache-dir", os.path.join(directory, "cache")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._version = 1
        self._lines: list[str] = []
        self._said: dict[str, Any] | None = None
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self._send("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": {}}, id=1)
        self._send("initialized", {})

    def _send(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
            elif not header.strip():
                message = json.loads(stream.read(length))
                if message.get("method") == "textDocument/publishDiagnostics":
                    with self._news:
                        self._said = message["params"]
                        self._news.notify_all()

    def open(self, text: str) -> None:
        """Open the file."""
        self._lines = text.split("\n")
        item = {"uri": self._uri, "languageId": "python", "version": 1, "text": text}
        self._send("textDocument/didOpen", {"textDocument": item})

    def wait(self, holds: Any) -> None:
        """Wait until what was said last is such."""
        with self._news:
            if not self._news.wait_for(lambda: holds(self._said), 120):
                raise TimeoutError

    def keystroke(self, line: int, number: int) -> float:
        """Seconds from a keystroke, after those of somebody who types fast, until something is said."""
        time.sleep(PAUSE)
        return self.edit(line, f"# {number}\n")

    def edit(self, line: int, text: str, *, wait: bool = True) -> float:
        """Insert text in front of a line and take it out again with the next edit; seconds until something is said."""
        self._version += 1
        place = {"line": line, "character": 0}
        end = {"line": line + (self._version > 2), "character": 0}
        change = {"range": {"start": place, "end": end}, "text": text}
        started = time.perf_counter()
        known = {"uri": self._uri, "version": self._version}
        self._send("textDocument/didChange", {"textDocument": known, "contentChanges": [change]})
        if wait:
            self.wait(lambda said: said["version"] == self._version)
        return time.perf_counter() - started

    def verdict(self, classes: int) -> float:
        """Seconds until a finding that nobody has seen before is confirmed."""
        self._version += 1
        program = (
            "from torch import nn\nfrom torchvision import models\nmodel = models.resnet50()\n"
            f"model.classifier = nn.Linear(2048, {classes})\n"
        )
        known = {"uri": self._uri, "version": self._version}
        started = time.perf_counter()
        self._send("textDocument/didChange", {"textDocument": known, "contentChanges": [{"text": program}]})
        self.wait(
            lambda said: said["version"] == self._version and not any(map(is_pending, said["diagnostics"] or [{}]))
        )
        return time.perf_counter() - started

    def memory(self) -> tuple[int, int]:
        """What the server and the worker hold, in MB; 0 where the system does not tell."""
        return held(self._process.pid), sum(map(held, children(self._process.pid)))

    def busy(self) -> float:
        """The processor's seconds that the server has taken, 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the server."""
        self._send("shutdown", None, id=2)
        self._send("exit", None)
        self._process.wait(30)


def held(process: int) -> int:
    """The resident memory of a process in MB."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    try:
        tasks = Path(f"/proc/{process}/task").glob("*/children")
        return [int(number) for task in tasks for number in task.read_text(encoding="ascii").split()]
    except OSError:
        return []
