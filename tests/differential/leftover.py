"""HL200: what no other rule is about."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from differential.run import Expected, Run, expect
from differential.trace import Backward, Call, LoadState, Put, Step

# The rules about forwards that raise; who has one of them is not told of the raise again.
OF_RAISES = frozenset({"HL102", "HL107", "HL201", "HL202", "HL203", "HL204", "HL205", "HL309"})
AUXILIARY = frozenset({"AuxLogits", "aux1", "aux2", "aux_classifier"})
WALKS = re.compile(r"\b(named_)?(children|modules)\(")


def left_over(run: Run, told: Sequence[Expected]) -> list[Expected]:
    """What a run shows and none of these expectations is about."""
    codes = {code for one in told for code in one.codes}
    found = [*unmade(run), *idle(run)]
    if not codes & OF_RAISES:
        found += refusing(run)
    return list(dict.fromkeys(found))


def unmade(run: Run) -> Iterator[Expected]:
    """A layer of torch that cannot be made as it is written."""
    raised = run.trace.raised
    if raised is None or not raised.lines or raised.inside or raised.type != "ValueError" or not raised.owner:
        return
    if f"{raised.owner}(" in run.text.splitlines()[raised.lines[-1] - 1]:
        yield expect("HL200", raised.lines[-1])


def refusing(run: Run) -> Iterator[Expected]:
    """Models that were changed and take no picture any more, whatever its size and its channels."""
    stopped = run.trace.raised
    if stopped is not None and not stopped.inside:
        # What would have come behind that may be what makes it right.
        return
    for model in run.builds:
        if model not in run.trace.refusing:
            continue
        parts = {number for number, (owner, _) in run.trace.origin.items() if owner == model}
        calls = [set(call.called) for _, call in run.all(Call) if not call.by_us]
        if any(parts & called and model not in called for called in calls):
            # The program runs parts of it by themselves.
            continue
        puts = [put for _, put in run.all(Put) if put.owner in parts]
        lines = {put.line for put in puts}
        for put in puts:
            if put.new is not None and put.new not in run.trace.origin:
                lines |= run.lines_of_head(put.new, put)
        if lines:
            yield expect("HL200", *lines)


def idle(run: Run) -> Iterator[Expected]:
    """New layers without effect on what forward returns and without a gradient, in a model that the program trains."""
    steps = [step for _, step in run.all(Step)]
    if not steps or any(step.by_trainer for step in steps) or any(True for _ in run.all(LoadState)):
        return
    if WALKS.search(run.text):
        # Whoever walks the parts of a model may use each of them.
        return
    classes = {node.name for node in ast.walk(ast.parse(run.text)) if isinstance(node, ast.ClassDef)}
    calls = [call for _, call in run.all(Call)]
    learned = {number for _, one in run.all(Backward) for number in one.gradients}
    for index, put in run.all(Put):
        new = put.new
        auxiliary = run.trace.origin.get(put.owner, (0, ""))[1].partition(".")[0] in AUXILIARY
        if new is None or new in run.trace.origin or not (auxiliary or run.kind(put.owner) in classes):
            continue
        if any(at > index and (one.owner, one.name) == (put.owner, put.name) for at, one in run.all(Put)):
            continue
        roots = {modules[""] for modules in run.last.modules.values() if new in modules.values()}
        trained = any(call.training and not call.by_us and call.raised is None and call.root in roots for call in calls)
        parts = run.subtree(new, run.last)
        own = {number for number, _ in run.inside(new, run.last).values()}
        # In train mode Inception runs its auxiliary head all the same, and throws away what comes of it.
        used = any(parts & set(call.called) and (not call.training or len(call.outputs) != 1) for call in calls)
        if trained and own and not own & learned and not used and not _is_read(run.text, put.name):
            yield Expected(("HL200",), run.lines_of_head(new, put))


def _is_read(text: str, name: str) -> bool:
    """Whether code reads an attribute for more than its parameters, its sizes and its mode, or has its name as text."""
    asked = r"\s*=[^=]|\.(parameters|in_features|out_features|weight|bias|train|eval|requires_grad_)\b"
    return bool(re.search(rf"\.{name}\b(?!{asked})|['\"]{name}['\"]", text))
