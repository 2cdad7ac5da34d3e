"""A Code Quality report, as GitLab shows it in merge requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from headlint.output.fingerprints import located_findings, relative
from headlint.output.formats import Look
from headlint.run.checked import Checked


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The whole array."""
    entries = [
        {
            "description": f"{finding.place}: {finding.line}" if finding.cell else finding.line,
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": "major" if finding.verdict.kind == "confirmed" else "minor",
            "location": {
                "path": relative(checked.name),
                # A line of a cell is no line of the notebook's file.
                "lines": {"begin": 1, "end": 1}
                if finding.cell
                else {"begin": finding.span.line, "end": finding.span.end_line},
            },
        }
        for checked, finding, fingerprint in located_findings(results)
    ]
    yield json.dumps(entries, indent=2)
