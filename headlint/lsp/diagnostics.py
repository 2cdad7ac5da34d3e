"""Findings as the protocol's diagnostics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from headlint.checks.agreement import Suspicion
from headlint.finding import Finding, Span
from headlint.lint import Draft
from headlint.lsp.documents import Document
from headlint.lsp.workers import PENDING
from headlint.rulebook import find_rule
from headlint.rulepages import pages_directory

SOURCE = "headlint"
# Rules about code that has no effect at all, which editors show faded.
_WITHOUT_EFFECT = frozenset({"HL101", "HL103", "HL104", "HL303", "HL304"})


def diagnostics(
    document: Document, draft: Draft, findings: tuple[Finding, ...]
) -> Iterator[tuple[str, types.Diagnostic]]:
    """Each finding as a diagnostic, with the text of the client's that it stands in."""
    for finding in findings:
        location = document.located(finding.span)
        proven = finding.verdict.kind == "confirmed"
        pending = finding.verdict.reason == PENDING.reason
        diagnostic = types.Diagnostic(
            range=location.range,
            message=f"{finding.message} [{PENDING.reason if pending else finding.outcome}]",
            # What has not been proven is worth a look, not a warning.
            severity=types.DiagnosticSeverity.Warning if proven else types.DiagnosticSeverity.Information,
            code=finding.code,
            code_description=types.CodeDescription(page_uri(finding.code)),
            source=SOURCE,
            tags=[types.DiagnosticTag.Unnecessary] if finding.code in _WITHOUT_EFFECT else None,
            related_information=list(_related(document, draft, finding)) or None,
        )
        yield location.uri, diagnostic


def page_uri(code: str) -> str:
    """The page of a rule, as it was installed."""
    return (Path(pages_directory()) / find_rule(code).page_name).as_uri()


def suspicions_of(draft: Draft, finding: Finding) -> tuple[Suspicion, ...]:
    """The suspicions of a draft that gave a finding."""
    program = draft.program
    for group in draft.groups:
        site = group[0].candidate.site
        if program is not None and group[0].candidate.code == finding.code and program.span(site) == finding.span:
            return tuple(group)
    return ()


def _related(document: Document, draft: Draft, finding: Finding) -> Iterator[types.DiagnosticRelatedInformation]:
    """The other lines that a finding is about: where its model is built, and what undoes or replaces what it says."""
    told = {finding.span.line}
    for suspicion in suspicions_of(draft, finding)[:1]:
        build = suspicion.history.build
        sites = (
            (suspicion.candidate.event_site, "this is what it is about"),
            (build.site, f"{build.builder} is built here"),
        )
        for site, words in sites:
            span = _span(draft, site)
            if span is not None and span.line not in told:
                told.add(span.line)
                yield types.DiagnosticRelatedInformation(document.located(span), words)


def _span(draft: Draft, site: object) -> Span | None:
    try:
        return None if site is None or draft.program is None else draft.program.span(site)  # type: ignore[arg-type]
    except KeyError:
        return None
