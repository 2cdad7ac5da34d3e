"""Programs that are parsed again while they are written: as if each version were parsed alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from headlint.lint import Linter, Report, Settings
from headlint.source.incremental import Reparser
from headlint.source.program import Program, parse
from headlint.source.segments import Source

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures").rglob("*.py"))


def report(program: Program) -> Report:
    linter = Linter(Settings(confirm="off"))
    return linter.settle(linter.draft(lambda: program), None)


@pytest.mark.parametrize("path", FIXTURES[::15], ids=lambda path: path.stem)
def test_edited_programs_are_read_as_if_they_were_new(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    reparser, order = Reparser(), random.Random(path.stem)
    for _ in range(5):
        text = "\n".join(lines)
        try:
            alone = parse(text, "program.py")
        except Exception as refused:  # noqa: BLE001  (whatever it is, both must refuse it)
            with pytest.raises(type(refused)):
                reparser.parse(Source(text), "program.py")
        else:
            assert report(reparser.parse(Source(text), "program.py")) == report(alone)
        del lines[order.randrange(len(lines))]


def test_statements_that_stay_the_same_keep_their_trees() -> None:
    reparser = Reparser()
    before = reparser.parse(Source("import a\n\n\ndef f():\n    return 1\n\n\nf()\n"), "program.py").tree.body
    after = reparser.parse(Source("import a\n# new\nf()\n\ndef f():\n    return 1\n\n\nf()\n"), "program.py").tree.body
    assert [type(line).__name__ for line in after] == [
        "SimpleStatementLine",
        "SimpleStatementLine",
        "FunctionDef",
        "SimpleStatementLine",
    ]
    assert after[0] is before[0]
    assert after[3] is before[2]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1; y = 2\nz = '''\nmodel = 3\n'''; w = 4\n",
        "@(\n    decorated\n)\ndef f():\n    pass\n",
        "@one\n@two\nclass A:\n\tx = 1\n\t# inside\n\n# behind\ny = 1\n",
        "if x:\n    pass\nelif y:\n    pass\nelse:\n    pass\n",
        "x = 1 \\\n    + 2\r\ny = 3\r\n\x0cz = 4\r",
        "f()\nf()\nf()\n",
        "# nothing\n",
        "",
    ],
)
def test_statements_are_found_wherever_they_begin(text: str) -> None:
    reparser = Reparser()
    for _ in range(2):
        tree = reparser.parse(Source(text), "program.py").tree
        alone = parse(text, "program.py").tree
        assert [type(line) for line in tree.body] == [type(line) for line in alone.body]
        assert len({id(line) for line in tree.body}) == len(tree.body)
