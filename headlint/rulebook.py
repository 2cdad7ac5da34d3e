"""The rules as their pages in `rules/` tell them: loading and validating."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from headlint.rulepages import FENCE, page_names, pages_directory

FixKind = Literal["safe", "unsafe", "display", "none"]
BlockKind = Literal["bad", "good", "fixed"]

FRONT_MATTER_KEYS = ("code", "name", "summary", "default", "since", "fix")
REQUIRED_SECTIONS = ("What it does", "Why it matters", "How it is confirmed", "Known limits")
OPTIONAL_SECTIONS = ("Examples",)

CODE = re.compile(r"HL[1-9][0-9]{2}")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class PageFault(ValueError):
    """A rule page is not as it must be; the message is one line that begins with the file name."""


@dataclass(frozen=True)
class Block:
    """A fenced block of Python on a page; `line` (from 1) is that of its first line of code."""

    kind: BlockKind
    code: str
    line: int


@dataclass(frozen=True)
class Rule:
    """One rule: what its page says. `text` is the page without its front matter."""

    code: str
    name: str
    summary: str
    default_on: bool
    since: str
    fix: FixKind
    sections: Mapping[str, str]
    blocks: tuple[Block, ...]
    text: str

    @property
    def check_module(self) -> str:
        """The module that looks for this rule's mistake, found by the rule's name."""
        return f"headlint.checks.{self.name.replace('-', '_')}"

    @property
    def page_name(self) -> str:
        """The file name of the page."""
        return f"{self.code}-{self.name}.md"


@functools.cache
def rules() -> tuple[Rule, ...]:
    """Every rule in the order of the codes; raises PageFault."""
    return load_rules(pages_directory())


def default_codes() -> frozenset[str]:
    """The codes that are on unless somebody says otherwise."""
    return frozenset(rule.code for rule in rules() if rule.default_on)


def find_rule(wanted: str) -> Rule:
    """The rule with this code or name, in any case; raises LookupError whose message names the nearest rules."""
    for rule in rules():
        if wanted.lower() in (rule.code.lower(), rule.name):
            return rule
    nearest = ", ".join(_nearest(wanted))
    raise LookupError(f"there is no rule {wanted!r}; the nearest: {nearest}")


def _nearest(wanted: str) -> list[str]:
    import difflib

    names = {rule.name: rule.code for rule in rules()}
    by_name = difflib.get_close_matches(wanted.lower(), list(names), n=3, cutoff=0.6)
    by_code = difflib.get_close_matches(wanted.upper(), sorted(names.values()), n=3, cutoff=0.0)
    return [f"{names[name]} ({name})" for name in by_name] or by_code


def load_rules(directory: str) -> tuple[Rule, ...]:
    """The rules whose pages lie in `directory`; raises PageFault for a page that is wrong or a code given twice."""
    found: dict[str, Rule] = {}
    for page_name in page_names(directory):
        with open(os.path.join(directory, page_name), encoding="utf-8") as page:
            rule = parse_page(page.read(), page_name)
        if rule.code in found:
            raise PageFault(f"{page_name}: {rule.code} is also the code of {found[rule.code].page_name}")
        found[rule.code] = rule
    if not found:
        raise PageFault(f"{directory}: there are no rule pages")
    return tuple(found.values())


def parse_page(page: str, page_name: str) -> Rule:
    """The rule that the text of a page defines; raises PageFault."""
    lines = page.splitlines()
    if FENCE not in lines[1:] or lines[0] != FENCE:
        raise PageFault(f"{page_name}: does not begin with front matter between two lines of {FENCE}")
    end = lines.index(FENCE, 1)
    front = _front_matter(lines[1:end], page_name)
    blocks = _blocks(lines, page_name)
    rule = Rule(
        code=front["code"],
        name=front["name"],
        summary=front["summary"],
        default_on=front["default"] == "on",
        since=front["since"],
        fix=_fix_kind(front["fix"], page_name),
        sections=_sections(lines[end + 1 :], page_name),
        blocks=blocks,
        text="\n".join(lines[end + 1 :]).strip() + "\n",
    )
    if rule.page_name != page_name:
        raise PageFault(f"{page_name}: its front matter belongs to a page called {rule.page_name}")
    title = f"# {rule.name} ({rule.code})"
    if not rule.text.startswith(title + "\n"):
        raise PageFault(f"{page_name}: its title is not {title!r}")
    _check_blocks(rule)
    return rule


def _front_matter(lines: list[str], page_name: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not colon or key in values:
            raise PageFault(f"{page_name}: front matter line {line!r} is not a new 'key: value'")
        values[key] = value.strip()
    if tuple(values) != FRONT_MATTER_KEYS:
        raise PageFault(f"{page_name}: front matter keys are {', '.join(values)}, not {', '.join(FRONT_MATTER_KEYS)}")
    allowed = (
        ("code", CODE.fullmatch(values["code"]), "HL and three digits"),
        ("name", NAME.fullmatch(values["name"]), "a kebab-case name"),
        ("summary", values["summary"] and not values["summary"].endswith("."), "a line without a full stop"),
        ("default", values["default"] in ("on", "off"), "on or off"),
        ("since", VERSION.fullmatch(values["since"]), "a version"),
    )
    for key, fits, description in allowed:
        if not fits:
            raise PageFault(f"{page_name}: {key} is {values[key]!r}, not {description}")
    return values


def _fix_kind(text: str, page_name: str) -> FixKind:
    kinds: tuple[FixKind, ...] = get_args(FixKind)
    for kind in kinds:
        if text == kind:
            return kind
    raise PageFault(f"{page_name}: fix is {text!r}, not one of {', '.join(kinds)}")


def _sections(lines: list[str], page_name: str) -> dict[str, str]:
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    fenced = False
    for line in lines:
        fenced ^= line.startswith("```")
        if line.startswith("## ") and not fenced:
            title = line[3:].strip()
            if title in sections:
                raise PageFault(f"{page_name}: has two sections {title!r}")
            current = sections[title] = []
        else:
            current.append(line)
    order = tuple(sections)
    expected = REQUIRED_SECTIONS + tuple(title for title in OPTIONAL_SECTIONS if title in sections)
    if order != expected:
        raise PageFault(f"{page_name}: its sections are {', '.join(order)}, not {', '.join(expected)}")
    texts = {title: "\n".join(body).strip() for title, body in sections.items()}
    for title, text in texts.items():
        if not text:
            raise PageFault(f"{page_name}: section {title!r} is empty")
    return texts


def _blocks(lines: list[str], page_name: str) -> tuple[Block, ...]:
    kinds: dict[str, BlockKind] = {f"```python {kind}": kind for kind in get_args(BlockKind)}
    blocks: list[Block] = []
    opened: int | None = None
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if opened is None:
            if line.startswith("```python") and line not in kinds:
                raise PageFault(f"{page_name}: line {number}: {line!r} is not python bad, good or fixed")
            opened = number
            continue
        kind = kinds.get(lines[opened - 1])
        if kind is not None:
            blocks.append(Block(kind, "\n".join(lines[opened : number - 1]) + "\n", opened + 1))
        opened = None
    if opened is not None:
        raise PageFault(f"{page_name}: the block of line {opened} is never closed")
    return tuple(blocks)


def _check_blocks(rule: Rule) -> None:
    kinds = [block.kind for block in rule.blocks]
    for kind in ("bad", "good"):
        if kind not in kinds:
            raise PageFault(f"{rule.page_name}: has no block 'python {kind}'")
    for before, block in zip([None, *kinds], rule.blocks, strict=False):
        if block.kind == "fixed" and before != "bad":
            raise PageFault(f"{rule.page_name}: line {block.line}: a fixed block follows no bad block")
    if ("fixed" in kinds) != (rule.fix != "none"):
        raise PageFault(f"{rule.page_name}: fix is {rule.fix}, but it has {kinds.count('fixed')} fixed blocks")
