"""What tests of checks ask: what a rule says of a program, and what the worker says of a claim."""

from __future__ import annotations

from collections.abc import Sequence

from probe_helpers import prober, seen

from headlint.claims import Claim
from headlint.history import AnyEvent, ModuleRef, SetMode, choose_witnesses, recipe
from headlint.lint import Confirm, Linter, Settings


def messages(code: str, text: str, confirm: Confirm = "off") -> list[str]:
    """What one rule says of a program, without asking the worker unless told to: speculative ones need it."""
    with Linter(Settings(confirm=confirm, select=frozenset({code}))) as linter:
        return [finding.message for finding in linter.lint_unguarded(text, "program.py").findings]


def told(text: str, confirm: Confirm = "off") -> list[str]:
    """The codes of all that is found in a program, without asking the worker unless told to."""
    with Linter(Settings(confirm=confirm)) as linter:
        return [finding.code for finding in linter.lint_unguarded(text, "program.py").findings]


def verdict(
    claim: Claim, events: Sequence[AnyEvent], model: ModuleRef, shape: tuple[int, ...] | None = None
) -> tuple[str, str]:
    """The verdict of the real model on a claim about a history, and its evidence; `shape` is the input, if any."""
    ordered = (SetMode(ref, training, site=None) for ref, training in claim.modes)
    made = recipe(
        (*events, *ordered),
        model=model,
        watch=claim.watch,
        input_shape=shape if claim.needs_forward else None,
        training_shape=shape if claim.needs_training else None,
        witnesses=choose_witnesses(events),
        values=claim.needs_values,
        devices=claim.needs_devices,
        no_grad=claim.needs_no_grad,
        uses=claim.uses,
        named=claim.named,
        arrivals=claim.arrivals,
    )
    judgement = claim.judge(made, seen(prober().observe(made.body)))
    return judgement.verdict.kind, judgement.evidence
