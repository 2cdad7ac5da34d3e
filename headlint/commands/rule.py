"""`headlint rule [CODE]`: a rule's page, or the list of all rules."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headlint.rulebook import Rule


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("rule", help="explain a rule, or list all rules", description=__doc__)
    parser.add_argument("code", nargs="?", metavar="CODE", help="a code (HL101) or a name (unused-head)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what was asked for; exit status 2 for a rule that does not exist."""
    from headlint.rulebook import find_rule, rules

    if options.code is None:
        print("\n".join(_table(rules())))
        return 0
    try:
        rule = find_rule(options.code)
    except LookupError as unknown:
        print(f"headlint rule: {unknown}", file=sys.stderr)
        return 2
    print(_heading(rule), end="\n\n")
    print(rule.text, end="")
    return 0


def _table(rules: tuple[Rule, ...]) -> list[str]:
    width = max(len(rule.name) for rule in rules)
    return [f"{rule.code}  {rule.name:{width}}  {rule.summary}{_remarks(rule)}" for rule in rules]


def _remarks(rule: Rule) -> str:
    return "" if rule.default_on else " (off by default)"


def _heading(rule: Rule) -> str:
    fix = "no fix" if rule.fix == "none" else f"fix: {rule.fix}"
    return f"{rule.code} {rule.name}: {rule.summary}\nsince {rule.since}; {fix}{_remarks(rule)}"
