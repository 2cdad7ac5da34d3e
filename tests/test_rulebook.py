"""Rule pages: the real ones are well made, and a page that is not is refused with a clear line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from headlint import rulepages
from headlint.rulebook import PageFault, default_codes, find_rule, load_rules, parse_page, rules

PAGE = """\
---
code: HL199
name: made-up
summary: a rule for a test
default: on
since: 0.1.0
fix: none
---

# made-up (HL199)

## What it does

Nothing.

## Why it matters

It does not.

## How it is confirmed

Never.

## Known limits

None.

## Examples

```python bad
x = 1
```

```python good
## not a heading
x = 2
```
"""
NAME = "HL199-made-up.md"


def test_every_page_is_well_made_and_has_its_check() -> None:
    codes = [rule.code for rule in rules()]
    assert codes == sorted(set(codes))
    assert len(codes) >= 6
    for rule in rules():
        assert importlib.util.find_spec(rule.check_module) is not None, rule.check_module


def test_what_a_page_says_is_read() -> None:
    rule = parse_page(PAGE, NAME)
    assert (rule.code, rule.name, rule.summary) == ("HL199", "made-up", "a rule for a test")
    assert (rule.default_on, rule.since, rule.fix) == (True, "0.1.0", "none")
    assert rule.sections["Known limits"] == "None."
    assert [(block.kind, block.code) for block in rule.blocks] == [
        ("bad", "x = 1\n"),
        ("good", "## not a heading\nx = 2\n"),
    ]
    lines = PAGE.splitlines()
    assert [lines[block.line - 1] for block in rule.blocks] == ["x = 1", "## not a heading"]
    assert rule.check_module == "headlint.checks.made_up"
    assert rule.text.startswith("# made-up (HL199)\n")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("---\ncode", "code", "does not begin with front matter"),
        ("default: on\n", "", "front matter keys are"),
        ("since: 0.1.0", "since: 0.1.0\nowner: me", "front matter keys are"),
        ("since: 0.1.0", "since", "is not a new 'key: value'"),
        ("since: 0.1.0", "since: soon", "since is 'soon', not a version"),
        ("default: on", "default: maybe", "default is 'maybe', not on or off"),
        ("summary: a rule for a test", "summary: a rule.", "not a line without a full stop"),
        ("summary: a rule for a test", "summary:", "not a line without a full stop"),
        ("code: HL199", "code: HL19", "not HL and three digits"),
        ("code: HL199", "code: HL198", "belongs to a page called HL198-made-up.md"),
        ("name: made-up", "name: Made_up", "not a kebab-case name"),
        ("fix: none", "fix: perhaps", "fix is 'perhaps'"),
        ("fix: none", "fix: safe", "fix is safe, but it has 0 fixed blocks"),
        ("```python good", "```python fixed", "has no block 'python good'"),
        ("```python bad", "```python worse", "'```python worse' is not python bad, good or fixed"),
        ("```python bad\nx = 1\n```\n", "", "has no block 'python bad'"),
        ("x = 2\n```\n", "x = 2\n", "is never closed"),
        ("```python good", "```python good\n```\n\n```python fixed", "a fixed block follows no bad block"),
        ("# made-up (HL199)", "# made-up", "its title is not '# made-up (HL199)'"),
        ("## Known limits", "## Limits", "its sections are"),
        ("## Known limits", "## Why it matters", "has two sections 'Why it matters'"),
        ("Nothing.\n", "", "section 'What it does' is empty"),
    ],
)
def test_a_page_that_is_wrong_is_refused(old: str, new: str, fault: str) -> None:
    assert old in PAGE
    with pytest.raises(PageFault) as raised:
        parse_page(PAGE.replace(old, new, 1), NAME)
    assert fault in str(raised.value)
    assert str(raised.value).startswith(NAME)
    assert "\n" not in str(raised.value)


def test_two_pages_with_one_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(PAGE)
    (tmp_path / "HL199-other.md").write_text(PAGE.replace("made-up", "other"))
    with pytest.raises(PageFault, match=r"HL199-other\.md: HL199 is also the code of HL199-made-up\.md"):
        load_rules(str(tmp_path))


def test_no_pages_at_all_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(PageFault, match="there are no rule pages"):
        load_rules(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("wanted", ["HL101", "hl101", "unused-head", "Unused-Head"])
def test_a_rule_is_found_by_code_and_by_name(wanted: str) -> None:
    assert find_rule(wanted).code == "HL101"


@pytest.mark.parametrize(("wanted", "nearest"), [("HL111", "HL101"), ("unusd-head", "HL101 (unused-head)")])
def test_an_unknown_rule_gets_the_nearest(wanted: str, nearest: str) -> None:
    with pytest.raises(LookupError, match=f"there is no rule '{wanted}'; the nearest: .*") as raised:
        find_rule(wanted)
    assert nearest in str(raised.value)


def test_the_short_way_to_the_default_agrees_with_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(rulepages.codes_off_by_default()) == {rule.code for rule in rules()} - default_codes()
    off = PAGE.replace("made-up", "off").replace("default: on", "default: off").replace("HL199", "HL198")
    text_says_off = PAGE.replace("Nothing.", "default: off")
    (tmp_path / "HL198-off.md").write_text(off)
    (tmp_path / NAME).write_text(text_says_off)
    monkeypatch.setattr(rulepages, "pages_directory", lambda: str(tmp_path))
    rulepages.codes_off_by_default.cache_clear()
    assert rulepages.codes_off_by_default() == ("HL198",)
    rulepages.codes_off_by_default.cache_clear()
    assert [rule.code for rule in load_rules(str(tmp_path)) if not rule.default_on] == ["HL198"]
