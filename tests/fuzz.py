"""Programs, and what lies around them, made wrong at random: `python tests/fuzz.py [SECONDS] [SEED]` until one crashes.

Every case follows from its number alone, which is printed with what it did.
"""

from __future__ import annotations

import io
import json
import random
import re
import sys
import time
import tokenize
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from headlint.lint import Linter, Settings
from headlint.probe.cache import Cache
from headlint.probe.protocol import Versions, parse_answer, parse_versions
from headlint.source.configuration import ConfigurationFault, read_configuration
from headlint.source.decoding import DecodingFailure
from headlint.source.reading import read_source
from headlint.source.suppressions import Suppressions

FIXTURES = Path(__file__).parent.parent / "fixtures"
WORD = re.compile(r"[^\W\d]\w*")
PIECES = (
    *("(", ")", "[", "]", "{", "}", ":", ",", "*", "**", "=", ":=", ".", "...", "-", "@", "lambda x: ", "await ", "\\"),
    *("yield ", "del ", "global x", "nonlocal x", "match x:\n case ", "0", "-1", "10**10", "None", "'fc'", "f'{x}'"),
    *("\n", "\n    ", "\t", "\f", "\r", "\0", "\ufeff", "é", "# noqa", "# flake8: noqa", "type X[T] = ", "except* "),
    *("t'{x}'", "def f[T: int](x: T): ", "try:\n x\nexcept A, B:\n x\n", "return ", "break\n", "self", "super()"),
)


@cache
def programs() -> tuple[str, ...]:
    """The fixtures."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted(FIXTURES.rglob("*.py")))


@cache
def tokens_of(text: str) -> tuple[str, ...]:
    """A program in pieces that give it when they are put together."""
    lines = text.splitlines(keepends=True)
    found: list[str] = []
    row, column = 1, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        while (row, column) < token.start and row <= len(lines):
            end = token.start[1] if row == token.start[0] else None
            found.append(lines[row - 1][column:end])
            row, column = (row, token.start[1]) if end is not None else (row + 1, 0)
        found.append(token.string)
        row, column = token.end
    return tuple(found)


# -- One change each --------------------------------------------------------------------------------------------------


def with_other_tokens(rng: random.Random, text: str) -> str:
    """Tokens left out, doubled, swapped, put in or taken from another program."""
    tokens = list(tokens_of(text))
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        here, there = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        what = rng.randrange(5)
        if what == 0:
            tokens[here] = ""
        elif what == 1:
            tokens[here] *= 2
        elif what == 2:
            tokens[here], tokens[there] = tokens[there], tokens[here]
        elif what == 3:
            tokens[here] = rng.choice(PIECES)
        else:
            tokens[here] = rng.choice(tokens_of(rng.choice(programs())))
    return "".join(tokens)


def with_other_lines(rng: random.Random, text: str) -> str:
    """Lines left out, doubled, moved, or taken with their indentation from another program."""
    lines = text.splitlines(keepends=True)
    for _ in range(rng.choice((1, 2, 4, 10))):
        here = rng.randrange(len(lines))
        what = rng.randrange(4)
        if what == 0:
            del lines[here : here + rng.randrange(3)]
        elif what == 1:
            lines.insert(here, lines[rng.randrange(len(lines))])
        elif what == 2:
            lines.insert(rng.randrange(len(lines)), lines.pop(here))
        else:
            other = rng.choice(programs()).splitlines(keepends=True)
            start = rng.randrange(len(other))
            lines[here:here] = other[start : start + rng.randrange(1, 12)]
        if not lines:
            break
    return "".join(lines)


def with_other_names(rng: random.Random, text: str) -> str:
    """One name for another one that the program has, everywhere or in places."""
    names = sorted(set(WORD.findall(text)))
    old, new = rng.choice(names), rng.choice(names)
    share = rng.choice((1.0, 0.3))
    return re.sub(rf"\b{old}\b", lambda found: new if rng.random() < share else found[0], text)


def spliced(rng: random.Random, text: str) -> str:
    """The beginning of one program and the end of another one, cut at the beginning of a statement."""
    other = rng.choice(programs())
    starts = [[found.start() for found in re.finditer(r"^\S", one, re.MULTILINE)] for one in (text, other)]
    return text[: rng.choice(starts[0])] + other[rng.choice(starts[1]) :]


CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    with_other_tokens,
    with_other_lines,
    with_other_names,
    spliced,
)


def program(number: int) -> str:
    """The wrong program of this number."""
    rng = random.Random(number)
    text = rng.choice(programs())
    for _ in range(rng.choice((1, 1, 2, 3))):
        text = rng.choice(CHANGES)(rng, text) or "\n"
        if text not in programs():
            # Only whole programs are cut into tokens, the rest is changed by lines and names.
            break
    if rng.random() < 0.2:
        text = text.replace("\n", rng.choice(("\r\n", "\r", "\n\n", "\f\n", "  \n", "\t\n")))
    return text


def with_other_bytes(rng: random.Random, data: bytes) -> bytes:
    """Bytes changed, left out, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        here = rng.randrange(len(changed) + 1)
        what = rng.randrange(4)
        if what == 0 and here < len(changed):
            changed[here] = rng.randrange(256)
        elif what == 1:
            del changed[here : here + rng.randrange(20)]
        elif what == 2:
            changed[here:here] = changed[here : here + rng.randrange(40)]
        elif rng.random() < 0.2:
            del changed[here:]
    return bytes(changed)


def with_other_values(rng: random.Random, data: Any) -> Any:
    """JSON in which values are of another kind, or are missing."""
    if rng.random() < 0.04:
        return rng.choice((None, True, 0, -1, 1e999, 10**30, "", "fc", "\0", [], {}, [[]], {"raised": None}))
    if isinstance(data, dict):
        kept = {name: with_other_values(rng, value) for name, value in data.items() if rng.random() > 0.02}
        return kept if rng.random() > 0.02 else {**kept, "raised": {"type": "E", "text": "x"}}
    if isinstance(data, list):
        return [with_other_values(rng, item) for item in data if rng.random() > 0.03]
    return data


# -- What is tried ---------------------------------------------------------------------------------------------------


def try_program(number: int) -> None:
    """A wrong program, and the comments in it that silence findings."""
    text = program(number)
    with Linter(Settings(confirm="off")) as linter:
        report = linter.lint_unguarded(text, "program.py")
    suppressions = Suppressions(text)
    for finding in report.findings:
        assert "\n" not in finding.line
        suppressions.hides(finding.code, finding.span.line)


def one_line(refusal: Exception) -> None:
    """What is told of a file that is refused."""
    assert len(str(refusal).splitlines()) == 1


def try_bytes(number: int) -> None:
    """A file with wrong bytes, as a script and as a notebook."""
    rng = random.Random(number)
    lines = rng.choice(programs()).splitlines(keepends=True)
    cells = [{"cell_type": "code", "metadata": {}, "source": lines[start : start + 9]} for start in range(0, 90, 9)]
    notebook = with_other_values(rng, {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    for name, data in (("a.py", "".join(lines).encode()), ("a.ipynb", json.dumps(notebook).encode())):
        try:
            source = read_source(with_other_bytes(rng, data) if rng.random() < 0.7 else data, name)
        except DecodingFailure as failure:
            one_line(failure)
            continue
        with Linter(Settings(confirm="off")) as linter:
            linter.lint_unguarded(source.text, name)


CONFIGURATION = b"""[tool.headlint]
select = ["HL1", "HL201"]
extend-select = ["HL310"]
exclude = ["build/", "*.tmp"]
python = ".venv/bin/python"
timeout = 30
jobs = 2
[tool.headlint.per-file-ignores]
"tests/*" = ["HL3"]
"""


def try_configuration(number: int) -> None:
    """A wrong pyproject.toml, which is refused in one line or read."""
    data = with_other_bytes(random.Random(number), CONFIGURATION)
    with TemporaryDirectory() as directory:
        file = Path(directory, "pyproject.toml")
        file.write_bytes(data)
        try:
            read_configuration(file)
        except ConfigurationFault as fault:
            one_line(fault)


FACTS = {"calls": 1, "arrived": [2, 8], "inside": True, "modules_called": 1, "weight": None, "held": 0}
COUNTS = {"parameters": 2, "trainable": 2, "used": 2, "reached": 2}
ANSWER = {
    "id": 1,
    "python": "3.11.7",
    "torch": "2.13.0",
    "torchvision": "0.28.0",
    "observation": {
        "events": [None, None, {"raised": {"type": "ValueError", "text": "no"}}],
        "optimizers": [{"tensors": 2, "outside": 0, "missing": []}],
        "forward": {"output": [2, 10], "raised": None, "stopped": None},
        "watch": {"0:fc": {**FACTS, **COUNTS}},
        "model": COUNTS,
    },
}


def try_answer(number: int) -> None:
    """A wrong answer of a worker, or of a cache that somebody wrote to."""
    rng = random.Random(number)
    data = with_other_values(rng, ANSWER)
    parse_versions(data)
    parse_answer(data, Versions("3.11.7", "2.13.0", "0.28.0"))


def try_cache(number: int) -> None:
    """A cache file with wrong bytes: what was kept is given back as it was, or not at all."""
    rng = random.Random(number)
    with TemporaryDirectory() as directory:
        cache = Cache(directory)
        cache.put("a", "kept")
        cache.close()
        assert cache.path is not None
        file = Path(cache.path)
        file.write_bytes(with_other_bytes(rng, file.read_bytes()))
        again = Cache(directory)
        text = again.get("a")
        assert text is None or isinstance(text, str)
        again.put("b", "new")
        again.get("b")
        again.close()


TRIALS: tuple[Callable[[int], None], ...] = (try_program, try_bytes, try_configuration, try_answer, try_cache)


def main() -> int:
    """Try one number after the other, until the time is up or something raises."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    first = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 40)
    print(f"from {first}, for {seconds:g} s")
    end = time.monotonic() + seconds
    number = first
    slowest = (0.0, 0)
    while time.monotonic() < end:
        for trial in TRIALS if number % 10 == 0 else (try_program,):
            started = time.process_time()
            try:
                trial(number)
            except Exception:  # noqa: BLE001  (this is what is looked for)
                traceback.print_exc()
                print(f"{trial.__name__}({number})")
                return 1
            slowest = max(slowest, (time.process_time() - started, number))
        number += 1
    print(f"{number - first} programs and nothing raised; the slowest, {slowest[1]}, took {slowest[0]:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
