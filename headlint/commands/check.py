"""`headlint check PATH...`: the findings in files and directories, as flake8 would report them, and their fixes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headlint.commands.check_options import add_options, given_configuration
from headlint.output.formats import names, shows_fixes
from headlint.run.checked import CLEAN, FOUND, USAGE

if TYPE_CHECKING:
    from headlint.lint import Linter
    from headlint.output.formats import Format, Look
    from headlint.run.checked import Checked
    from headlint.run.checking import Task
    from headlint.run.plan import Plan

STDIN = "-"


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Declare the command."""
    parser = commands.add_parser("check", help="check files and directories", description=__doc__)
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check everything; exit status 0 clean, 1 findings or files that are no Python, 2 for a wrong path or option."""
    from headlint.lint import Linter

    options.paths = options.paths or [os.curdir]
    try:
        plan = plan_of(options)
        _refuse_combinations(options, plan)
    except (ValueError, OSError) as wrong:
        reason = f"{options.config}: cannot be read: {wrong.strerror}" if isinstance(wrong, OSError) else wrong
        print(f"headlint check: {reason}", file=sys.stderr)
        return USAGE
    if options.show_settings:
        return _show_settings(options, plan)
    if options.watch:
        from headlint.commands.watch import watch

        return watch(options, plan)
    with Linter(plan.settings) as linter:
        return Run(options, plan, linter).check()


def plan_of(options: argparse.Namespace) -> Plan:
    """What is to be done; raises ValueError for an option or a configuration that is wrong, and OSError."""
    from headlint.run.plan import Plan

    plan = Plan(given_configuration(options), file=options.config, isolated=options.isolated)
    if plan.run.output_format not in names():
        raise ValueError(f"{plan.base.file}: [tool.headlint] output-format: must be one of {', '.join(names())}")
    return plan


def _refuse_combinations(options: argparse.Namespace, plan: Plan) -> None:
    """Options that do not go together; raises ValueError."""
    for_people = plan.run.output_format in ("text", "concise")
    for one, others in (
        ("add_noqa", ("fix", "diff")),
        ("statistics", ("fix", "diff", "add_noqa")),
        ("watch", ("fix", "diff", "add_noqa", "output_file", "show_settings")),
    ):
        for other in others:
            if getattr(options, one) and getattr(options, other):
                raise ValueError(f"--{one} does not go with --{other}".replace("_", "-"))
    if options.config and options.isolated:
        raise ValueError("--config does not go with --isolated")
    if not for_people and (options.explain or options.statistics):
        raise ValueError("--explain and --statistics go with the formats text and concise only")
    if STDIN in options.paths and options.watch:
        raise ValueError("--watch does not go with standard input")


def _show_settings(options: argparse.Namespace, plan: Plan) -> int:
    from headlint.output.settings import settings_lines

    paths = (os.path.join(path, "any.py") if os.path.isdir(path) else path for path in options.paths if path != STDIN)
    try:
        for line in settings_lines(plan, paths):
            print(line)
    except ValueError as fault:
        print(f"headlint check: {fault}", file=sys.stderr)
        return USAGE
    return CLEAN


class Run:
    """One run over all paths: what is printed on the way, and the exit status at its end."""

    def __init__(self, options: argparse.Namespace, plan: Plan, linter: Linter) -> None:
        from headlint.output.terminal import Progress
        from headlint.run.checking import Checker

        self._options = options
        self._plan = plan
        self._linter = linter
        self._task = _task(options, plan)
        self._checker = Checker(self._task, linter)
        self._status = CLEAN
        self._fixed = 0
        self._changed = 0
        self._verified = 0
        self._models = 0
        self._progress = Progress(0)

    def check(self, check: Callable[[Path, bool], Checked] | None = None) -> int:
        """Check all paths and report; `check` is what checks one file, if not this process or several."""
        files = list(self._files())
        for note in self._plan.notes:
            self._complain(note, CLEAN)
        self._report(self._watched(self._results(files, check), files))
        self._tell_verified()
        if self._options.diff:
            self._status = max(self._status, FOUND if self._changed else CLEAN)
        if self._options.exit_zero and self._status == FOUND:
            return CLEAN
        return self._status

    # -- files ---------------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[tuple[Path | None, bool]]:
        """The files to check, and whether each was named; None stands for standard input."""
        from headlint.source.configuration import ConfigurationFault
        from headlint.source.discovery import python_files

        paths = [path for path in self._options.paths if path == STDIN or self._exists(path)]
        named = {Path(path) for path in paths}
        try:
            for index, path in enumerate(paths):
                if path == STDIN:
                    yield None, True
                elif index == 0 or paths[index - 1] == STDIN:
                    rest = paths[index:]
                    until = rest.index(STDIN) if STDIN in rest else len(rest)
                    for file in python_files(rest[:until], self._plan.scope):
                        yield file, file in named
        except ConfigurationFault as fault:
            self._complain(str(fault), USAGE)

    def _exists(self, path: str) -> bool:
        if os.path.exists(path):
            return True
        self._complain(f"no such file or directory: {path}", USAGE)
        return False

    def _results(
        self, files: list[tuple[Path | None, bool]], check: Callable[[Path, bool], Checked] | None
    ) -> Iterator[Checked]:
        from headlint.run.pool import check_files, processes_for

        paths = [(path, named) for path, named in files if path is not None]
        processes = processes_for(len(paths), self._plan.run.jobs)
        if check is None and processes > 1 and len(paths) == len(files):
            yield from check_files(self._task, self._linter.observer(), paths, processes)
            return
        for path, named in files:
            if path is None:
                yield self._standard_input()
            else:
                yield check(path, named) if check is not None else self._checker.check(path, named=named)

    def _standard_input(self) -> Checked:
        name: str = self._options.stdin_filename
        data = sys.stdin.buffer.read()
        checked = self._checker.check_data(data, name, Path(name))
        if self._task.change != "none" and not self._options.diff:
            # What came in goes out in its new form, whatever it was.
            sys.stdout.buffer.write(data if checked.after is None else checked.after)
            sys.stdout.buffer.flush()
        return checked

    def _tell_verified(self) -> None:
        """Say how many models were verified where the report has no room for it, or goes into a file."""
        from headlint.output.tally import verified_text

        shown = self._plan.run.output_format == "text" and self._options.output_file is None
        if self._models and not shown:
            print(verified_text(self._verified, self._models), file=sys.stderr)

    # -- what is told --------------------------------------------------------------------------------------------

    def _watched(self, results: Iterator[Checked], files: list[tuple[Path | None, bool]]) -> Iterator[Checked]:
        """The results as they come, with progress shown and complaints told."""
        from headlint.output.terminal import Progress

        self._progress = Progress(len(files))
        try:
            for number, (file, _) in enumerate(files, start=1):
                self._progress.show(number, self._options.stdin_filename if file is None else str(file))
                checked = next(results, None)
                if checked is None:
                    return
                for complaint in checked.complaints:
                    self._complain(complaint.line, complaint.status)
                self._fixed += checked.fixed
                self._changed += checked.after is not None
                self._verified += checked.verified
                self._models += checked.verified + checked.unverified
                if not self._options.diff:
                    self._status = max(self._status, checked.status)
                yield checked
        finally:
            self._progress.clear()

    def _report(self, results: Iterator[Checked]) -> None:
        from headlint.output.tally import counted

        # The fixed text of standard input has standard output to itself.
        rewrites = self._task.change != "none" and STDIN in self._options.paths and not self._options.diff
        stream = sys.stderr if rewrites else sys.stdout
        lines = self._format()(results, self._look())
        if self._options.output_file is not None:
            self._write("".join(f"{line}\n" for line in lines))
            return
        for line in lines:
            self._progress.clear()
            print(line, file=stream)
        if self._options.diff and self._changed:
            stream.flush()
            would = f"Would fix {counted(self._fixed, 'finding')} in {counted(self._changed, 'file')}"
            print(would, file=sys.stderr)

    def _write(self, text: str) -> None:
        from headlint.source.writing import write_file

        try:
            write_file(self._options.output_file, text.encode("utf-8", "backslashreplace"))
        except OSError as refused:
            self._complain(f"{self._options.output_file}: cannot be written: {refused.strerror}", USAGE)

    def _format(self) -> Format:
        from headlint.output import diff, formats, silencing, statistics

        if self._options.diff:
            return diff.report
        if self._options.statistics:
            return statistics.report
        if self._options.add_noqa:
            return silencing.report
        return formats.load(str(self._plan.run.output_format))

    def _look(self) -> Look:
        from headlint.output.formats import Look
        from headlint.output.terminal import PLAIN, palette_for

        palette = PLAIN if self._options.output_file is not None else palette_for(sys.stdout)
        return Look(palette, fixing=self._options.fix, unsafe=self._options.unsafe_fixes)

    def _complain(self, line: str, status: int) -> None:
        self._progress.clear()
        sys.stdout.flush()
        print(f"headlint: {line}", file=sys.stderr)
        self._status = max(self._status, status)


def _task(options: argparse.Namespace, plan: Plan) -> Task:
    from headlint.run.checking import Task

    fixing = options.fix or options.diff
    return Task(
        plan,
        fixes=fixing or (not (options.add_noqa or options.statistics) and shows_fixes(str(plan.run.output_format))),
        change="silence" if options.add_noqa else "fix" if fixing else "none",
        unsafe=options.unsafe_fixes,
        write=not options.diff,
        unused=options.unused_noqa,
        explain=options.explain,
    )
