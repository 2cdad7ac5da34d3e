"""From mends to edits: statements in every layout, with everything else as it was."""

from __future__ import annotations

import libcst as cst
import pytest

from headlint.mends.edits import edits_of
from headlint.mends.imports import written
from headlint.mends.mend import Change, Delete, Insert, Mend, Move, Remove, Unwrap
from headlint.mends.scene import Scene
from headlint.source.edits import apply_edits
from headlint.source.nodes import descend
from headlint.source.program import parse


def statement(scene: Scene, start: str) -> cst.CSTNode:
    """The innermost statement whose code begins like this."""
    kinds = (cst.BaseSmallStatement, cst.BaseCompoundStatement)
    nodes = [node for node in descend((scene.program.tree,)) if isinstance(node, kinds)]
    (found,) = [node for node in nodes if scene.code(node).startswith(start)]
    return found


def done(scene: Scene, change: Change) -> str | None:
    edits = edits_of(scene, Mend("title", "safe", (change,)))
    return None if edits is None else apply_edits(scene.program.text, edits)


MOVES = {
    "a line with its comments": ("# for a\n# too\na = 1  # one\nb = 2\n", "b = 2\n# for a\n# too\na = 1  # one\n"),
    "not a comment apart": ("# title\n\na = 1\nb = 2\n", "# title\n\nb = 2\na = 1\n"),
    "no end of the file": ("a = 1\nb = 2", "b = 2\na = 1"),
    "CRLF": ("a = (1,\r\n     2)\r\nb = 2\r\n", "b = 2\r\na = (1,\r\n     2)\r\n"),
    "a backslash": ("a = 1 + \\\n    2\nb = 2\n", "b = 2\na = 1 + \\\n    2\n"),
    "out of a shared line": ("a = 1; c = 3\nb = 2\n", "c = 3\nb = 2\na = 1\n"),
    "the last of a shared line": ("c = 3; a = 1\nb = 2\n", "c = 3\nb = 2\na = 1\n"),
    "into a shared line": ("a = 1\nb = 2; c = 3\n", "b = 2; a = 1; c = 3\n"),
    "within a shared line": ("a = 1; b = 2; c = 3\n", "b = 2; a = 1; c = 3\n"),
    "behind a form feed": ("\f\na = 1\n\f\nb = 2\n", "\f\n\f\nb = 2\na = 1\n"),
    "tabs": ("if x:\n\ta = 1\n\tb = 2\n", "if x:\n\tb = 2\n\ta = 1\n"),
    "out of a block": ("if x:\n    a = 1\n    c = 3\nb = 2\n", "if x:\n    c = 3\nb = 2\na = 1\n"),
    "the only one of a block": ("if x:\n    a = 1\nb = 2\n", "if x:\n    pass\nb = 2\na = 1\n"),
    "the only one of a line": ("if x: a = 1\nb = 2\n", "if x: pass\nb = 2\na = 1\n"),
    "text over lines": ('a = """\n1"""\nb = 2\n', None),
    "lines into a line": ("a = (1,\n  2)\nb = 2; c = 3\n", None),
}


@pytest.mark.parametrize(("text", "moved"), MOVES.values(), ids=MOVES)
def test_moving_behind(text: str, moved: str | None) -> None:
    scene = Scene(parse(text, "p.py"))
    change = Move(statement(scene, "a ="), statement(scene, "b ="), behind=True)
    assert done(scene, change) == moved


def test_moving_before_decorators_and_comments() -> None:
    text = "x = 0\n\n\n# about f\n@one\n@two\ndef f():\n    pass\n\n\na = 1\n"
    scene = Scene(parse(text, "p.py"))
    moved = "x = 0\n\n\na = 1\n# about f\n@one\n@two\ndef f():\n    pass\n\n\n"
    assert done(scene, Move(statement(scene, "a ="), statement(scene, "# about f @one"), behind=False)) == moved


def test_a_loop_moves_whole() -> None:
    text = "def f():\n  a = 1\n  for x in y:\n    # inside\n    b(x)\n\n    c(x)\n  else:\n    d()\n"
    scene = Scene(parse(text, "p.py"))
    change = Move(statement(scene, "for"), statement(scene, "a ="), behind=False)
    moved = "def f():\n  for x in y:\n    # inside\n    b(x)\n\n    c(x)\n  else:\n    d()\n  a = 1\n"
    assert done(scene, change) == moved


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("class C:\n    def f(self): a = 1\n", "class C:\n    def f(self): a = 1; z\n"),
        ("def f():\n\tdef g():\n\t\ta = 1", "def f():\n\tdef g():\n\t\ta = 1\n\t\tz"),
        ("a = 1;\n", "a = 1;\nz\n"),
        ("if x:\n    pass\nelif a:\n    a = 1  # here\nelse:\n    pass\n", None),
    ],
)
def test_inserting_behind(text: str, new: str | None) -> None:
    scene = Scene(parse(text, "p.py"))
    expected = text.replace("# here\n", "# here\n    z\n") if new is None else new
    assert done(scene, Insert("z", statement(scene, "a ="), behind=True)) == expected


def test_deleting_leaves_what_stands_around() -> None:
    scene = Scene(parse("# above\na = 1  # with it\n\nb = 2\n", "p.py"))
    assert done(scene, Delete(statement(scene, "a ="))) == "# above\n\nb = 2\n"


@pytest.mark.parametrize(
    ("text", "number", "new"),
    [
        ("f(a, b, c)\n", 1, "f(a, c)\n"),
        ("f(a, b, c,)\n", 2, "f(a, b,)\n"),
        ("f(a)\n", 0, "f()\n"),
        ("f(\n    a,  # one\n    b,  # two\n)\n", 1, "f(\n    a,  # one\n)\n"),
        ("f(\n    a,  # one\n    b)\n", 1, None),
    ],
)
def test_removing_an_argument(text: str, number: int, new: str | None) -> None:
    scene = Scene(parse(text, "p.py"))
    (call,) = [node for node in descend((scene.program.tree,)) if isinstance(node, cst.Call)]
    assert done(scene, Remove(call.args[number])) == new


def test_a_block_is_unwrapped_unless_text_in_it_would_change() -> None:
    text = "if 1:\n\twith a:\n\t\tb(\n\t\t\tc)\n\n\t\t# d\n\t\te()\n\tf()\n"
    scene = Scene(parse(text, "p.py"))
    unwrapped = "if 1:\n\tb(\n\t\tc)\n\n\t# d\n\te()\n\tf()\n"
    assert done(scene, Unwrap(statement(scene, "with"))) == unwrapped
    for other in ('with a:\n  """\n  """\n', "with a: b()\n", "with a:  # why\n  b()\n"):
        scene = Scene(parse(other, "p.py"))
        assert done(scene, Unwrap(statement(scene, "with"))) is None


@pytest.mark.parametrize(
    ("imports", "code"),
    [
        ("import torch", "torch.nn.Linear"),
        ("import torch.nn", "torch.nn.Linear"),
        ("import torch.nn as nn", "nn.Linear"),
        ("from torch import nn as layers", "layers.Linear"),
        ("from torch.nn import Linear as L", "L"),
        ("import torch\nfrom torch import nn", "nn.Linear"),
        ("from . import nn\nimport torch", "torch.nn.Linear"),
    ],
)
def test_a_name_is_written_as_the_program_imports_it(imports: str, code: str) -> None:
    assert written(Scene(parse(f"{imports}\n", "p.py")), "torch.nn.Linear") == (code, ())


def test_an_import_that_is_missing_comes_among_the_others() -> None:
    text = '"""Text."""\nimport os\n\n# models\nfrom torchvision import models\n\nx = 1\nimport late\n'
    scene = Scene(parse(text, "p.py"))
    code, changes = written(scene, "torch.nn.Linear")
    assert code == "nn.Linear"
    assert done(scene, changes[0]) == text.replace("# models", "from torch import nn\n# models")
