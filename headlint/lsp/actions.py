"""Code actions: the proven fix of a finding, all fixes of a document, silencing a finding, its rule's page."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from lsprotocol import types

from headlint.finding import Edit, Finding, Fix, Span
from headlint.lsp.diagnostics import diagnostics, suspicions_of
from headlint.lsp.looks import Result
from headlint.lsp.workers import Worker
from headlint.source.decoding import split_lines
from headlint.source.suppressions import Suppressions

FIX_ALL = "source.fixAll.headlint"
KINDS = (types.CodeActionKind.QuickFix, FIX_ALL)
SHOW_RULE = "headlint.showRule"


def wants(context: types.CodeActionContext, kind: str) -> bool:
    """Whether a client that asks for actions asks for those of a kind."""
    return not context.only or any(kind == only or kind.startswith(f"{only}.") for only in context.only)


def touched(result: Result, uri: str, asked: types.Range) -> list[tuple[Finding, types.Diagnostic]]:
    """The findings that stand in a range of the client's, as it was told them."""
    told = zip(result.findings, diagnostics(result.document, result.draft, result.findings), strict=True)
    return [
        (finding, item)
        for finding, (place, item) in told
        if place == uri and item.range.start <= asked.end and asked.start <= item.range.end
    ]


async def fix_of(result: Result, finding: Finding, worker: Worker | None) -> Fix | None:
    """The proven fix of a finding, which is worked out now; None if it has none."""
    from headlint.lint import Linter
    from headlint.proof import Fixer

    group = suspicions_of(result.draft, finding)
    if worker is None or not group or finding.verdict.kind != "confirmed":
        return None
    linter = Linter(result.options.settings, worker)
    return await worker.run(lambda: Fixer(linter, result.draft, linter.asking()).fix_of(finding, group))


async def fixed_text(result: Result, worker: Worker) -> str:
    """The program with all of its safe fixes applied, those of silenced findings excepted."""
    from headlint.lint import Linter
    from headlint.rewrite import fix_text

    def wanted(text: str, finding: Finding) -> bool:
        return not Suppressions(text).hides(finding.code, finding.span.line)

    text, name = result.document.source.text, result.document.name
    linter = Linter(result.options.settings, worker)
    return (await worker.run(lambda: fix_text(linter, text, name, unsafe=False, wanted=wanted))).text


def quick_fix(result: Result, item: types.Diagnostic, fix: Fix) -> types.CodeAction:
    """The action that applies a fix."""
    return types.CodeAction(
        title=fix.title if fix.applicability == "safe" else f"{fix.title} (unsafe)",
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[item],
        is_preferred=fix.applicability == "safe",
        edit=result.document.edited(fix.edits),
    )


def fix_all(result: Result, new: str) -> types.CodeAction:
    """The action that applies all fixes, which give the program `new`."""
    edits = changed_lines(result.document.source.text, new)
    return types.CodeAction("Fix all that headlint can prove", FIX_ALL, edit=result.document.edited(edits))


def silence(result: Result, finding: Finding, item: types.Diagnostic) -> types.CodeAction:
    """The action that silences a finding where it stands."""
    edits = Suppressions(result.document.source.text).added([finding])
    title = f"Silence {finding.code} here (# noqa: {finding.code})"
    return types.CodeAction(
        title, types.CodeActionKind.QuickFix, diagnostics=[item], edit=result.document.edited(edits)
    )


def show_rule(finding: Finding) -> types.Command:
    """The command that shows the page of a finding's rule."""
    return types.Command(f"Show the rule {finding.code}", SHOW_RULE, arguments=[finding.code])


def changed_lines(old: str, new: str) -> Sequence[Edit]:
    """The edits, of whole lines, that make the one text the other."""
    return list(_changed_lines(split_lines(old), split_lines(new)))


def _changed_lines(old: list[str], new: list[str]) -> Iterator[Edit]:
    for what, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            yield Edit(Span(start + 1, 0, end + 1, 0), "".join(new[new_start:new_end]))
