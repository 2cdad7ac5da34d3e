"""A JSON array with an object for each finding; rows and columns count from 1, ends are exclusive."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from headlint.finding import Finding, Fix
from headlint.output.fingerprints import located_findings, relative
from headlint.output.formats import Look
from headlint.run.checked import Checked

SHOWS_FIXES = True


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The whole array."""
    found = [_object(checked, finding, mark) for checked, finding, mark in located_findings(results)]
    yield json.dumps(found, indent=2)


def _object(checked: Checked, finding: Finding, fingerprint: str) -> dict[str, Any]:
    evidence = finding.evidence
    return {
        "code": finding.code,
        "filename": relative(checked.name),
        "cell": finding.cell or None,
        "location": _place(finding.span.line, finding.span.column),
        "end_location": _place(finding.span.end_line, finding.span.end_column),
        "message": finding.message,
        "hint": finding.hint or None,
        "verdict": {"kind": finding.verdict.kind, "reason": finding.verdict.reason or None},
        "evidence": None
        if evidence is None
        else {"text": evidence.text, "torch": evidence.torch, "torchvision": evidence.torchvision},
        "fix": None if finding.fix is None else _fix(finding.fix),
        "fingerprint": fingerprint,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    edits = [
        {
            "content": edit.text,
            "location": _place(edit.span.line, edit.span.column),
            "end_location": _place(edit.span.end_line, edit.span.end_column),
        }
        for edit in fix.edits
    ]
    return {"message": fix.title, "applicability": fix.applicability, "edits": edits}


def _place(line: int, column: int) -> dict[str, int]:
    return {"row": line, "column": column + 1}
