"""One file from its bytes to what is told of it, with its fixes applied if that is asked for."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from headlint.relevance import concerns
from headlint.run.checked import CLEAN, FOUND, USAGE, Checked, Complaint
from headlint.source.configuration import ConfigurationFault
from headlint.source.decoding import DecodingFailure
from headlint.source.reading import read_source

if TYPE_CHECKING:
    from headlint.finding import Edit, Finding
    from headlint.lint import Linter
    from headlint.run.plan import Plan
    from headlint.source.segments import Source

Change = Literal["none", "fix", "silence"]


@dataclass(frozen=True)
class Task:
    """What is done with each file.

    `fixes` finds fixes for what is found. `change` applies the safe ones, the unsafe ones too if `unsafe`, or
    silences every finding with a comment; the file is written only if `write`. `unused` looks for comments that
    silence nothing, and `explain` tells what was understood of the program.
    """

    plan: Plan
    fixes: bool = True
    change: Change = "none"
    unsafe: bool = False
    write: bool = False
    unused: bool = False
    explain: bool = False


class Checker:
    """Checks files one by one with one linter."""

    def __init__(self, task: Task, linter: Linter) -> None:
        self._task = task
        self._linter = linter

    def check(self, path: Path, *, named: bool = False) -> Checked:
        """What there is to say about a file; `named` says that somebody asked for this very file. Never raises."""
        name = str(path)
        try:
            data = path.read_bytes()
        except OSError as unreadable:
            line = f"{name}: cannot be read: {unreadable.strerror}"
            return Checked(name, complaints=(Complaint(line, USAGE if named else FOUND),), unchecked=True)
        checked = self.check_data(data, name, path)
        if checked.after is None or not self._task.write:
            return checked
        complaint = _written(path, data, checked.after)
        if complaint is None:
            return checked
        return replace(self._unchanged(data, name, path), complaints=(Complaint(f"{name}: {complaint}", USAGE),))

    def check_data(self, data: bytes, name: str, path: Path) -> Checked:
        """The same for bytes that are there already: `name` is shown, and `path` is where they would lie."""
        try:
            source = read_source(data, path.name)
        except DecodingFailure as failure:
            return Checked(name, complaints=(Complaint(f"{name}:{failure}", FOUND),), unchecked=True)
        notes = tuple(Complaint(f"{name}:{note}", CLEAN) for note in source.notes)
        if concerns(source.text):
            try:
                linter = self._linter.selecting(self._task.plan.codes_for(path))
            except ConfigurationFault as fault:
                return Checked(name, complaints=(Complaint(str(fault), USAGE),), unchecked=True)
            checked = _One(self._task, linter, data, name, path, source).checked(notes)
        else:
            checked = Checked(name, complaints=notes)
        return replace(checked, explanation=_explanation(source, name)) if self._task.explain else checked

    def _unchanged(self, data: bytes, name: str, path: Path) -> Checked:
        return Checker(replace(self._task, change="none"), self._linter).check_data(data, name, path)


@dataclass(frozen=True)
class _One:
    """One program that concerns us."""

    task: Task
    linter: Linter
    data: bytes
    name: str
    path: Path
    source: Source

    def checked(self, notes: tuple[Complaint, ...]) -> Checked:
        """What there is to say about it."""
        report = self.linter.lint(self.source.text, self.name, fixes=self.task.fixes)
        if report.notes and _is_no_python(self.source.text):
            broken = (Complaint(f"{self.name}:{note}", FOUND) for note in report.notes)
            return Checked(self.name, complaints=(*notes, *broken), unchecked=True)
        complaints = (*notes, *(Complaint(f"{self.name}:{note}", CLEAN) for note in report.notes))
        if self.task.unused:
            complaints += self._unused(report.findings)
        heard = self._heard(self.source.text, report.findings)
        checked = Checked(
            self.name, self._located(self.source, heard), self.source, 0, 0, None, None, report.hidden, report.refuted,
            complaints, verified=report.verified, unverified=report.unverified,
        )  # fmt: skip
        if self.task.change == "fix":
            return self._fixed(checked)
        if self.task.change == "silence":
            return self._silenced(checked, heard)
        return checked

    def _fixed(self, checked: Checked) -> Checked:
        from headlint.rewrite import fix_text

        kinds = ("safe", "unsafe") if self.task.unsafe else ("safe",)
        if not any(finding.fix is not None and finding.fix.applicability in kinds for finding in checked.findings):
            return checked

        def wanted(text: str, finding: Finding) -> bool:
            return not self._hides(text)(finding)

        fixed = fix_text(self.linter, self.source.text, self.name, unsafe=self.task.unsafe, wanted=wanted)
        return self._rewritten(checked, fixed.text, fixed=len(fixed.fixed), left=fixed.remaining)

    def _silenced(self, checked: Checked, heard: list[Finding]) -> Checked:
        from headlint.source.edits import apply_edits
        from headlint.source.suppressions import Suppressions

        if not heard:
            return checked
        edits: list[Edit] = Suppressions(self.source.text).added(heard)
        return self._rewritten(checked, apply_edits(self.source.text, edits), silenced=len(heard), left=())

    def _rewritten(
        self, checked: Checked, text: str, *, left: tuple[Finding, ...], fixed: int = 0, silenced: int = 0
    ) -> Checked:
        from headlint.source.cells import Unchangeable
        from headlint.source.reading import rewritten

        if text == self.source.text:
            return checked
        try:
            after = rewritten(self.data, self.path.name, text)
            source = read_source(after, self.path.name)
        except (Unchangeable, DecodingFailure) as reason:
            complaint = Complaint(f"{self.name}: is left as it is: {reason}", CLEAN)
            return replace(checked, complaints=(*checked.complaints, complaint))
        return replace(
            checked,
            findings=self._located(source, self._heard(source.text, left)),
            source=source,
            fixed=fixed,
            silenced=silenced,
            before=self.data,
            after=after,
        )

    def _located(self, source: Source, findings: list[Finding]) -> tuple[Finding, ...]:
        return tuple(source.located(finding) for finding in findings)

    def _heard(self, text: str, findings: tuple[Finding, ...]) -> list[Finding]:
        """The findings that no comment silences, in the order of the text."""
        hidden = self._hides(text)
        return sorted((f for f in findings if not hidden(f)), key=lambda finding: (finding.span, finding.code))

    @cached_property
    def _suppressions(self) -> dict[str, Callable[[Finding], bool]]:
        return {}

    def _hides(self, text: str) -> Callable[[Finding], bool]:
        from headlint.source.suppressions import Suppressions

        if text not in self._suppressions:
            suppressions = Suppressions(text)
            self._suppressions[text] = lambda finding: suppressions.hides(finding.code, finding.span.line)
        return self._suppressions[text]

    def _unused(self, findings: tuple[Finding, ...]) -> tuple[Complaint, ...]:
        from headlint.source.suppressions import Suppressions

        complaints = []
        asked = self.task.plan.codes_for(self.path)
        for unused in Suppressions(self.source.text).unused(findings, asked):
            place = f"{self.source.spelled_place(unused.line, unused.column)}"
            complaints.append(Complaint(f"{self.name}:{place}: noqa of {unused.code} silences nothing", FOUND))
        return tuple(complaints)


def _explanation(source: Source, name: str) -> tuple[str, ...]:
    from headlint.output.explain import explanation

    return tuple(explanation(source, name))


def _written(path: Path, old: bytes, new: bytes) -> str | None:
    """Replace the file; the complaint if that is not to be."""
    from headlint.source.writing import ChangedMeanwhile, replace_file

    try:
        replace_file(path, old, new)
    except ChangedMeanwhile:
        return "has changed meanwhile and is left as it is"
    except OSError as refused:
        return f"cannot be written: {refused.strerror}"
    return None


def _is_no_python(text: str) -> bool:
    """Whether Python itself refuses the file; if only headlint's parser does, that is no fault of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return False
