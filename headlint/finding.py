"""What headlint tells its users: findings, where they stand and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VerdictKind = Literal["confirmed", "refuted", "unconfirmed"]
Applicability = Literal["safe", "unsafe", "display"]


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of source text: lines count from 1, columns from 0 in code points; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Edit:
    """Replace the text under `span` by `text`."""

    span: Span
    text: str


@dataclass(frozen=True)
class Fix:
    """A set of edits that belong together, and how freely they may be applied."""

    title: str
    edits: tuple[Edit, ...]
    applicability: Applicability


@dataclass(frozen=True)
class Verdict:
    """What the worker decided about a claim; `reason` says why it could not, and is empty otherwise."""

    kind: VerdictKind
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What really happened when the surgery was done on the real model."""

    text: str
    torch: str
    torchvision: str


@dataclass(frozen=True)
class Finding:
    """One mistake in one place of one file; `cell` is the cell of a notebook in which its lines count, else 0."""

    code: str
    span: Span
    message: str
    hint: str
    verdict: Verdict
    evidence: Evidence | None
    fix: Fix | None
    cell: int = 0

    @property
    def line(self) -> str:
        """The whole message on one line: code, what is wrong, and the verdict in brackets."""
        return f"{self.code} {self.message} [{self.outcome}]"

    @property
    def place(self) -> str:
        """Where it stands in its file, as in front of a message: `12:5`, `cell 3:2:5`."""
        place = f"{self.span.line}:{self.span.column + 1}"
        return f"cell {self.cell}:{place}" if self.cell else place

    @property
    def outcome(self) -> str:
        """The verdict with its evidence or its reason, as it stands in brackets behind a message."""
        detail = self.evidence.text if self.evidence is not None else self.verdict.reason
        return f"{self.verdict.kind}: {detail}" if detail else self.verdict.kind
