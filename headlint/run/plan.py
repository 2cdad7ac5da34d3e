"""What a run does, worked out from the command line, the configuration files and the defaults, in this order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from headlint.lint import Settings
from headlint.source.configuration import DEFAULTS, NO_CONFIGURATION, Configuration, Configurations, read_configuration
from headlint.source.discovery import Scope
from headlint.source.selection import longest

if TYPE_CHECKING:
    from headlint.lint import Confirm
    from headlint.source.patterns import Patterns


class Plan:
    """The settings of a run, and what holds for each file.

    Which rules are asked and which files are left out is decided for each file by the configuration nearest to it.
    How findings are confirmed and reported is decided once, by the configuration that the current directory has:
    nothing that lies deeper in the tree chooses the Python that runs. `given` are the options of the command line,
    `file` names a configuration in the place of all others, and with `isolated` there is none. Raises
    ConfigurationFault, and OSError for a `file` that cannot be read.
    """

    def __init__(
        self,
        given: Configuration = NO_CONFIGURATION,
        *,
        directory: str | os.PathLike[str] = os.curdir,
        file: str | None = None,
        isolated: bool = False,
    ) -> None:
        self.given = given
        self._configurations = Configurations()
        self._only: Configuration | None = None
        if isolated:
            self._only = NO_CONFIGURATION
        elif file is not None:
            self._only = read_configuration(file) or NO_CONFIGURATION
        self.base = base = self._only if self._only is not None else self._configurations.nearest(directory)
        self.run = DEFAULTS.overridden(base).overridden(given)
        self.notes: list[str] = []
        if given.python is None and base.python is not None and file is None and not base.decides_python:
            self.run = self.run.without_python()
            self.notes.append(
                f"{base.file}: 'python' is passed over, as the file belongs to another user; use --python"
            )
        self._told: set[str | None] = {base.file}

    @property
    def settings(self) -> Settings:
        """How findings are confirmed."""
        return Settings(
            confirm=cast("Confirm", self.run.confirm),
            python=self.run.python,
            timeout=cast("float", self.run.timeout),
            cache_directory=self.run.cache_dir,
        )

    @property
    def scope(self) -> Scope:
        """Which files are left out."""
        return Scope(
            exclude_in=self._excluded_in,
            respect_gitignore=self.run.respect_gitignore is not False,
            force_exclude=self.run.force_exclude is True,
        )

    def _excluded_in(self, directory: str) -> Patterns | None:
        return self._nearest(directory).overridden(self.given).exclude

    def codes_for(self, path: str | os.PathLike[str]) -> frozenset[str]:
        """The codes of the rules that are asked of one file."""
        configuration = self._nearest(os.path.dirname(os.path.abspath(path)))
        ignored = configuration.ignored_for(path)
        chosen = configuration.overridden(self.given).selection.codes()
        return frozenset(code for code in chosen if longest(code, ignored) < 0)

    def file_for(self, path: str | os.PathLike[str]) -> str | None:
        """The configuration file that speaks for a file."""
        return self._nearest(os.path.dirname(os.path.abspath(path))).file

    def _nearest(self, directory: str) -> Configuration:
        found = self._only if self._only is not None else self._configurations.nearest(directory)
        if found.file not in self._told:
            self._told.add(found.file)
            if found.python is not None and self.given.python is None:
                self.notes.append(
                    f"{found.file}: 'python' is passed over: it counts where headlint runs in that directory"
                )
        return found
