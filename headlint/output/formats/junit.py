"""JUnit XML: a suite for each file, with a failed test case for each finding, or one that passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from headlint.finding import Finding
from headlint.output.fingerprints import relative
from headlint.output.formats import Look
from headlint.run.checked import Checked

# What no XML document may hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The whole document."""
    suites = [_suite(checked) for checked in results]
    tests, failures, errors = (sum(counts[place] for _, counts in suites) for place in range(3))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="headlint" tests="{tests}" failures="{failures}" errors="{errors}">'
    for lines, _ in suites:
        yield from lines
    yield "</testsuites>"


def _suite(checked: Checked) -> tuple[list[str], tuple[int, int, int]]:
    """The lines of a suite, and how many of its cases there are, failed, and could not be run."""
    name = relative(checked.name)
    cases = [line for finding in checked.findings for line in _failed(name, finding)]
    errors = 0
    if checked.unchecked:
        errors = 1
        text = "; ".join(complaint.line for complaint in checked.complaints)
        cases += [
            f"<testcase name={_quoted('headlint')} classname={_quoted(name)}>",
            f"<error message={_quoted(text)}/>",
        ]
        cases += ["</testcase>"]
    elif not checked.findings:
        cases.append(f'<testcase name="headlint" classname={_quoted(name)}/>')
    counts = (max(len(checked.findings), 1), len(checked.findings), errors)
    head = f'<testsuite name={_quoted(name)} tests="{counts[0]}" failures="{counts[1]}" errors="{errors}">'
    return [head, *cases, "</testsuite>"], counts


def _failed(name: str, finding: Finding) -> list[str]:
    message = _quoted(finding.message)
    text = escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", f"{name}:{finding.place}: {finding.line}"))
    title = _quoted(f"{finding.code} at {finding.place}")
    kind = _quoted(finding.verdict.kind)
    return [
        f'<testcase name={title} classname={_quoted(name)} file={_quoted(name)} line="{finding.span.line}">',
        f"<failure type={kind} message={message}>{text}</failure>",
        "</testcase>",
    ]


def _quoted(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))
