"""Whether evaluating an expression can fork, judged by its shape alone."""

from __future__ import annotations

import libcst as cst

from headlint.source.nodes import descend

# Calls by these names are taken not to fork; a call that does so all the same is joined.
_PLAIN_CALLS = frozenset(
    """
    parameters named_parameters children named_children modules named_modules append requires_grad_ print len range
    enumerate zip list tuple isinstance startswith endswith split lower upper replace format items keys values
    train eval to cuda cpu zero_grad step backward item numel size id add Linear Conv2d Dropout ReLU BatchNorm1d
    BatchNorm2d Identity Flatten Softmax LogSoftmax Sigmoid Sequential CrossEntropyLoss
    """.split()
)


_CHOOSING = frozenset({cst.IfExp, cst.BooleanOperation, cst.CompFor, cst.Lambda, cst.Assert})


def _has_plain_index(node: cst.Subscript) -> bool:
    """Whether an item is asked for by a number or text, not by what a dict could be dispatched on."""
    index = node.slice[0].slice
    return not isinstance(index, cst.Index) or isinstance(
        index.value, (cst.Integer, cst.SimpleString, cst.UnaryOperation)
    )


def can_fork(node: cst.CSTNode) -> bool:
    """Whether an expression, or a statement's, can go several ways; only a hint, forks elsewhere are joined."""
    for here in descend((node,)):
        kind = type(here)
        if kind is cst.Call:
            function = here.func
            name = function.attr.value if type(function) is cst.Attribute else getattr(function, "value", None)
            if name not in _PLAIN_CALLS:
                return True
        elif kind is cst.Subscript:
            if not _has_plain_index(here):
                return True
        elif kind in _CHOOSING or (kind is cst.Comparison and len(here.comparisons) > 1):
            return True
    return False
