"""What a run has found, in a line or two."""

from __future__ import annotations

from dataclasses import dataclass, field

from headlint.output.formats import Look
from headlint.run.checked import Checked


@dataclass
class Tally:
    """What a run has found so far."""

    files: int = 0
    files_with_findings: int = 0
    confirmed: int = 0
    unconfirmed: int = 0
    fixed: int = 0
    hidden: int = 0
    unchecked: int = 0
    verified: int = 0
    models: int = 0
    fixable: dict[str, int] = field(default_factory=lambda: {"safe": 0, "unsafe": 0, "display": 0})

    def add(self, checked: Checked) -> None:
        """Count one file."""
        if checked.unchecked:
            self.unchecked += 1
            return
        confirmed = sum(finding.verdict.kind == "confirmed" for finding in checked.findings)
        self.files += 1
        self.files_with_findings += bool(checked.findings or checked.fixed)
        self.confirmed += confirmed
        self.unconfirmed += len(checked.findings) - confirmed
        self.fixed += checked.fixed
        self.hidden += checked.hidden
        self.verified += checked.verified
        self.models += checked.verified + checked.unverified
        for finding in checked.findings:
            if finding.fix is not None:
                self.fixable[finding.fix.applicability] += 1

    def summary(self, look: Look) -> list[str]:
        """The last lines of a run."""
        if not self.files and not self.unchecked:
            return ["No Python files were found"]
        remaining = self.confirmed + self.unconfirmed
        files = counted(self.files, "file")
        if remaining + self.fixed:
            kinds = [f"{self.fixed} fixed", f"{remaining} remaining"] if look.fixing else []
            if not look.fixing:
                kinds += [f"{self.confirmed} confirmed"] if self.confirmed else []
                kinds += [f"{self.unconfirmed} unconfirmed"] if self.unconfirmed else []
            total = counted(remaining + self.fixed, "finding")
            text = f"Found {total} ({', '.join(kinds)}) in {self.files_with_findings} of {files}"
        else:
            text = f"No findings in {files}"
        if self.hidden:
            text += f"; {self.hidden} unconfirmed not shown"
        if self.unchecked:
            text += f"; {counted(self.unchecked, 'file')} could not be checked"
        return [text, *self._fixable(look), *self._verified()]

    def _verified(self) -> list[str]:
        return [verified_text(self.verified, self.models)] if self.models else []

    def _fixable(self, look: Look) -> list[str]:
        now = self.fixable["safe"] + (self.fixable["unsafe"] if look.unsafe else 0)
        more = 0 if look.unsafe else self.fixable["unsafe"]
        texts = [f"{now} fixable with --fix"] if now and not look.fixing else []
        if more:
            texts.append(f"{more} {'more ' if texts else ''}with --fix --unsafe-fixes")
            texts[0] = texts[0] if "fixable" in texts[0] else texts[0].replace(" with", " fixable with")
        return [", ".join(texts)] if texts else []


def verified_text(verified: int, models: int) -> str:
    """How many models were verified: `2 of 3 models verified by a forward pass`."""
    some = f"{verified} of " if verified < models else ""
    return f"{some}{counted(models, 'model')} verified by a forward pass"


def counted(number: int, noun: str) -> str:
    """A number with its noun in the right form."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
