"""Where modules go: `to()`, `cuda()` and `cpu()`, and which of these lead away from the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headlint.flow import modules
from headlint.flow.state import Moved, State
from headlint.flow.value import Constant, Instance, Module, Symbol, Value
from headlint.history import ModuleRef

if TYPE_CHECKING:
    from collections.abc import Callable

    import libcst as cst

    from headlint.flow.arguments import Arguments
    from headlint.flow.interpreter import Interpreter

_HOST = frozenset({"cpu", "meta"})


def move(
    method: str,
) -> Callable[[Interpreter, State, Module | Instance, Arguments, cst.CSTNode], Value]:
    """What `to()`, `cuda()` or `cpu()` of a module does: it gives the module itself."""

    def handler(
        run: Interpreter, state: State, receiver: Module | Instance, arguments: Arguments, node: cst.CSTNode
    ) -> Value:
        ref = modules.module_ref(receiver)
        assert ref is not None
        device = accelerator(arguments.get(0, "device")) if method == "to" else "cuda" if method == "cuda" else None
        inside = frozenset(modules.objects_in(state, ref))
        state.moves[Moved(ref, inside, device, len(state.trace), node)] = None
        return receiver

    return handler


def note_made(state: State, first: int, site: cst.CSTNode) -> None:
    """What was made since object number `first` was made inside `with torch.device(...)`."""
    inside = frozenset(range(first, state.next_identity))
    state.moves[Moved(ModuleRef(first, ""), inside, None, len(state.trace), site)] = None


def accelerator(device: Value | None) -> str | None:
    """The device other than the CPU that a value is or may be, None if it is none or not known."""
    match device:
        case Constant(bool()):
            return None
        case Constant(int() as number):
            return f"cuda:{number}"
        case Constant(str() as name) if name and name.partition(":")[0] not in _HOST:
            return name
        case Symbol("device", (named,)):
            return accelerator(named)  # type: ignore[arg-type]
        case Symbol("choice", (_, first, second)):
            return accelerator(first) or accelerator(second)  # type: ignore[arg-type]
    return None
