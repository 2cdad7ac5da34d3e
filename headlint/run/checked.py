"""What came of one file in a run."""

from __future__ import annotations

from dataclasses import dataclass

from headlint.finding import Finding
from headlint.source.segments import Source

CLEAN, FOUND, USAGE = 0, 1, 2


@dataclass(frozen=True)
class Complaint:
    """A line about a file that is no finding, and the exit status that it stands for."""

    line: str
    status: int


@dataclass(frozen=True)
class Checked:
    """A file with its findings, those that are left where fixes were applied, each in the place where it stands.

    `name` is the path as it was given; `source` the program, which is there if anything was found or done. `fixed`
    counts findings that are gone and `silenced` those that got a `# noqa`; `before` and `after` are the whole text
    then. `hidden` findings could not be confirmed and are left out for that; `refuted` are codes. `unchecked` says
    that it could not be read as Python. `explanation` are lines on what was understood, if that is asked for. Where
    all models are replayed, `verified` counts those whose forward runs in the end, and `unverified` the others.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    source: Source | None = None
    fixed: int = 0
    silenced: int = 0
    before: bytes | None = None
    after: bytes | None = None
    hidden: int = 0
    refuted: tuple[str, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    unchecked: bool = False
    explanation: tuple[str, ...] = ()
    verified: int = 0
    unverified: int = 0

    def lines_around(self, finding: Finding) -> list[str]:
        """The lines of the file, or of the cell, in which a finding stands."""
        return self.source.lines_of(finding.cell) if self.source is not None else []

    @property
    def status(self) -> int:
        """The exit status that this file alone stands for."""
        return max([FOUND if self.findings else CLEAN, *(complaint.status for complaint in self.complaints)])
