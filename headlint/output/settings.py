"""The settings of a run as they came to be, and for each where it comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator

from headlint.run.plan import Plan
from headlint.source.configuration import KEYS


def settings_lines(plan: Plan, paths: Iterable[str]) -> Iterator[str]:
    """Lines in the form of TOML; the rules for each of the paths, the rest for the run."""
    for name in KEYS:
        field = name.replace("-", "_")
        value = getattr(plan.run, field)
        if value in (None, ()):
            passed_over = getattr(plan.base, field) not in (None, ())
            yield f"# {name}: {f'passed over from {plan.base.file}' if passed_over else 'as by default'}"
        else:
            yield f"{name} = {_shown(value)}  # {_origin(plan, field)}"
    for path in paths:
        codes = ", ".join(sorted(plan.codes_for(path)))
        yield f"\n# rules for {os.path.relpath(path)}, as {plan.file_for(path) or 'no configuration'} has it\n# {codes}"


def _origin(plan: Plan, field: str) -> str:
    if getattr(plan.given, field) not in (None, ()):
        return "command line"
    return "default" if getattr(plan.base, field) in (None, ()) else str(plan.base.file)


def _shown(value: object) -> str:
    if isinstance(value, tuple) and isinstance(value[0], tuple):
        pairs = (f"{json.dumps(patterns.lines[0])} = {json.dumps(codes)}" for patterns, codes in value)
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(getattr(value, "lines", value))
