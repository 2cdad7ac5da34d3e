"""What inspections call the states of parts, and the facts about a model, line by line: shared by all forms."""

from __future__ import annotations

from collections.abc import Iterator

from headlint.claims.arrivals import arrival_text
from headlint.output.facts import counted, in_bytes, size
from headlint.output.inspection.model import Inspection, Memory, OptimizerFacts, Part, State

WORDS: dict[State, str] = {
    "raises": "raises",
    "unused": "never used",
    "auxiliary": "used in train mode only",
    "trains": "trains",
    "partly": "trains in part",
    "frozen": "frozen",
    "plain": "",
}


def state_of(part: Part) -> str:
    """What became of a part, with the lines that did it."""
    said = [WORDS[part.state]] if part.state != "plain" else []
    if part.state == "partly":
        said = [f"{part.trainable:,} of {part.parameters:,} train"]
    if part.state in ("frozen", "trains") and part.flagged:
        said[0] += f" (line {part.flagged})"
    if part.new:
        said.append(f"new (line {part.new})")
    return ", ".join(said)


def facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """Labels with their texts."""
    root = inspection.root
    if inspection.failed:
        yield "not replayed", inspection.failed
    if root is None:
        return
    if inspection.input is not None:
        meant = inspection.usual if inspection.usual != inspection.input else None
        smaller = f", smaller than the {size(meant[1:])} that the model is meant for" if meant else ""
        yield "input", f"{size(inspection.input[1:])}, in batches of {inspection.input[0]}{smaller}"
    if inspection.raised:
        yield "forward", inspection.raised + _where(inspection)
    if inspection.output:
        yield "output", inspection.output + _classes(inspection)
    if inspection.training_output and inspection.training_output != inspection.output:
        yield "in train mode", inspection.training_output
    yield "parameters", f"{root.parameters:,}, of which {_of(root.trainable, root.parameters)} train"
    for optimizer in inspection.optimizers:
        yield "optimizer", f"{optimizer.kind} (line {optimizer.line}) {_held(optimizer, root.trainable)}"
    if inspection.memory is not None:
        yield "memory", _memory(inspection.memory)
    for text, number in inspection.stand_ins:
        yield "stand-in", f"{number} stands for {text}, which the code does not give"


def _where(inspection: Inspection) -> str:
    """The part in which forward raises, with what arrives there."""
    if not inspection.raised_in or inspection.root is None:
        return ""
    part = next((part for part in inspection.root.below() if part.place == inspection.raised_in), None)
    if part is None or part.arrived is None:
        return f", in {inspection.raised_in}"
    return f"; {arrival_text(part.arrived, inspection.raised_in)}"


def _classes(inspection: Inspection) -> str:
    if len(inspection.classes) != 1 or not inspection.output.startswith("("):
        return ""
    return f", {inspection.classes[0]} " + ("class" if inspection.classes[0] == "1" else "classes")


def _of(number: int, total: int) -> str:
    if number in (0, total):
        return "none" if number == 0 else "all"
    return f"{number:,}"


def _held(optimizer: OptimizerFacts, trainable: int) -> str:
    if optimizer.raised:
        return f"raises: {optimizer.raised}"
    if not optimizer.known:
        return "is over parameters that are not known"
    held = f"holds {counted(optimizer.tensors, 'tensor')}"
    if optimizer.outside:
        held += f", {optimizer.outside} of them not in the model"
    missing = optimizer.missing
    if missing:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        return f"{held} and leaves out what trains: {shown}"
    return f"{held}, and all that train are in it" if trainable else f"{held}, and nothing trains"


def _memory(memory: Memory) -> str:
    parts = [f"weights {in_bytes(memory.weights)}"]
    if memory.kept is None:
        return f"{parts[0]}; what a step keeps was not measured: {memory.failed}"
    parts += [f"gradients {in_bytes(memory.gradients)}", f"optimizer {in_bytes(memory.optimizer)}"]
    parts += [f"kept for backward {in_bytes(memory.kept)}"]
    measured = f"measured on a batch of {memory.batch} of {size(memory.picture)}"
    return f"a training step takes {in_bytes(memory.step or 0)}: {', '.join(parts)} ({measured})"
