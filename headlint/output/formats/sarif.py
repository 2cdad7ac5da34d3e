"""SARIF 2.1.0, as code scanning services take it: findings, the rules as their pages tell them, and fixes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headlint import __version__
from headlint.finding import Finding, Fix, Span
from headlint.output.fingerprints import located_findings, relative
from headlint.output.formats import Look
from headlint.rulebook import Rule, rules
from headlint.run.checked import Checked

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
SHOWS_FIXES = True


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """The whole log."""
    complaints: list[str] = []
    found = [_result(*item) for item in located_findings(_listened(results, complaints))]
    run = {
        "tool": {
            "driver": {
                "name": "headlint",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules()],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"uri": Path.cwd().as_uri() + "/"}},
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": complaint}} for complaint in complaints
                ],
            }
        ],
        "results": found,
    }
    yield json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _listened(results: Iterable[Checked], complaints: list[str]) -> Iterator[Checked]:
    for checked in results:
        complaints += (complaint.line for complaint in checked.complaints)
        yield checked


def _rule(rule: Rule) -> dict[str, Any]:
    sections = rule.sections
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": sections["What it does"]},
        "help": {"text": sections["Why it matters"], "markdown": rule.text},
        "defaultConfiguration": {"enabled": rule.default_on, "level": "error"},
        "properties": {"tags": ["correctness", "pytorch", "torchvision"], "since": rule.since},
    }


def _result(checked: Checked, finding: Finding, fingerprint: str) -> dict[str, Any]:
    artifact = _artifact(checked.name)
    location: dict[str, Any] = {"physicalLocation": {"artifactLocation": artifact}}
    if finding.cell:
        # A line of a cell is no line of the notebook's file.
        location["logicalLocations"] = [{"name": finding.place, "kind": "cell"}]
    else:
        location["physicalLocation"]["region"] = _region(finding.span)
    text = f"{finding.place}: {finding.line}" if finding.cell else finding.line
    result = {
        "ruleId": finding.code,
        "ruleIndex": [rule.code for rule in rules()].index(finding.code),
        "level": "error" if finding.verdict.kind == "confirmed" else "warning",
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"headlint/v1": fingerprint},
        "properties": {"verdict": finding.verdict.kind, "hint": finding.hint},
    }
    if finding.fix is not None and finding.fix.edits and not finding.cell:
        result["fixes"] = [_fix(finding.fix, artifact)]
    return result


def _fix(fix: Fix, artifact: dict[str, str]) -> dict[str, Any]:
    replacements = [{"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}} for edit in fix.edits]
    change = {"artifactLocation": artifact, "replacements": replacements}
    return {"description": {"text": f"{fix.title} ({fix.applicability})"}, "artifactChanges": [change]}


def _artifact(name: str) -> dict[str, str]:
    path = Path(relative(name))
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix(), errors="surrogateescape"), "uriBaseId": ROOT}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column + 1,
        "endLine": span.end_line,
        "endColumn": span.end_column + 1,
    }
