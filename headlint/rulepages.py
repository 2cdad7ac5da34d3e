"""Where the rule pages lie, and the little of them that flake8 must know at every start.

Imports nothing but what every Python process has already: flake8 pays for this module in every run.
"""

from __future__ import annotations

import os
from functools import cache

FENCE = "---"


def pages_directory() -> str:
    """The directory of the rule pages: inside the package when installed, beside it in a checkout."""
    package = os.path.dirname(os.path.abspath(__file__))
    installed = os.path.join(package, "rules")
    return installed if os.path.isdir(installed) else os.path.join(os.path.dirname(package), "rules")


def page_names(directory: str) -> list[str]:
    """The file names of the rule pages in `directory`, in the order of their codes; none if there is no directory."""
    try:
        return sorted(name for name in os.listdir(directory) if name.startswith("HL") and name.endswith(".md"))
    except OSError:
        return []


@cache
def codes_off_by_default() -> tuple[str, ...]:
    """The codes whose pages say `default: off`; the file name gives the code, so one short read per page is enough."""
    directory = pages_directory()
    codes = []
    for name in page_names(directory):
        with open(os.path.join(directory, name), "rb", buffering=0) as page:
            head = page.read(1024)
        front_matter, _, _ = head[len(FENCE) :].partition(b"\n---")
        if b"\ndefault: off" in front_matter:
            codes.append(name.partition("-")[0])
    return tuple(codes)
