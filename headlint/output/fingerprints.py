"""Names of findings that stay the same while code moves around them, for services that compare runs."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from headlint.finding import Finding
from headlint.run.checked import Checked


def located_findings(results: Iterable[Checked]) -> Iterator[tuple[Checked, Finding, str]]:
    """Every finding with the file it stands in and its fingerprint, 64 hexadecimal digits.

    It is made of the path, the code, the message and the line of code: not of the line's number, nor of the verdict.
    What is the same in all of these is counted.
    """
    seen: Counter[str] = Counter()
    for checked in results:
        for finding in checked.findings:
            lines = checked.lines_around(finding)
            line = lines[finding.span.line - 1].strip() if finding.span.line <= len(lines) else ""
            parts = "\n".join((relative(checked.name), finding.code, finding.message, line))
            seen[parts] += 1
            text = f"{parts}\n{seen[parts]}"
            yield checked, finding, hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def relative(name: str) -> str:
    """A path from the current directory with slashes; one that lies elsewhere stays as it is."""
    try:
        path = os.path.relpath(name)
    except ValueError:
        path = name
    return Path(name if path.startswith(os.pardir) else path).as_posix()
