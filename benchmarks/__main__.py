"""`python -m benchmarks [SECTION...]`: prints the figures, section by section."""

from __future__ import annotations

import argparse
import platform
import sys

from benchmarks import analysis, editor, files, growth, linting, verdicts

SECTIONS = {
    "irrelevant": linting.irrelevant_files,
    "relevant": linting.relevant_files,
    "analysis": analysis.against_a_bare_parse,
    "torchfix": analysis.against_torchfix,
    "files": files.by_number,
    "growth": growth.by_length_branches_and_depth,
    "verdicts": verdicts.one_by_one,
    "editor": editor.keystrokes,
    "models": verdicts.every_classification_model,
}


def main() -> int:
    """Run the sections asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"any of: {', '.join(SECTIONS)}")
    wanted = parser.parse_args().sections or list(SECTIONS)
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        parser.error(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    print(f"Python {platform.python_version()} on {platform.machine()}")
    for name in wanted:
        SECTIONS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
