"""What headlint says of a program beside what happened when it ran."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from differential.cells import as_notebook
from differential.judge import expected
from differential.program import Program
from differential.run import Expected
from differential.trace import Call, Trace, loaded
from headlint.finding import Finding
from headlint.lint import Linter, Settings
from headlint.source.notebooks import read_notebook

# Rules about what comes before anything runs: a program that stopped has shown all of it.
AT_ONCE = frozenset({"HL101", "HL102", "HL103", "HL106", "HL303", "HL304"})


class Executor:
    """A process that has torch and runs one program after the other."""

    def __init__(self, timeout: float = 120.0) -> None:
        self._timeout = timeout
        self._process = subprocess.Popen(
            [sys.executable, "-m", "differential.child"],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def runs(self, program: Program) -> list[Trace]:
        """What happens, once for each command line; RuntimeError if that cannot be seen."""
        return [self._run(program, arguments) for arguments in program.runs]

    def _run(self, program: Program, arguments: Sequence[str]) -> Trace:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {
            "text": program.text,
            "arguments": list(arguments),
            "drive": list(program.drive),
            "inputs": list(program.inputs),
            "targets": program.targets,
            "timeout": self._timeout,
        }
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer or '"failed"' in answer[:12]:
            raise RuntimeError(answer or "the process that runs programs has ended")
        return loaded(answer)


@dataclass(frozen=True)
class Comparison:
    """One program: what both say, what only headlint says, what only the run shows, and what the run cannot tell.

    `beyond` is what only the run shows of a program with something in it that the analysis does not follow.
    """

    program: Program
    agreed: tuple[str, ...]
    false: tuple[Finding, ...]
    missed: tuple[Expected, ...]
    open: tuple[Finding, ...]
    raised: tuple[str, ...]
    beyond: tuple[Expected, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether one of the two is wrong."""
        return bool(self.disagreements)

    @property
    def disagreements(self) -> frozenset[str]:
        """The rules on which the two disagree."""
        return frozenset(one.code for one in self.false) | {one.codes[0] for one in self.missed}


# Where a call raises, what is left for it depends on what other rules say: its words are no false alarm there.
LEFT_OVER = "HL200"


def settings() -> Settings:
    """All rules, those that are off by default too."""
    from headlint.checks.candidate import all_checks

    return Settings(select=frozenset(code for code, _ in all_checks()))


def read(program: Program) -> str:
    """What headlint reads of the program: of a notebook what is left of its cells, line by line."""
    if not program.notebook:
        return program.text
    source = read_notebook(as_notebook(program.text))
    assert source.text.count("\n") == program.text.count("\n"), source.notes
    return source.text


def _is_beyond(one: Expected, text: str) -> bool:
    """Whether the pages say that this is not looked at."""
    if one.codes[0] == "HL200" and re.search(r"copy\.deepcopy\(|\bgetattr\(|\.__dict__\[|ClassificationHead\(", text):
        # Who has a copy has the layer, who asks for attributes by name may run any part, and such heads are not followed.
        return True
    if one.codes == ("HL305",) and ".load_state_dict(" in text:
        return True
    if one.codes == ("HL311",) and "print(criterion(" in text:
        return True
    return one.codes == ("HL302",) and "weight = nn.Parameter(" in text


def compare(program: Program, executor: Executor, linter: Linter) -> Comparison:
    """Run the program, lint it, and hold one against the other."""
    traces = executor.runs(program)
    report = linter.lint_unguarded(read(program), "program.py")
    wanted = list(dict.fromkeys(one for trace in traces for one in expected(trace, program.text)))
    raises = any(isinstance(one, Call) and one.raised is not None for trace in traces for one in trace.events)
    stopped = any(trace.raised is not None for trace in traces)
    agreed: list[str] = []
    false: list[Finding] = []
    undecided: list[Finding] = []
    met: set[int] = set()
    for finding in report.findings:
        span = range(finding.span.line, finding.span.end_line + 1)
        hits = [
            index
            for index, one in enumerate(wanted)
            if finding.code in one.codes and any(line in span for line in one.lines)
        ]
        if hits:
            met.update(hits)
            agreed.append(finding.code)
        elif (finding.code == LEFT_OVER and raises) or (stopped and finding.code not in AT_ONCE):
            undecided.append(finding)
        else:
            false.append(finding)
    missed = tuple(one for index, one in enumerate(wanted) if index not in met)
    raised = tuple(f"{t.raised.type}: {t.raised.message} {t.raised.lines}" for t in traces if t.raised is not None)
    beyond = tuple(one for one in missed if _is_beyond(one, program.text))
    told = tuple(one for one in missed if one not in beyond)
    return Comparison(program, tuple(agreed), tuple(false), told, tuple(undecided), raised, beyond)
