"""What the analysis says that programs do to their models, for every idiom in which such programs are written.

At its end each program of `fixtures/idioms` has, as comments, the history of every model on every path that comes to
an end, in the words of `headlint check --explain`: a line `# resnet18 if deep:` and its events, indented. Running this
file as a script writes them anew: `python tests/test_histories.py`; what has changed is for people to judge.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headlint.flow.histories import ModelHistory, analyse
from headlint.history import Escape
from headlint.output.words import conditions, told
from headlint.source.program import parse

IDIOMS = Path(__file__).parent.parent / "fixtures" / "idioms"
PROGRAMS = sorted(IDIOMS.glob("*.py"))
HEADING = "\n# What is done to each model:\n"


def histories_of(text: str) -> list[str]:
    """The complete histories of a program, each as one block of comment lines, in the order of their builders."""
    program = parse(text, "idiom.py")
    analysis = analyse(program.tree)
    assert analysis.note == ""
    ways: dict[tuple[tuple[int, int, int], str, tuple[str, ...]], list[ModelHistory]] = {}
    for history in analysis.histories:
        if not history.complete:
            continue
        # What stands at module level is visible to others in the end; these programs are not about that.
        events = tuple(words for event, words in told(history) if not isinstance(event, Escape))
        assert history.build.site is not None
        span = program.span(history.build.site)
        position = span.line, span.column, history.occurrence
        ways.setdefault((position, history.builder.name, events), []).append(history)
    blocks: list[str] = []
    for (_, builder, events), same in sorted(ways.items(), key=lambda way: way[0]):
        assumed = " and ".join(conditions(same))
        title = f"# {builder}{f' if {assumed}' if assumed else ''}:"
        blocks.append("\n".join([title, *(f"#     {words}" for words in events)]))
    return blocks


def written(text: str) -> list[str]:
    """The histories that stand at the end of a program."""
    _, heading, behind = text.partition(HEADING)
    assert heading, "no histories are written down"
    return re.split(r"\n(?=# \w)", behind.strip("\n"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_histories_are_those_that_are_written_down(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert histories_of(text) == written(text)


def test_every_kind_of_event_is_written_down_somewhere() -> None:
    every = [
        line for path in PROGRAMS for block in written(path.read_text(encoding="utf-8")) for line in block.split("\n")
    ]
    verbs = {line.split()[1] for line in every if line.startswith("#     ")}
    assert verbs >= {"build", "set", "delete", "freeze", "unfreeze", "make", "load"}
    assert len(PROGRAMS) >= 12


def bless() -> None:
    """Write the histories that the analysis gives to the end of each program."""
    for path in PROGRAMS:
        code = path.read_text(encoding="utf-8").partition(HEADING)[0].rstrip("\n")
        path.write_text(code + "\n" + HEADING + "\n".join(histories_of(code + "\n")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    bless()
