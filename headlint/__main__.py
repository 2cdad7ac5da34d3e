"""`python -m headlint`: the command line."""

from __future__ import annotations

import sys

# `-m` put the current directory first, where files that are only to be checked may be called like modules we need.
if not getattr(sys.flags, "safe_path", False):
    del sys.path[0]

from headlint.cli import main

if __name__ == "__main__":
    sys.exit(main())
