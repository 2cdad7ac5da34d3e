"""Whether a program itself reckons with what a model raises, or has forward run in a way that is not followed."""

from __future__ import annotations

import re

import libcst as cst

from headlint.source.nodes import descend

# Who names one of these changes how forward runs, or what comes to it.
_OTHERWISE = re.compile(
    r"\b(register_\w*forward\w*hook|MethodType|_forward_impl|__class__|__dict__|monkeypatch|mock|parametrize)\b"
    r"|\.\s*_?forward\w*\s*=[^=]"
)
_EXPECTING = ("raises", "assertRaises", "assertRaisesRegex", "suppress")
# Exceptions that neither torch nor an assignment to a module raises.
_OTHERS = frozenset(
    "ImportError ModuleNotFoundError KeyboardInterrupt SystemExit OSError IOError FileNotFoundError FileExistsError"
    " PermissionError StopIteration EOFError UnicodeDecodeError JSONDecodeError".split()
)


def reckons_with_it(tree: cst.Module, text: str) -> bool:
    """Whether the program catches what surgery or a forward could raise, expects it, or changes how forward runs."""
    if _OTHERWISE.search(text):
        return True
    for node in descend((tree,)):
        if isinstance(node, (cst.Try, cst.TryStar)) and any(_catches(handler) for handler in node.handlers):
            return True
        if isinstance(node, cst.With) and any(_expects(item.item) for item in node.items):
            return True
    return False


def _catches(handler: cst.ExceptHandler | cst.ExceptStarHandler) -> bool:
    """Whether a handler ends what torch raises: it names it, or everything, and does not raise again."""
    body = handler.body.body
    last = body[-1] if body else None
    if isinstance(last, cst.SimpleStatementLine) and isinstance(last.body[-1], cst.Raise):
        return False
    kind = handler.type
    kinds = [element.value for element in kind.elements] if isinstance(kind, cst.Tuple) else [kind]
    return any(_last_name(each) not in _OTHERS for each in kinds)


def _expects(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and _last_name(node.func) in _EXPECTING


def _last_name(node: cst.BaseExpression | None) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""
