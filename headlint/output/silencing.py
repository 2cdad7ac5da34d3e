"""How many findings were silenced with comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headlint.output.formats import Look
from headlint.output.tally import counted
from headlint.run.checked import Checked


def report(results: Iterable[Checked], _look: Look) -> Iterator[str]:
    """One line at the end."""
    silenced = [checked.silenced for checked in results if checked.silenced]
    yield f"Silenced {counted(sum(silenced), 'finding')} in {counted(len(silenced), 'file')}"
