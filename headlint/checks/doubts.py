"""Whether a program itself reckons with what a model raises, or has forward run in a way that is not followed."""

from __future__ import annotations

import re
from collections.abc import Iterable

import libcst as cst

from headlint.checks.mentions import reads_of
from headlint.source.nodes import descend

# Who names one of these changes how forward runs, or what comes to it, or runs a part of it only.
_OTHERWISE = re.compile(
    r"\b(register_\w*forward\w*hook|MethodType|_forward_impl|__class__|__dict__|monkeypatch|mock|parametrize"
    r"|feature_extraction|create_feature_extractor|IntermediateLayerGetter|BackboneWithFPN|_\w+_extractor"
    r"|symbolic_trace)\b|\.\s*_?forward\w*\s*=[^=]"
)
_WALKS = re.compile(r"\b(children|named_children|named_modules|_modules|get_submodule|getattr|vars)\b")
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


def may_use_parts(tree: cst.Module, text: str, parts: Iterable[str]) -> bool:
    """Whether the program may take a model apart to run some of these parts by itself: it reads one, or walks them."""
    if _WALKS.search(text):
        return True
    named = (name for name in parts if re.search(rf"\b{re.escape(name)}\b", text))
    return any(not _is_of_torch(read) for name in named for read in reads_of(tree, name, None))


def _is_of_torch(read: cst.CSTNode) -> bool:
    """Whether it is a function that is called like a part: `torch.relu`, `F.relu`."""
    return isinstance(read, cst.Attribute) and isinstance(read.value, cst.Name) and read.value.value in ("torch", "F")


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
