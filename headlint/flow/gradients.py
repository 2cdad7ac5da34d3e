"""Where autograd records: `with torch.no_grad()`, `set_grad_enabled()` and functions that these decorate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headlint.flow.state import State
from headlint.flow.value import TRUE, Constant, External, Symbol, Value
from headlint.source.nodes import text_of

if TYPE_CHECKING:
    import libcst as cst

    from headlint.flow.arguments import Arguments
    from headlint.flow.interpreter import Interpreter

# Whether autograd records inside, None where the first argument says so.
_MODES = {"no_grad": False, "inference_mode": None, "enable_grad": True, "set_grad_enabled": None}
_PREFIXES = ("torch.", "torch.autograd.", "torch.autograd.grad_mode.")
NAMES = {prefix + name: recording for prefix in _PREFIXES for name, recording in _MODES.items()}


def grad_mode(run: Interpreter, state: State, name: str, arguments: Arguments, node: cst.CSTNode) -> Value:
    """What calling one of these gives: a context that switches autograd, which `set_grad_enabled` does by itself."""
    recording = NAMES[name]
    if recording is None:
        recording = run.truth(state, arguments.get(0, "mode") or TRUE)
        if name.endswith("inference_mode"):
            recording = None if recording is None else not recording
    if name.endswith("set_grad_enabled"):
        state.recording = recording
    return Symbol("grad_mode", (Constant(recording),), text_of(node))


def is_grad_mode(value: Value | None) -> bool:
    """Whether a value is such a context, or what makes one as a decorator without brackets."""
    return (isinstance(value, Symbol) and value.op == "grad_mode") or (
        isinstance(value, External) and value.name in NAMES
    )


def recording_in(value: Value) -> bool | None:
    """Whether autograd records inside of such a context, None where that is not known."""
    if isinstance(value, External):
        recording = NAMES[value.name]
        return False if recording is None else recording
    assert isinstance(value, Symbol)
    (known,) = value.operands
    return known.value if isinstance(known, Constant) and isinstance(known.value, bool) else None
