"""Inspections as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from headlint.output.inspection.model import Inspection

FORMAT = 1


def as_json(inspections: Sequence[Inspection]) -> str:
    """All models in one object: `{"format": 1, "models": [...]}`; names are those of the fields of `Inspection`."""
    return json.dumps({"format": FORMAT, "models": [asdict(each) for each in inspections]}, indent=2)
