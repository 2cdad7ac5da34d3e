"""The pipeline from text to findings, and the one boundary behind which nothing raises."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar

from headlint.finding import Finding
from headlint.relevance import concerns
from headlint.rulepages import codes_off_by_default

if TYPE_CHECKING:
    import ast

    from headlint.checks.agreement import Suspicion
    from headlint.flow.histories import ModelHistory
    from headlint.flow.interpreter import Interpreter
    from headlint.probe.client import Prober
    from headlint.probe.protocol import Observer
    from headlint.proof import Fixer
    from headlint.source.program import Program
    from headlint.verdicts import Observe

# The rule that replays every history, also where nothing is suspected.
VERIFYING = "HL200"
# Rules about what forward, training and losses do: what happens to the model behind its training takes none back.
_AS_TRAINED = ("HL2", "HL3", "HL4")
# Those about training have nothing to say of a model that is done with training, but for those about devices and
# backward, which raise before that.
_OF_TRAINING, _RAISING = "HL3", ("HL309", "HL314")

Confirm = Literal["auto", "require", "off"]


@dataclass(frozen=True)
class Settings:
    """How findings are confirmed, and which rules are asked.

    `confirm` is "auto" (report what cannot be confirmed with the reason), "require" (leave it out) or "off"
    (never start a worker). `timeout` is in seconds for one replay. `select` holds codes or their beginnings;
    None selects the rules that are on by default. A rule that is off by default is selected by its whole code alone.
    With `fixes` findings come with their fix if there is one, which has to be proven and takes its time.
    """

    confirm: Confirm = "auto"
    python: str | None = None
    timeout: float = 30.0
    cache_directory: str | None = None
    select: frozenset[str] | None = None
    fixes: bool = False


@dataclass(frozen=True)
class Report:
    """What there is to say about one file.

    `notes` are one-line texts on what went wrong with it, `hidden` counts findings that were left out because they
    could not be confirmed, and `refuted` has the code of each that the real model refuted. Where HL200 is selected,
    `verified` counts the models whose forward ran at the end of every path, and `unverified` all others.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    hidden: int
    refuted: tuple[str, ...] = ()
    verified: int = 0
    unverified: int = 0


@dataclass(frozen=True)
class Draft:
    """What there is to say about one file before a model has been asked: suspicions, grouped by mistake.

    `program` is None where the file does not concern us or is no Python, which the `notes` say.
    """

    program: Program | None = None
    histories: tuple[ModelHistory, ...] = ()
    groups: tuple[Sequence[Suspicion], ...] = ()
    notes: tuple[str, ...] = ()


Result = TypeVar("Result", Draft, Report)


class Linter:
    """Lints any number of files with one set of settings and, once it is needed, one worker.

    A front end that cannot wait for the worker takes the two steps of `lint` one by one: `draft` reads the program,
    and `settle` asks for the verdicts, as often as it likes. `observer` answers recipes in the place of a worker of
    its own, and is left as it is in the end.
    """

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self.settings = settings
        self._observer = observer
        self._prober: Prober | None = None

    def selecting(self, codes: frozenset[str]) -> Linter:
        """A linter that asks only these rules, over the same worker; close the one that it was made from."""
        return Linter(replace(self.settings, select=codes), self.observer())

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

    def lint(self, text: str, name: str, python_tree: ast.AST | None = None, *, fixes: bool | None = None) -> Report:
        """Lint one program, of which Python's own tree may be there already; never raises.

        `fixes` asks for them or not, whatever the settings say.
        """
        if not concerns(text):
            return Report((), (), 0)
        wanted = self.settings.fixes if fixes is None else fixes
        return _at_least_findings(
            lambda fixes: self.lint_unguarded(text, name, python_tree, fixes=fixes), wanted, Report((), (), 0)
        )

    def lint_unguarded(
        self, text: str, name: str, python_tree: ast.AST | None = None, *, fixes: bool | None = None
    ) -> Report:
        """The same without the guard, for tests: whatever goes wrong in the analysis raises."""
        # What was made for the file is gone when the collector wakes up, which would walk all of it.
        with collector_at_rest():
            return self._reported(text, name, python_tree, self.settings.fixes if fixes is None else fixes)

    def _reported(self, text: str, name: str, python_tree: ast.AST | None, fixes: bool) -> Report:
        draft = self._drafted(lambda: _parsed(text, name, python_tree), None)
        return self._settled(draft, self.asking(), fixes)

    def draft(
        self,
        parse: Callable[[], Program],
        interpreter: type[Interpreter] | None = None,
        *,
        every_rule: bool = False,
    ) -> Draft:
        """What there is to say about the program that `parse` gives, without asking a model; never raises.

        What `parse` may raise is what `headlint.source.program.parse` does. With `every_rule` those that are on by
        default are asked whether they are selected or not.
        """

        def drafted() -> Draft:
            with collector_at_rest():
                return self._drafted(lambda: _parsed_by(parse), interpreter, every_rule=every_rule)

        return _guarded(drafted, Draft())

    def settle(self, draft: Draft, observe: Observe | None) -> Report:
        """The findings of a draft, with verdicts on what `observe` says the worker sees; never raises."""
        wanted, nothing = self.settings.fixes, Report((), draft.notes, 0)
        return _at_least_findings(lambda fixes: self._settled(draft, observe, fixes), wanted, nothing)

    def _drafted(
        self, parse: Callable[[], Program | Draft], interpreter: type[Interpreter] | None, *, every_rule: bool = False
    ) -> Draft:
        from headlint.checks.agreement import agree
        from headlint.flow.histories import analyse

        program = parse()
        if isinstance(program, Draft):
            return program
        analysis = analyse(program.tree) if interpreter is None else analyse(program.tree, interpreter)
        groups = agree(analysis, list(self._suspicions(analysis.histories, every_rule)), program)
        notes = (f"1:1: {analysis.note}",) if analysis.note else ()
        return Draft(program, analysis.histories, tuple(groups), notes)

    def _settled(self, draft: Draft, observe: Observe | None, fixes: bool) -> Report:
        if draft.program is None or not (draft.groups or self._selects(VERIFYING)):
            return Report((), draft.notes, 0)
        from headlint.verdicts import decide_all, forward_passes

        fixer = self._fixer(draft, observe) if fixes else None
        findings: list[Finding] = []
        refuted: list[str] = []
        hidden = 0
        for finding, group in decide_all(draft.program, draft.groups, observe):
            if finding is None:
                # Of a speculative candidate nobody knows whether the model refuted it or was never asked.
                refuted += [suspicion.candidate.code for suspicion in group if not suspicion.candidate.speculative][:1]
                continue
            if finding.verdict.kind == "unconfirmed" and self.settings.confirm == "require":
                hidden += 1
                continue
            findings.append(finding if fixer is None else replace(finding, fix=fixer.fix_of(finding, group)))
        findings.sort(key=lambda finding: (finding.span, finding.code, finding.message))
        passes = (0, 0)
        if observe is not None and self._selects(VERIFYING):
            passes = forward_passes(draft.histories, observe)
        return Report(tuple(findings), draft.notes, hidden, tuple(refuted), *passes)

    def holds_together(self, text: str, name: str, findings: Sequence[Finding]) -> bool:
        """Whether the fixes of several findings of a program are proven when all are applied; never raises."""
        from headlint.proof import is_proven_together

        try:
            return is_proven_together(self, text, name, findings, self.asking())
        except Exception:  # noqa: BLE001  (the same boundary)
            return False

    def _fixer(self, draft: Draft, observe: Observe | None) -> Fixer:
        from headlint.proof import Fixer

        return Fixer(self, draft, observe)

    def _suspicions(self, histories: Sequence[ModelHistory], every_rule: bool) -> Iterator[Suspicion]:
        from headlint.checks.agreement import Suspicion
        from headlint.checks.candidate import all_checks

        for code, check in all_checks():
            if self._selects(code) or (every_rule and code not in codes_off_by_default()):
                for history in histories:
                    if history.trained is None or not code.startswith(_OF_TRAINING) or code in _RAISING:
                        for candidate in check(history):
                            yield Suspicion(history, candidate)
                    if history.trained is not None and code.startswith(_AS_TRAINED) and code != VERIFYING:
                        for candidate in check(history.trained):
                            yield Suspicion(history.trained, candidate, end=history)

    def _selects(self, code: str) -> bool:
        select = self.settings.select
        if code in codes_off_by_default():
            return select is not None and code in select
        return select is None or code.startswith(tuple(select))

    def asking(self) -> Observe | None:
        """Asks the worker, each recipe once; None where nobody is to be asked."""
        if self.settings.confirm == "off":
            return None
        from headlint.verdicts import Replays

        return Replays(self.observer).observe

    def observer(self) -> Observer:
        """What answers recipes: the one that was given, else one with a worker, which starts when it is needed."""
        if self._observer is not None:
            return self._observer
        if self._prober is None:
            from headlint.probe.client import Prober

            self._prober = Prober(self.settings.python, self.settings.timeout, self.settings.cache_directory)
        return self._prober


def _guarded(action: Callable[[], Result], nothing: Result) -> Result:
    """What an action gives; if it fails, `nothing` with a note of the failure."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  (the one boundary: a fault of ours must not end the run)
        return replace(nothing, notes=(*nothing.notes, _failure(error)))


def _at_least_findings(action: Callable[[bool], Report], fixes: bool, nothing: Report) -> Report:
    """What an action gives that is told whether fixes are wanted: a fault in making them costs no finding."""
    if fixes:
        try:
            return action(True)
        except Exception as error:  # noqa: BLE001  (the same boundary)
            report = _guarded(lambda: action(False), nothing)
            return replace(report, notes=tuple(dict.fromkeys((*report.notes, _failure(error)))))
    return _guarded(lambda: action(False), nothing)


def _failure(error: Exception) -> str:
    return f"1:1: headlint failed on this file ({type(error).__name__}: {error})"


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Keep Python's cycle collector from walking the trees of a file again and again while they are made and read."""
    from headlint.source.nodes import text_of

    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # Nor is it to walk the nodes whose texts are known, which nobody asks for any more.
        text_of.cache_clear()
        if was_on:
            gc.enable()


def _parsed(text: str, name: str, python_tree: ast.AST | None) -> Program | Draft:
    """The program, or what to say where there is none to be had."""
    from headlint.source.program import parse

    if "\0" in text:
        return Draft(notes=("1:1: cannot be parsed: it contains a NUL byte",))
    return _parsed_by(lambda: parse(text, name, python_tree))


def _parsed_by(parse: Callable[[], Program]) -> Program | Draft:
    import libcst as cst

    from headlint.source.program import TooLarge

    try:
        return parse()
    except TooLarge:
        return Draft(notes=("1:1: is too large to be checked",))
    except cst.ParserSyntaxError as error:
        reason = str(error.message).splitlines()[0] if error.message else "invalid syntax"
        return Draft(notes=(f"{error.editor_line}:{error.editor_column}: cannot be parsed: {reason}",))
    except RecursionError:
        return Draft(notes=("1:1: cannot be parsed: nested too deeply",))
    except TypeError:
        # libcst takes some valid Python for invalid, such as a lambda glued to `else(`.
        return Draft(notes=("1:1: cannot be parsed: the parser does not know this form of Python",))
