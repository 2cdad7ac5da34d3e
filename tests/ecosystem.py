"""What headlint says of other people's code: `python tests/ecosystem.py [--accept] [--slowest N] [NAME...]`.

Every Python file of the standard library and of installed distributions is analysed, whether it concerns headlint or
not and with the guard off, and what comes of it is compared with what was accepted last: findings (not confirmed),
notes, and exceptions, of which there must be none. A NAME is that of a distribution, of a directory, or `python` for
the standard library. What was accepted counts for one version of each, as `ecosystem.json` says.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import sysconfig
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from headlint.lint import Linter, Settings
from headlint.source.decoding import DecodingFailure, decode

ACCEPTED = Path(__file__).with_suffix(".json")
USUAL = ("torchvision", "libcst", "flake8", "hypothesis")


def title_and_files(name: str) -> tuple[str, Path, list[Path]]:
    """What is analysed under a name, with its version, where it stands, and its files; raises LookupError."""
    if name == "python":
        root = Path(sysconfig.get_paths()["stdlib"])
        files = sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts)
        return f"python {platform.python_version()}", root, files
    if os.path.isdir(name):
        root = Path(name)
        return name, root, sorted(root.rglob("*.py"))
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise LookupError(f"{name} is neither installed nor a directory") from None
    root = Path(str(found.locate_file("")))
    listed = (root / file for file in found.files or () if file.suffix == ".py")
    return f"{name} {found.version.partition('+')[0]}", root, sorted(path for path in listed if path.is_file())


def load() -> None:
    """Have all imported that the first file would be blamed for."""
    with Linter(Settings(confirm="off")) as linter:
        linter.lint_unguarded(
            "from torchvision.models import resnet18\nmodel = resnet18()\nmodel.fc.out_features = 2\n", ""
        )


@dataclass(frozen=True)
class Said:
    """What is said of one file, a line each, with the seconds of CPU that it took, and its size in KB."""

    name: str
    lines: tuple[str, ...]
    seconds: float
    size: float


def said_of(root: Path, file: Path) -> Said:
    """What is said of one file, which any process may be asked for."""
    name, data = file.relative_to(root).as_posix(), file.read_bytes()
    started = time.process_time()
    with Linter(Settings(confirm="off")) as linter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = linter.lint_unguarded(decode(data), name)
        except DecodingFailure as failure:
            said = [f"{name}:{failure}"]
        except Exception as error:  # noqa: BLE001  (this is what is looked for)
            said = [f"{name}: raises {type(error).__name__}: {error}"]
        else:
            said = [f"{name}:{note}" for note in report.notes]
            for finding in report.findings:
                said.append(f"{name}:{finding.span.line}:{finding.span.column + 1}: {finding.line}")
    return Said(name, tuple(said), time.process_time() - started, len(data) / 1024)


def print_cost(files: list[Said], most: int) -> None:
    """The CPU that all files took, and those that took most of it for their size."""
    print(f"  {len(files)} files, {sum(f.size for f in files):.0f} KB, {sum(f.seconds for f in files):.0f} s of CPU")
    for file in sorted(files, key=lambda file: file.seconds / max(file.size, 1), reverse=True)[:most]:
        print(f"  {1000 * file.seconds / max(file.size, 1):6.0f} ms/KB  {file.seconds:6.1f} s  {file.name}")
    sys.stdout.flush()


def main() -> int:
    """Analyse, compare and tell; exit status 1 if anything is not as it was accepted."""
    parser = argparse.ArgumentParser(prog="python tests/ecosystem.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(USUAL)}")
    parser.add_argument("--accept", action="store_true", help="accept what is said now")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--slowest", type=int, default=1, help="files to name that took most CPU for their size")
    options = parser.parse_args()
    accepted: dict[str, list[str]] = json.loads(ACCEPTED.read_text(encoding="utf-8")) if ACCEPTED.exists() else {}
    status = 0
    for name in options.names or USUAL:
        try:
            title, root, files = title_and_files(name)
        except LookupError as missing:
            print(missing)
            status = 1
            continue
        print(title, flush=True)
        with ProcessPoolExecutor(options.jobs, initializer=load) as pool:
            said = list(pool.map(partial(said_of, root), files, chunksize=8))
        print_cost(said, options.slowest)
        now = sorted(line for file in said for line in file.lines)
        before = accepted.get(title)
        if before is None:
            print("  nothing was accepted for this version")
        for line in sorted({*now} - {*(before or ())}):
            print(f"  + {line}")
        for line in sorted({*(before or ())} - {*now}):
            print(f"  - {line}")
        if now != before or any(": raises " in line for line in now):
            status = 1
        accepted[title] = now
    if options.accept:
        text = json.dumps(accepted, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        part = ACCEPTED.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, ACCEPTED)
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
