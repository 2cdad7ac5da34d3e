"""What is shown of the thing under the cursor: a model or a place in one, a builder, a code behind `# noqa`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst

from headlint.finding import Span
from headlint.flow.value import External, Module
from headlint.lsp.diagnostics import suspicions_of
from headlint.lsp.looks import Result
from headlint.output.heads import head_lines
from headlint.output.standing import standing_lines
from headlint.rulebook import rules
from headlint.standing import Standing, standing
from headlint.watching import values_at
from headlint.zoo import builder_at

# Ways that a model can be made in which it is told what it is.
MOST_WAYS = 3

_NOQA = re.compile(r"#\s*noqa\b[:\s]?(?P<codes>[^#]*)", re.IGNORECASE)
_CODE = re.compile(r"HL[0-9]{3}")


def hover(result: Result, line: int, column: int) -> tuple[str, Span] | None:
    """What to show at a place of the program, as Markdown, and of what; None where there is nothing to show."""
    return _of_code(result, line, column) or _of_expression(result, line, column)


def _of_code(result: Result, line: int, column: int) -> tuple[str, Span] | None:
    lines = result.document.source.lines_around(line)
    number = line - result.document.source.segment_at(line).first_line
    text = lines[number] if number < len(lines) else ""
    comment = _NOQA.search(text)
    for found in _CODE.finditer(text, comment.start("codes")) if comment is not None else ():
        rule = next((rule for rule in rules() if rule.code == found[0]), None)
        if rule is not None and found.start() <= column <= found.end():
            span = Span(line, found.start(), line, found.end())
            return f"**{rule.code} {rule.name}**: {rule.summary}\n\n{rule.sections['What it does'].strip()}", span
    return None


def _of_expression(result: Result, line: int, column: int) -> tuple[str, Span] | None:
    program = result.draft.program
    nodes = [] if program is None else program.at(line, column)
    target = expression_at(nodes)
    if program is None or target is None:
        return None
    told: dict[tuple[str, ...], None] = {}
    for state, value in values_at(program, nodes[0], target):
        if isinstance(value, Module):
            found = standing(state, value.ref)
            if found is not None:
                lines = (*standing_lines(found), *_seen_by_the_worker(result, found))
                told[lines] = None
        elif isinstance(value, External):
            builder = builder_at(value.name)
            if builder is not None:
                told[tuple(_of_builder(builder.name))] = None
    ways = ["  \n".join(lines) for lines in told][:MOST_WAYS]
    return ("\n\n---\n\n".join(ways), program.span(target)) if ways else None


def expression_at(nodes: list[cst.CSTNode]) -> cst.BaseExpression | None:
    """The name, attribute or item that the innermost of nested nodes belongs to, as far as it can be asked for."""
    for inner, outer in zip(reversed(nodes), [*reversed(nodes[:-1]), None], strict=True):
        if isinstance(inner, cst.Name) and not (isinstance(outer, cst.Attribute) and outer.attr is inner):
            # The name of a keyword argument or of a function is no expression.
            unasked = (isinstance(outer, cst.Arg) and outer.keyword is inner) or isinstance(outer, cst.FunctionDef)
            return None if unasked else inner
        if isinstance(inner, (cst.Attribute, cst.Subscript)):
            return inner
        if not isinstance(inner, (cst.Name, cst.Integer, cst.Index, cst.SubscriptElement)):
            return None
    return None


def _of_builder(name: str) -> Iterator[str]:
    head, _, code = head_lines(name).partition("\n\n")
    yield from head.splitlines()
    if code:
        yield f"\n```python\n{code.strip()}\n```"


def _seen_by_the_worker(result: Result, found: Standing) -> Iterator[str]:
    """What replays of this model have shown, as far as there are any."""
    for finding in result.all_findings:
        same = any(one.history.build.site is found.build.site for one in suspicions_of(result.draft, finding))
        if finding.evidence is not None and same:
            yield f"the last probe saw ({finding.code}): {finding.evidence.text}"
