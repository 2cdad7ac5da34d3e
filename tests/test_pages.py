"""Rule pages: every bad block gives exactly its markers, every good block is clean."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from expectations import expected, found, without_markers
from probe_helpers import PYTHON

from headlint.lint import Linter, Settings
from headlint.rewrite import fix_text
from headlint.rulebook import OPTIONAL_SECTIONS, REQUIRED_SECTIONS, Block, Rule, rules

BLOCKS = [
    pytest.param(rule, block, id=f"{rule.code}-{block.kind}-{block.line}") for rule in rules() for block in rule.blocks
]


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Linter]]:
    """A linter with the rules that are on by default, under True, and one with all rules, under False."""
    cache = str(tmp_path_factory.mktemp("cache"))
    everything = Settings(
        python=PYTHON, timeout=120.0, cache_directory=cache, select=frozenset(rule.code for rule in rules())
    )
    with Linter(Settings(python=PYTHON, timeout=120.0, cache_directory=cache)) as usual, Linter(everything) as every:
        yield {True: usual, False: every}


@pytest.mark.parametrize(("rule", "block"), BLOCKS)
def test_block_gives_its_findings(rule: Rule, block: Block, linters: dict[bool, Linter]) -> None:
    name = f"{rule.page_name}:{block.line}"
    assert found(linters[rule.default_on], block.code, name) == expected(block.code)


def test_rules_that_are_off_by_default_say_nothing_unless_asked(linters: dict[bool, Linter]) -> None:
    for rule in rules():
        if not rule.default_on:
            for block in rule.blocks:
                assert found(linters[True], block.code, rule.page_name) == []


@pytest.mark.parametrize(("rule", "block"), BLOCKS)
def test_only_bad_blocks_are_marked_and_with_the_code_of_their_page(rule: Rule, block: Block) -> None:
    codes = {mark.code for mark in expected(block.code)}
    assert codes == ({rule.code} if block.kind == "bad" else set())


FIXED = [
    pytest.param(rule, bad, fixed, id=f"{rule.code}-{fixed.line}")
    for rule in rules()
    for bad, fixed in pairwise(rule.blocks)
    if fixed.kind == "fixed"
]


@pytest.mark.parametrize(("rule", "bad", "fixed"), FIXED)
def test_fixed_block_is_what_the_fixes_make(rule: Rule, bad: Block, fixed: Block, linters: dict[bool, Linter]) -> None:
    linter = linters[rule.default_on]
    done = fix_text(linter, without_markers(bad.code), rule.page_name, unsafe=rule.fix == "unsafe")
    assert done.text == fixed.code
    assert {finding.code for finding in done.fixed} == {rule.code}
    assert rule.fix in {finding.fix.applicability for finding in done.fixed if finding.fix}
    again = fix_text(linter, done.text, rule.page_name, unsafe=True)
    assert (again.text, again.fixed) == (done.text, ())


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_page_is_complete(rule: Rule) -> None:
    assert tuple(rule.sections) == REQUIRED_SECTIONS + OPTIONAL_SECTIONS
    kinds = [block.kind for block in rule.blocks]
    assert min(kinds.count("bad"), kinds.count("good")) >= 5
    # A reader meets every block inside the examples, after a sentence that says what to look at.
    examples = rule.sections["Examples"]
    assert examples.count("\n```python ") == len(rule.blocks)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.code)
def test_page_uses_the_words_of_the_project(rule: Rule) -> None:
    prose = "".join(part for index, part in enumerate(rule.text.split("```")) if index % 2 == 0).lower()
    banned = ("violation", "issue", "detector", "visitor", "problem")
    assert [word for word in banned if word in prose] == []
