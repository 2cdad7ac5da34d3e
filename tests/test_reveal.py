"""What the analysis knows of an expression, asked inside whole programs: `reveal(model.fc)  # revealed: resnet50.fc`.

`reveal` is no function of anybody: here it stands alone in its line and the interpreter writes down the value of
its argument. Behind the marker stand the values of all paths that come there, sorted, with ` | ` between them:

- constants, tuples, lists and dicts as Python writes them, `...` for items that may be there beside the known ones;
- modules by what made them (`resnet50.layer4`, `Linear(512, 10)`), parameters the same way (`resnet50.fc.weight`);
- `<num_classes>` for a value that the code does not give but that stays the same, with the code's own text;
- imported things by their full name, functions and classes of the file by `def name` and `class Name`;
- `Unknown` where nothing is known. An expression that no path comes to has the marker `# revealed: never`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest

from headlint.flow.histories import analyse
from headlint.flow.interpreter import Interpreter
from headlint.flow.state import ContainerObject, DictRecord, InstanceRecord, ListRecord, OptimizerRecord, Record, State
from headlint.flow.value import (
    NONE,
    Class,
    Constant,
    DictRef,
    External,
    Function,
    Instance,
    ListRef,
    Method,
    Module,
    Optimizer,
    Parameter,
    Partial,
    Property,
    Slice,
    Submodules,
    Super,
    Symbol,
    Tensor,
    Tuple,
    Unknown,
    Value,
)
from headlint.flow.value import Iterator as Items
from headlint.history import ModuleRef
from headlint.output.words import Names
from headlint.source.program import Program, parse

REVEAL = Path(__file__).parent.parent / "fixtures" / "reveal"
PROGRAMS = sorted(REVEAL.glob("*.py"))
MARKER = re.compile(r"^\s*reveal\((?P<asked>.*)\)  # revealed: (?P<values>.+)$")


class Revealing(Interpreter):
    """An interpreter that takes `reveal(x)` for a question, and puts the answers into `revealed`."""

    revealed: dict[cst.CSTNode, set[str]]

    def evaluate(self, state: State, node: cst.BaseExpression) -> Value:
        if not (isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value == "reveal"):
            return super().evaluate(state, node)
        value = super().evaluate(state, node.args[0].value)
        self.revealed.setdefault(node, set()).add(shown(state, value))
        return NONE


def shown(state: State, value: Value) -> str:
    """A value as the markers write it."""
    match value:
        case Unknown():
            return "Unknown"
        case Symbol("choice", (_, first, second)) if not isinstance(first, Symbol) and not isinstance(second, Symbol):
            return f"either {shown(state, first)} or {shown(state, second)}"  # type: ignore[arg-type]
        case Symbol():
            return f"<{value.text}>"
        case Constant():
            return repr(value.value)
        case Tuple():
            return f"({', '.join(each(state, value.items))}{',' * (len(value.items) == 1)})"
        case Items():
            return f"iterator({', '.join(each(state, value.items))})"
        case Slice():
            return f"slice({', '.join(each(state, (value.start, value.stop, value.step)))})"
        case External():
            return value.name
        case Function(node=cst.FunctionDef() as node):
            return f"def {node.name.value}"
        case Function():
            return "lambda"
        case Class():
            return f"class {value.node.name.value}"
        case Super():
            return "super()"
        case Property():
            return f"property {shown(state, value.getter)[4:]}"
        case Submodules():
            return f"modules of {shown(state, value.owner)}"
        case Method():
            return f"{shown(state, value.receiver)}.{value.name}()"
        case Partial():
            named = [f"{name}={shown(state, given)}" for name, given in value.keywords]
            return f"partial({', '.join([*each(state, (value.function, *value.arguments)), *named])})"
        case Module(ref) | Parameter(ref):
            return Names(state.trace, {}).module(ModuleRef(ref.object, ref.path))
        case ListRef(identity) | DictRef(identity) | Instance(identity) | Optimizer(identity):
            return in_heap(state, state.heap[identity])
        case Tensor(number):
            return f"tensor {number}"


def each(state: State, values: tuple[Value, ...]) -> list[str]:
    return [shown(state, value) for value in values]


def in_heap(state: State, record: Record) -> str:
    """What is in the heap, as the markers write it."""
    match record:
        case ListRecord():
            return f"[{', '.join([*each(state, record.items), *['...'] * (not record.complete)])}]"
        case DictRecord():
            pairs = [f"{shown(state, key)}: {shown(state, value)}" for key, value in record.items]
            return f"{{{', '.join([*pairs, *['...'] * (not record.complete)])}}}"
        case InstanceRecord() | ContainerObject(owner=Class()):
            assert record.owner is not None
            return f"{record.owner.node.name.value} object"
        case OptimizerRecord():
            return f"optimizer of {'unknown' if record.parameters is None else len(record.parameters)}"
    raise AssertionError(record)


def expected(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines with a question, and the values that are expected there; a question without a marker fails."""
    for number, line in enumerate(text.splitlines(), start=1):
        marker = MARKER.match(line)
        assert (marker is not None) == ("reveal(" in line), f"line {number}: {line.strip()}"
        if marker is not None:
            yield number, [] if marker["values"] == "never" else marker["values"].split(" | ")


def answers(program: Program) -> dict[int, list[str]]:
    """What the analysis finds in every line with a question that it comes to."""
    noted: dict[cst.CSTNode, set[str]] = {}

    class Here(Revealing):
        revealed = noted

    assert analyse(program.tree, Here).note == ""
    return {program.span(node).line: sorted(found) for node, found in noted.items()}


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_question_gets_its_answer(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    questions = dict(expected(text))
    assert len(questions) >= 10
    found = answers(parse(text, path.name))
    assert {line: found.get(line, []) for line in questions} == questions


def test_the_kinds_of_values_are_all_asked_for() -> None:
    every = "\n".join(path.read_text(encoding="utf-8") for path in PROGRAMS)
    values = [one for _, values in expected(every) for one in values]
    assert len(PROGRAMS) >= 12
    for beginning in ("Unknown", "<", "(", "[", "{", "iterator(", "def ", "class ", "partial(", "optimizer of "):
        assert any(value.startswith(beginning) for value in values), beginning


@pytest.mark.parametrize("line", ["reveal(1)", "reveal(1)  # reveal: 1", "x = reveal(1)  # revealed: 1"])
def test_a_question_without_a_marker_fails(line: str) -> None:
    with pytest.raises(AssertionError, match=r"^line 1: "):
        list(expected(line))
