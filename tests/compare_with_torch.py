"""`python tests/compare_with_torch.py --programs 2000 --seed 1`: generate, run, lint, compare, print the figures."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.util import Finalize

from differential import compare as comparing
from differential.compare import Comparison, Executor
from differential.program import Program
from differential.programs import choices_of_seed, programs, programs_of_seed
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import NoSuchExample

from headlint.lint import Linter


def drawn(count: int, start: int) -> list[Program]:
    """The first programs of a seed."""
    return list(islice(programs_of_seed(start), count))


def smallest(mistake: str, count: int, start: int) -> Comparison:
    """What hypothesis makes of the first program of a seed on which both disagree about a rule.

    Raises NoSuchExample if there is none.
    """
    with Executor() as executor, Linter(comparing.settings()) as linter:

        def disagree(program: Program) -> bool:
            try:
                return mistake in comparing.compare(program, executor, linter).disagreements
            except RuntimeError:
                # What cannot be run tells nothing.
                return False

        first = InMemoryExampleDatabase()
        for program, choices in islice(choices_of_seed(start), count):
            if disagree(program):
                # Where hypothesis keeps what it has not made smaller yet.
                first.save(b"first.secondary", choices_to_bytes(choices))
                break
        else:
            raise NoSuchExample(f"a disagreement on {mistake}")
        limits = settings(
            database=first, phases=[Phase.reuse, Phase.shrink], deadline=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        return comparing.compare(find(programs(), disagree, settings=limits, database_key=b"first"), executor, linter)


class Worker:
    """What each process compares with, started once."""

    executor: Executor
    linter: Linter

    @classmethod
    def start(cls) -> None:
        """Start what runs programs and what lints them; both end with the process."""
        cls.executor, cls.linter = Executor(), Linter(comparing.settings())
        Finalize(None, cls.end, exitpriority=1)

    @classmethod
    def end(cls) -> None:
        """End both."""
        cls.executor.__exit__(None, None, None)
        cls.linter.close()

    @classmethod
    def compare(cls, program: Program) -> Comparison | str:
        """One program compared, or why that is not possible."""
        try:
            return comparing.compare(program, cls.executor, cls.linter)
        except RuntimeError as failure:
            return str(failure)


def compared(all_programs: list[Program], jobs: int) -> Iterator[Comparison]:
    """Each program compared, in order; what cannot be run is told and left out."""
    with get_context("spawn").Pool(jobs, Worker.start) as pool:
        for one in pool.imap(Worker.compare, all_programs):
            if isinstance(one, Comparison):
                yield one
            else:
                print("not run:", one[-1200:], file=sys.stderr)
        pool.close()
        pool.join()


def main() -> int:
    """Compare, print every disagreement, and then the figures for each rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="so many programs at once")
    parser.add_argument("--minutes", type=float, default=math.inf, help="after so many no further program is looked at")
    parser.add_argument("--show", action="store_true", help="print the text of programs that differ")
    parser.add_argument("--open", action="store_true", help="print what cannot be decided, too")
    parser.add_argument("--shrink", metavar="HL101", help="look for the smallest program with a disagreement on a rule")
    options = parser.parse_args()
    if options.shrink:
        try:
            _show(smallest(options.shrink, options.programs, options.seed), text=True)
        except NoSuchExample:
            print(f"no disagreement on {options.shrink} in {options.programs} programs")
            return 1
        return 0
    agreed: Counter[str] = Counter()
    false: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    undecided: Counter[str] = Counter()
    beyond: Counter[str] = Counter()
    clean = total = 0
    end = time.monotonic() + 60 * options.minutes
    for one in compared(drawn(options.programs, options.seed), options.jobs):
        total += 1
        clean += not (one.agreed or one.missed or one.beyond)
        agreed.update(one.agreed)
        false.update(finding.code for finding in one.false)
        missed.update(wanted.codes[0] for wanted in one.missed)
        undecided.update(finding.code for finding in one.open)
        beyond.update(wanted.codes[0] for wanted in one.beyond)
        if one.differs or (options.open and one.open):
            _show(one, text=options.show)
        if time.monotonic() > end:
            break
    print(f"{total} programs, {clean} without a mistake")
    print("rule   found missed  false   open beyond")
    for code in sorted({*agreed, *false, *missed, *undecided, *beyond}):
        counts = (missed, false, undecided, beyond)
        print(f"{code}  {agreed[code]:6}" + "".join(f"{count[code]:7}" for count in counts))
    return 1 if false or missed else 0


def _show(one: Comparison, *, text: bool) -> None:
    program = one.program
    print(f"--- {program.style} {', '.join(program.builders)} planned: {', '.join(program.planned) or 'nothing'}")
    for raised in one.raised:
        print(f"    raised  {raised}")
    for finding in one.false:
        print(f"    false   {finding.place}: {finding.line}")
    for wanted in one.missed:
        print(f"    missed  {wanted}")
    for finding in one.open:
        print(f"    open    {finding.place}: {finding.line}")
    if text:
        for number, line in enumerate(program.text.splitlines(), start=1):
            print(f"    {number:4} {line}")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
