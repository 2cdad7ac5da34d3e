"""One look at a document: read at once, and told again each time the worker has answered."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from headlint.finding import Finding
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import State
from headlint.history import Recipe
from headlint.lint import Draft, Linter, collector_at_rest
from headlint.lsp.documents import Document
from headlint.lsp.lanes import Overtaken
from headlint.lsp.settings import Options
from headlint.lsp.workers import PENDING, Worker
from headlint.probe.protocol import Failure, Observation, canonical
from headlint.relevance import concerns
from headlint.source.incremental import Reparser
from headlint.source.program import Program
from headlint.source.segments import Source
from headlint.source.suppressions import Suppressions


@dataclass(frozen=True)
class Result:
    """What is to be said about a document by now; `pending` are recipes that the worker has to be asked.

    `findings` are without those that the document silences, `all_findings` with them.
    """

    document: Document
    options: Options
    draft: Draft = field(default_factory=Draft, repr=False)
    all_findings: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()
    pending: tuple[Recipe, ...] = field(default=(), repr=False)


class Reader:
    """Reads the versions of one document, one after the other, in whatever thread."""

    def __init__(self) -> None:
        self._reparser = Reparser()

    def read(self, document: Document, options: Options, worker: Worker | None, stop: threading.Event) -> Result:
        """What the code says, with the verdicts that are known already; raises Overtaken when told to stop."""
        source = document.source
        if not concerns(source.text) or "\0" in source.text:
            return Result(document, options)
        with collector_at_rest():
            linter = Linter(options.settings)
            draft = linter.draft(lambda: self._reparser.parse(source, document.name), interruptible(stop))
            return judged(Result(document, options, draft), worker)

    def parse(self, text: str) -> Program:
        """A program that differs little from the document; raises what `headlint.source.program.parse` raises."""
        return self._reparser.parse(Source(text), "")


def judged(result: Result, worker: Worker | None) -> Result:
    """A result with the verdicts that are known by now; nobody is waited for."""
    pending: dict[str, Recipe] = {}

    def known(recipe: Recipe) -> Observation | Failure:
        assert worker is not None
        answer = worker.known(recipe)
        if answer is PENDING:
            pending.setdefault(canonical(recipe.body), recipe)
        return answer

    report = Linter(result.options.settings).settle(result.draft, None if worker is None else known)
    shown = tuple(_not_silenced(result, report.findings))
    return replace(result, all_findings=report.findings, findings=shown, pending=tuple(pending.values()))


def _not_silenced(result: Result, findings: Sequence[Finding]) -> Iterator[Finding]:
    suppressions = Suppressions(result.document.source.text)
    return (finding for finding in findings if not suppressions.hides(finding.code, finding.span.line))


def interruptible(stop: threading.Event) -> type[Interpreter]:
    """An interpreter that raises Overtaken when it is told to stop."""

    class Interruptible(Interpreter):
        """Follows a program until it is told to stop."""

        def block(self, body: Sequence[cst.CSTNode], states: list[State]) -> list[State]:
            if stop.is_set():
                raise Overtaken
            return super().block(body, states)

    return Interruptible
