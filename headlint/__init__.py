"""headlint: proves that the surgery on pretrained torchvision models does what its author meant.

The public names are loaded on first use, so that importing headlint (which flake8 does for every run)
costs nothing where no file concerns it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from headlint.api import fix_source, lint_paths, lint_source
    from headlint.finding import Edit, Evidence, Finding, Fix, Span, Verdict
    from headlint.lint import Linter, Report, Settings
    from headlint.rewrite import Fixed

__version__ = "0.1.0"

__all__ = [
    "Edit",
    "Evidence",
    "Finding",
    "Fix",
    "Fixed",
    "Linter",
    "Report",
    "Settings",
    "Span",
    "Verdict",
    "__version__",
    "fix_source",
    "lint_paths",
    "lint_source",
]


if not TYPE_CHECKING:  # else type checkers would take every name for one of this package

    def __getattr__(name):
        if name in __all__:
            from importlib import import_module

            for module_name in ("headlint.finding", "headlint.lint", "headlint.api", "headlint.rewrite"):
                module = import_module(module_name)
                if name in vars(module):
                    return globals().setdefault(name, vars(module)[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
