"""The pipeline from text to findings, and the one boundary behind which nothing raises."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from headlint.finding import Evidence, Finding, Verdict
from headlint.relevance import concerns
from headlint.rulepages import codes_off_by_default

if TYPE_CHECKING:
    import ast

    from headlint.checks.agreement import Suspicion
    from headlint.claims import Judgement
    from headlint.flow.histories import ModelHistory
    from headlint.history import Recipe
    from headlint.probe.client import Prober
    from headlint.probe.protocol import Failure, Observation
    from headlint.source.program import Program

Confirm = Literal["auto", "require", "off"]


@dataclass(frozen=True)
class Settings:
    """How findings are confirmed, and which rules are asked.

    `confirm` is "auto" (report what cannot be confirmed with the reason), "require" (leave it out) or "off"
    (never start a worker). `timeout` is in seconds for one replay. `select` holds codes or their beginnings;
    None selects the rules that are on by default. A rule that is off by default is selected by its whole code alone.
    """

    confirm: Confirm = "auto"
    python: str | None = None
    timeout: float = 30.0
    cache_directory: str | None = None
    select: frozenset[str] | None = None


@dataclass(frozen=True)
class Report:
    """What there is to say about one file.

    `notes` are one-line texts on what went wrong with it, and `hidden` counts findings that were left out
    because they could not be confirmed.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    hidden: int


class Linter:
    """Lints any number of files with one set of settings and, once it is needed, one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._prober: Prober | None = None

    def __enter__(self) -> Linter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker, if one was started."""
        if self._prober is not None:
            self._prober.close()
            self._prober = None

    def lint(self, text: str, name: str, python_tree: ast.AST | None = None) -> Report:
        """Lint one program, of which Python's own tree may be there already; never raises."""
        if not concerns(text):
            return Report((), (), 0)
        try:
            return self.lint_unguarded(text, name, python_tree)
        except Exception as error:  # noqa: BLE001  (the one boundary: a fault of ours must not end the run)
            return Report((), (f"1:1: headlint failed on this file ({type(error).__name__}: {error})",), 0)

    def lint_unguarded(self, text: str, name: str, python_tree: ast.AST | None = None) -> Report:
        """The same without the guard, for tests: whatever goes wrong in the analysis raises."""
        # What was made for the file is gone when the collector wakes up, which would walk all of it.
        with collector_at_rest():
            return self._report(text, name, python_tree)

    def _report(self, text: str, name: str, python_tree: ast.AST | None) -> Report:
        from headlint.checks.agreement import agree
        from headlint.flow.histories import analyse

        program = _parsed(text, name, python_tree)
        if isinstance(program, Report):
            return program
        analysis = analyse(program.tree)
        groups = agree(analysis, list(self._suspicions(analysis.histories)), program)
        notes = (f"1:1: {analysis.note}",) if analysis.note else ()
        findings: list[Finding] = []
        hidden = 0
        replays = Replays(self._running_prober)
        for group in groups:
            finding = self._decide(program, group, replays)
            if finding is None:
                continue
            if finding.verdict.kind == "unconfirmed" and self.settings.confirm == "require":
                hidden += 1
            else:
                findings.append(finding)
        findings.sort(key=lambda finding: (finding.span, finding.code, finding.message))
        return Report(tuple(findings), notes, hidden)

    def _suspicions(self, histories: Sequence[ModelHistory]) -> Iterator[Suspicion]:
        from headlint.checks.agreement import Suspicion
        from headlint.checks.candidate import all_checks

        for code, check in all_checks():
            if self._selects(code):
                for history in histories:
                    for candidate in check(history):
                        yield Suspicion(history, candidate)

    def _selects(self, code: str) -> bool:
        select = self.settings.select
        if code in codes_off_by_default():
            return select is not None and code in select
        return select is None or code.startswith(tuple(select))

    # -- verdicts ------------------------------------------------------------------------------------------------

    def _decide(self, program: Program, group: Sequence[Suspicion], replays: Replays) -> Finding | None:
        """The finding that a group of suspicions of the same mistake gives, None if the model refutes them."""
        from headlint.checks.agreement import condition_of

        unconfirmed: tuple[Suspicion, Judgement] | None = None
        for suspicion in group:
            judgement, evidence = self._judge(suspicion, replays)
            if judgement.verdict.kind == "confirmed":
                return _finding(program, suspicion, judgement, evidence, condition_of(group))
            if judgement.verdict.kind == "unconfirmed" and not suspicion.candidate.speculative:
                unconfirmed = unconfirmed or (suspicion, judgement)
        return None if unconfirmed is None else _finding(program, *unconfirmed, None, condition_of(group))

    def _judge(self, suspicion: Suspicion, replays: Replays) -> tuple[Judgement, Evidence | None]:
        from headlint.checks.recipes import recipes
        from headlint.claims import Judgement
        from headlint.probe.protocol import Failure

        if self.settings.confirm == "off":
            return Judgement(Verdict("unconfirmed", "confirmation is off"), ""), None
        judgement = Judgement(Verdict("unconfirmed", ""), "")
        candidate = suspicion.candidate
        # A speculative one rests on all that the history does to the model, not only on what it is about.
        most = 1 if candidate.speculative else None
        for recipe in islice(recipes(suspicion.history, candidate.claim, candidate.model), most):
            answer = replays.observe(recipe)
            if isinstance(answer, Failure):
                judgement = Judgement(Verdict("unconfirmed", answer.reason), "")
                # The rest of the history may be what is refused, or what takes so long.
                if answer.kind == "refused" or (
                    answer.kind in ("memory", "time") and not candidate.claim.needs_forward
                ):
                    continue
                break
            judgement = candidate.claim.judge(recipe, answer.data)
            if judgement.verdict.kind != "unconfirmed":
                text = _without_witnesses(judgement.evidence, recipe)
                text = f"{text} (torchvision {answer.versions.torchvision.partition('+')[0]})"
                return judgement, Evidence(text, answer.versions.torch, answer.versions.torchvision)
        return judgement, None

    def _running_prober(self) -> Prober:
        if self._prober is None:
            from headlint.probe.client import Prober

            self._prober = Prober(self.settings.python, self.settings.timeout, self.settings.cache_directory)
        return self._prober


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep Python's cycle collector from walking the trees of a file again and again while they are made and read."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _parsed(text: str, name: str, python_tree: ast.AST | None) -> Program | Report:
    """The program, or what to say where there is none to be had."""
    import libcst as cst

    from headlint.source.program import parse

    if "\0" in text:
        return Report((), ("1:1: cannot be parsed: it contains a NUL byte",), 0)
    try:
        return parse(text, name, python_tree)
    except cst.ParserSyntaxError as error:
        reason = str(error.message).splitlines()[0] if error.message else "invalid syntax"
        return Report((), (f"{error.editor_line}:{error.editor_column}: cannot be parsed: {reason}",), 0)
    except RecursionError:
        return Report((), ("1:1: cannot be parsed: nested too deeply",), 0)
    except TypeError:
        # libcst takes some valid Python for invalid, such as a lambda glued to `else(`.
        return Report((), ("1:1: cannot be parsed: the parser does not know this form of Python",), 0)


class Replays:
    """The answers to the recipes of one file: each is asked for once, however many claims it decides."""

    def __init__(self, prober: Callable[[], Prober]) -> None:
        self._prober = prober
        self._answers: dict[str, Observation | Failure] = {}

    def observe(self, recipe: Recipe) -> Observation | Failure:
        """What the worker sees when it replays this recipe, or why there is nothing to see."""
        from headlint.probe.protocol import canonical

        key = canonical(recipe.body)
        if key not in self._answers:
            self._answers[key] = self._prober().observe(recipe.body)
        return self._answers[key]


def _finding(
    program: Program, suspicion: Suspicion, judgement: Judgement, evidence: Evidence | None, condition: str
) -> Finding:
    candidate = suspicion.candidate
    message = f"when {condition}, {candidate.message}" if condition else candidate.message
    return Finding(
        code=candidate.code,
        span=program.span(candidate.site),
        message=" ".join(message.split()),
        hint=candidate.hint,
        verdict=judgement.verdict,
        evidence=evidence,
        fix=None,
    )


def _without_witnesses(text: str, recipe: Recipe) -> str:
    """Evidence with the symbols in the place of the numbers that stood for them."""
    texts = {str(number): text for number, text in recipe.witnesses.texts.items()}

    def shown(number: re.Match[str]) -> str:
        symbol = texts.get(number[0])
        if symbol is None:
            return number[0]
        return symbol if _is_atom(symbol) else f"({symbol})"

    # Whole numbers only: no loss of 0.25 holds the 25 that stands for a symbol.
    return re.sub(r"(?<![\d.])\d+(?!\.?\d)", shown, text)


def _is_atom(text: str) -> bool:
    """Whether an expression reads as one thing between others: `n`, `args.hidden`, `len(names)`, not `n * 2`."""
    import ast

    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant))
