"""How headlint works in one folder of a client's: the command line, its settings, and the files of the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headlint.lint import Settings
from headlint.run.plan import Plan
from headlint.source.configuration import NO_CONFIGURATION, Configuration, ConfigurationFault, configuration_of

MILLISECONDS = 1000.0
DEBOUNCE = 0.03


@dataclass(frozen=True)
class Options:
    """Settings for one document with what only an editor has: `debounce` is in seconds."""

    settings: Settings
    debounce: float = DEBOUNCE
    inlay_hints: bool = False


class Folder:
    """What holds for the documents of one folder.

    `client` has the keys of `[tool.headlint]`, and `debounce` (milliseconds) and `inlay-hints`, which are for editors
    alone. What a client sends may stand in a file of the workspace, as pyproject.toml does: unless that is trusted,
    only the command line says which Python runs. `faults` are one-line texts on what was left out.
    """

    def __init__(self, root: str, command_line: Configuration, client: Mapping[str, Any], *, trusted: bool) -> None:
        self.root = root
        self.faults: list[str] = []
        configured = NO_CONFIGURATION
        for key in client:
            try:
                configured = configured.overridden(configuration_of({key: client[key]}, root))
            except ConfigurationFault as wrong:
                self.faults.append(f"the setting {wrong}")
        self._debounce = self._positive(client, "debounce", DEBOUNCE * MILLISECONDS) / MILLISECONDS
        self._inlay_hints = client.get("inlay-hints") is True
        self._plan = self._planned(configured.overridden(command_line))
        self._settings = self._plan.settings
        if not trusted and self._settings.python != command_line.python:
            self._settings = replace(self._settings, python=command_line.python)
            self.faults.append("the workspace is not trusted: its 'python' is passed over")
        self.faults += self._plan.notes

    def _planned(self, given: Configuration) -> Plan:
        try:
            return Plan(given, directory=self.root)
        except ConfigurationFault as wrong:
            self.faults.append(str(wrong))
            return Plan(given, isolated=True)

    def _positive(self, client: Mapping[str, Any], key: str, usual: float) -> float:
        value = client.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
            self.faults.append(f"the setting {key}: must be a number above 0")
            return usual
        return float(value)

    def options_for(self, path: str) -> Options:
        """The options for one file."""
        try:
            codes = self._plan.codes_for(path)
        except ConfigurationFault as wrong:
            self.faults.append(str(wrong))
            codes = Plan(isolated=True).codes_for(path)
        return Options(replace(self._settings, select=codes), self._debounce, self._inlay_hints)
