"""What is shown of the thing under the cursor: a model or a place in one, a builder, a code behind `# noqa`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import libcst as cst

from headlint.finding import Span
from headlint.flow.interpreter import Interpreter
from headlint.flow.value import External, Module
from headlint.history import Recipe
from headlint.lsp.diagnostics import suspicions_of
from headlint.lsp.looks import Result
from headlint.lsp.probed import Subject, subject
from headlint.output.heads.facts import builder_called, facts, title
from headlint.output.heads.replacement import replacement
from headlint.probe.protocol import Failure, Observation, canonical
from headlint.rulebook import rules
from headlint.standing import Standing, standing
from headlint.watching import values_at
from headlint.zoo import builder_at

# Ways that a model can be made in which it is told what it is.
MOST_WAYS = 3

_NOQA = re.compile(r"#\s*noqa\b[:\s]?(?P<codes>[^#]*)", re.IGNORECASE)
_CODE = re.compile(r"HL[0-9]{3}")

Way: TypeAlias = "tuple[str, ...] | Subject"


@dataclass(frozen=True)
class Shown:
    """What to show of a stretch of the program: lines of Markdown, or models that the worker may know more of."""

    span: Span
    ways: tuple[Way, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What to ask the worker."""
        return tuple(way.recipe for way in self.ways if isinstance(way, Subject) and way.recipe is not None)

    def text(self, answers: Mapping[str, Observation | Failure]) -> str:
        """As Markdown, with what the worker has answered by now, by the recipes' canonical texts."""
        told: dict[tuple[str, ...], None] = {}
        for way in self.ways:
            if isinstance(way, Subject):
                told[way.lines(None if way.recipe is None else answers.get(canonical(way.recipe.body)))] = None
            else:
                told[way] = None
        return "\n\n---\n\n".join(["  \n".join(lines) for lines in told][:MOST_WAYS])


def hover(result: Result, line: int, column: int, interpreter: type[Interpreter]) -> Shown | None:
    """What to show at a place of the program; None where there is nothing to show."""
    return _of_code(result, line, column) or _of_expression(result, line, column, interpreter)


def _of_code(result: Result, line: int, column: int) -> Shown | None:
    lines = result.document.source.lines_around(line)
    number = line - result.document.source.segment_at(line).first_line
    text = lines[number] if number < len(lines) else ""
    comment = _NOQA.search(text)
    for found in _CODE.finditer(text, comment.start("codes")) if comment is not None else ():
        rule = next((rule for rule in rules() if rule.code == found[0]), None)
        if rule is not None and found.start() <= column <= found.end():
            words = f"**{rule.code} {rule.name}**: {rule.summary}\n\n{rule.sections['What it does'].strip()}"
            return Shown(Span(line, found.start(), line, found.end()), ((words,),))
    return None


def _of_expression(result: Result, line: int, column: int, interpreter: type[Interpreter]) -> Shown | None:
    program = result.draft.program
    nodes = [] if program is None else program.at(line, column)
    target = expression_at(nodes) if nodes else None
    if program is None or target is None:
        return None
    ways: dict[object, Way] = {}
    for state, value in values_at(program, nodes[0], target, interpreter):
        if isinstance(value, Module):
            found = standing(state, value.ref)
            if found is not None:
                way = subject(state, found, tuple(_evidence(result, found, line)))
                ways[way.lines(None), None if way.recipe is None else canonical(way.recipe.body)] = way
        elif isinstance(value, External):
            builder = builder_at(value.name)
            if builder is not None:
                lines = tuple(_of_builder(builder.name))
                ways[lines] = lines
    return Shown(program.span(target), tuple(ways.values())[:MOST_WAYS]) if ways else None


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
    builder = builder_called(name)
    yield title(builder)
    yield from (f"{label}: {text}" for label, text in facts(builder))
    code = replacement(builder)
    if code:
        yield "\n".join(("\n```python", *code, "```"))


def _evidence(result: Result, found: Standing, line: int) -> Iterator[str]:
    """What replays have shown of the findings about this model that stand there or above."""
    for finding in result.all_findings:
        if finding.span.line > line:
            continue
        same = any(one.history.build.site is found.build.site for one in suspicions_of(result.draft, finding))
        if finding.evidence is not None and same:
            yield f"the last probe saw ({finding.code}): {finding.evidence.text}"
