"""From what happened to the rules that speak of it.

It knows what rules are about and nothing of how headlint finds them: it looks at a trace, which is what a real run
left behind, and never at what the generator meant to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from differential.leftover import left_over
from differential.run import WRAPPERS, Expected, Run, expect
from differential.trace import (
    Attribute,
    Backward,
    Build,
    Call,
    Flag,
    LoadState,
    Loss,
    Mode,
    Optimizer,
    Put,
    Raised,
    Step,
    Trace,
)
from headlint.zoo import find_builder

SIZES = frozenset({"in_features", "out_features", "in_channels", "out_channels", "num_features", "num_embeddings"})
STRUCTURED = frozenset({"InceptionOutputs", "GoogLeNetOutputs", "OrderedDict", "tuple", "dict"})
OTHER_THAN_A_TENSOR = rf"not (\w+\.)*({'|'.join(sorted(STRUCTURED))})\b"
HEADS = frozenset({"fc", "classifier", "head", "heads", "output", "logits", "last_linear"})
NORMS = frozenset({"bn", "norm", "batchnorm"})


def expected(trace: Trace, text: str) -> list[Expected]:
    """The mistakes of one run."""
    run = Run(trace, text)
    found = [one for judge in JUDGES for one in judge(run)]
    unique = list(dict.fromkeys(found))
    told = {code for one in unique for code in one.codes}
    if any(one.codes == ("HL308",) for one in unique):
        # Then the test is what freezes the head, or leaves it frozen.
        unique = [one for one in unique if one.codes != ("HL301", "HL308")]
    if told & {"HL301", "HL303", "HL304", "HL308"}:
        unique = [one for one in unique if one.codes != ("HL306",)]
    return unique + left_over(run, unique)


def unused(run: Run) -> Iterator[Expected]:
    """HL101."""
    for index, put in run.surgeries:
        assert put.new is not None
        later = [one for at, one in run.all(Put) if at > index and (one.owner, one.name) == (put.owner, put.name)]
        if put.old is not None or later or run.kind(put.new) == "Identity":
            continue
        parts = run.subtree(put.new, run.last)
        calls = [call for at, call in run.all(Call) if at > index]
        around = [call for call in calls if call.raised is None and put.owner in call.called]
        if around and not any(parts & set(call.called) for call in calls):
            yield expect("HL101", put.line)


def missing(run: Run) -> Iterator[Expected]:
    """HL102, HL403 and HL404: what the program asked for is not there."""
    raised = run.trace.raised
    if raised is None or not raised.lines or raised.inside:
        return
    if "IncompatibleKeys" in raised.message:
        loads = [one.line for _, one in run.all(LoadState)]
        yield expect("HL404", *loads[-1:])
    elif raised.owner in STRUCTURED or re.search(OTHER_THAN_A_TENSOR, raised.message):
        yield expect("HL403", raised.lines[-1])
    elif raised.type in ("AttributeError", "TypeError", "IndexError"):
        torch_kinds = {run.kind(number) for number in run.trace.origin} | {"NoneType", "Linear", "Sequential"}
        told = ("has no attribute", "not subscriptable", "out of range")
        if raised.owner in torch_kinds | WRAPPERS and any(text in raised.message for text in told):
            yield expect("HL102", raised.lines[-1])


def sizes(run: Run) -> Iterator[Expected]:
    """HL103."""
    standing = {number for modules in run.last.modules.values() for number in modules.values()}
    for _, one in run.all(Attribute):
        if one.fits:
            # Its weight was made anew before.
            continue
        if one.name in SIZES and one.value != one.before and one.before is not None and one.owner in standing:
            yield expect("HL103", one.line)


def counts(run: Run) -> Iterator[Expected]:
    """HL104."""
    for _, one in run.all(Attribute):
        if one.name != "num_classes" or one.owner not in run.builds:
            continue
        model = one.owner
        touched = any(run.trace.origin.get(put.owner, (None,))[0] == model for _, put in run.all(Put))
        calls = [call for _, call in run.all(Call) if model in call.called and call.raised is None]
        used = any(not call.by_us for call in calls) or bool(run.parameters(model) & run.held)
        widths = {shape[1] for call in calls if call.root == model for shape in call.outputs.values() if len(shape) > 1}
        if not touched and used and widths and one.value not in widths:
            yield expect("HL104", one.line)


def auxiliary(run: Run) -> Iterator[Expected]:
    """HL105."""
    losses: dict[int, list[Loss]] = {}
    for _, loss in run.all(Loss):
        if loss.call is not None and loss.part in ("out", "aux", "logits", "aux_logits", "aux_logits1", "aux_logits2"):
            losses.setdefault(loss.call, []).append(loss)
    for found in losses.values():
        widths = {loss.part: loss.shape[1] for loss in found if len(loss.shape) > 1}
        if len(widths) > 1 and len(set(widths.values())) > 1:
            heads = [run.lines_of_head(put.new or 0, put) for _, put in run.surgeries]
            if heads:
                yield Expected(("HL105",), frozenset().union(*heads))
                return


def builders(run: Run) -> Iterator[Expected]:
    """HL106."""
    for _, one in run.all(Build):
        about = "" if one.raised is None else one.raised.message
        if one.builder.startswith("quantized_") and "'num_classes'" not in about:
            continue
        if (one.raised is not None and one.raised.type != "PermissionError") or (
            one.raised is None and {"n_classes", "classes", "num_class", "nclasses"} & set(one.arguments)
        ):
            yield expect("HL106", one.line)


def predictors(run: Run) -> Iterator[Expected]:
    """HL107."""
    for _, put in run.surgeries:
        if put.name in ("cls_score", "bbox_pred"):
            beside = {name.rpartition(".")[2]: one for name, one in _children(run, put.owner)}
            scores, boxes = (run.trace.widths.get(beside.get(name, -1)) for name in ("cls_score", "bbox_pred"))
            if scores is not None and boxes is not None and boxes != 4 * scores:
                yield expect("HL107", put.line)
        elif put.name == "cls_logits":
            calls = [call.raised for _, call in run.all(Call) if call.raised is not None]
            inside = {run.trace.origin.get(raised.module or -1, (0, ""))[1] for raised in calls}
            if "head.classification_head" in inside:
                yield expect("HL107", put.line)
        elif put.name == "box_predictor" and run.trace.origin.get(put.owner, (0, ""))[1] == "roi_heads":
            calls = [call.raised for _, call in run.all(Call) if call.raised is not None]
            if any("values to unpack" in raised.message for raised in calls):
                yield expect("HL107", put.line)


def _children(run: Run, module: int) -> Iterator[tuple[str, int]]:
    for modules in run.last.modules.values():
        for path, number in modules.items():
            if number == module:
                yield from ((name, one) for name, one in modules.items() if name.rpartition(".")[0] == path)
                return


def instances(run: Run) -> Iterator[Expected]:
    """HL108."""
    made = {one.model: one.builder for _, one in run.all(Build) if one.model is not None}
    changed = {run.trace.origin[put.owner][0]: put for _, put in run.surgeries if put.owner in run.trace.origin}
    used = {model for model in made if run.parameters(model) & run.held}
    used |= {model for _, call in run.all(Call) if not call.by_us for model in made if model in call.called}
    for model, put in changed.items():
        others = {one for one in made if one != model and made[one] == made[model]} & used
        if model not in used and others - set(changed):
            yield expect("HL108", put.line)


def forwards(run: Run) -> Iterator[Expected]:
    """HL201 to HL205 and HL309: a call raised in a layer."""
    puts = {put.new: (index, put) for index, put in run.all(Put) if put.new is not None}
    heads = {put.new: put for _, put in run.surgeries}
    stopped = run.trace.raised is not None and not run.trace.raised.inside
    for _, call in run.all(Call):
        raised = call.raised
        if raised is None or raised.module is None:
            continue
        if call.by_us and (stopped or call.root not in run.trace.refusing):
            # Either nobody would have come as far as we did, or it takes other pictures than those that we have.
            continue
        layer = raised.module
        head = next((one for one in raised.inside if one in heads), None)
        if "same device" in raised.message:
            if head is not None and not call.by_us:
                yield Expected(("HL309",), run.lines_of_head(head, heads[head]))
            continue
        if not _is_about_shapes(raised):
            continue
        chained = next((one for one in raised.inside if _is_chain(run, one)), None)
        if head is not None and run.kind(head).endswith("ClassificationHead"):
            # Whole heads of detectors are for HL200.
            continue
        if head is not None:
            inner = run.subtree(head, run.last)
            before = [
                one
                for one in call.called
                if one in inner and one != layer and one not in raised.inside and run.parameters(one)
            ]
            wrong_kind = _is_wrong_kind(run.kind(layer), raised)
            code = "HL204" if wrong_kind else "HL202" if before else "HL201"
            codes = (code,) if _is_head(run, heads[head]) else ("HL200", code)
            if code == "HL202" and run.trace.origin.keys() >= set(before):
                # Behind a layer of the model's own: what arrives there is the model's doing as well.
                codes = (*codes, "HL201")
            yield Expected(codes, run.lines_of_head(head, heads[head]))
        elif chained is not None:
            if len(raised.shape) == 2 and layer not in run.trace.origin:
                # Flattened before: what fits depends on the size of the pictures.
                continue
            yield Expected(("HL203",), frozenset({run.trace.made[chained]}))
        elif len(raised.inside) > 1 and raised.inside[0] in run.trace.own:
            if run.kind(layer) == "Linear" and len(raised.shape) > 2 and raised.shape[-1] > 1:
                # A map as large as the pictures make it.
                continue
            part = _chain_beside(run, call)
            lines = frozenset(raised.lines)
            if part is not None:
                yield Expected(("HL203", "HL205"), lines | {run.trace.made[part]})
            elif run.kind(layer) and puts.get(layer):
                yield Expected(("HL205", "HL202"), lines | {run.trace.made.get(layer, 0)})


def _is_head(run: Run, put: Put) -> bool:
    """Whether a layer was put where the model has its head, or into it, or around it."""
    model, path = run.trace.origin.get(put.owner, (None, ""))
    names = {one.model: one.builder for _, one in run.all(Build)}
    builder = find_builder(names.get(model, ""))
    if builder is None:
        return True
    place = f"{path}.{put.name}".strip(".") + "."
    return any(place.startswith(f"{head.place}.") or f"{head.place}.".startswith(place) for head in builder.heads)


def _is_about_shapes(raised: Raised) -> bool:
    words = ("mat1 and mat2", "Given groups", "expected", "Expected", "should contain", "normalized_shape", "shape")
    return any(word in raised.message for word in words)


def _is_wrong_kind(kind: str, raised: Raised) -> bool:
    rank = len(raised.shape)
    if kind == "Linear":
        return rank > 2
    if kind.startswith(("Conv2d", "BatchNorm2d")):
        return rank < 4
    return False


def _is_chain(run: Run, module: int) -> bool:
    """Whether this is a Sequential of the program over children of a builder's model."""
    if run.kind(module) != "Sequential" or module in run.trace.origin:
        return False
    inside = [put.new for _, put in run.all(Put) if put.owner == module]
    first = run.trace.origin.get(inside[0] or -1) if inside else None
    return first is not None and "." not in first[1] and first[1] != ""


def _chain_beside(run: Run, call: Call) -> int | None:
    """The chain of children that was called in a call before it raised."""
    return next((one for one in call.called if _is_chain(run, one)), None)


def lost_relu(run: Run) -> Iterator[Expected]:
    """HL203 where nothing raises: numbers below zero arrive where the model's own head gets none."""
    own = {call.root: call for _, call in run.all(Call) if call.root in run.builds and call.raised is None}
    for _, call in run.all(Call):
        chain = _chain_beside(run, call)
        if call.raised is not None or chain is None or not call.negative:
            continue
        parts = [
            run.trace.origin[put.new] for _, put in run.all(Put) if put.owner == chain and put.new in run.trace.origin
        ]
        model = parts[0][0]
        if model in own and own[model].called and not set(own[model].negative) & set(run.trace.origin):
            new = [one for one in call.negative if one not in run.trace.origin]
            following = [one for one in call.called if run.kind(one) == "Linear" and one not in run.trace.origin]
            if new and following[:1] == new[:1]:
                yield Expected(("HL203",), frozenset({run.trace.made[chain]}))


def dead(run: Run) -> Iterator[Expected]:
    """HL206."""
    for part in run.trace.constant:
        for _, put in run.surgeries:
            inside = run.subtree(part, run.last)
            if put.new in inside:
                behind = {run.trace.made[one] for one in inside if one in run.trace.made}
                yield Expected(("HL206",), run.lines_of_head(put.new or 0, put) | behind)


def freezing(run: Run) -> Iterator[Expected]:
    """HL301 and HL302."""
    called = {one for _, call in run.all(Call) for one in call.called}
    for index, put in run.surgeries:
        assert put.new is not None
        if called and called.isdisjoint(run.subtree(put.new, run.last)):
            # What forward never calls is no head.
            continue
        head = run.parameters(put.new, index)
        writes = [(at, one) for at, one in run.all(Flag) if one.name == "requires_grad" and at > index]
        writes = [(at, one) for at, one in writes if head & set(one.parameters)]
        asked = [one for _, one in run.all(Attribute) if one.name == "requires_grad" and one.value is True]
        if not head or any(one.owner == put.new and put.new in run.trace.own for one in asked):
            # An object of the program may make a property of it.
            continue
        if any(_is_nearly(one.name) and one.name != "requires_grad" and one.value and head & set(one.parameters)
               for at, one in run.all(Flag) if at > index):  # fmt: skip
            # A misspelt flag was to give it back, and is told instead.
            continue
        learning = run.held & {number for number, _ in run.root_of(put.owner, run.last).values()}
        if run.held and not learning:
            # Another model is the one that learns.
            continue
        for moment, snapshot in run.moments:
            last = next((one for at, one in reversed(writes) if at < moment), None)
            if any(one.value for at, one in writes if at > moment):
                continue
            if last is None or last.value or set(last.parameters) <= head:
                # Whoever freezes nothing but the head means it.
                continue
            flags = run.inside(put.new, snapshot)
            if flags and not any(flag for _, flag in flags.values()):
                # Where a test of names decides what is frozen, that may be told instead.
                yield Expected(("HL301", "HL308"), frozenset({last.line, last.line - 1}))
                break
    first = run.moments[0] if run.moments else None
    for at, one in run.all(Flag):
        if one.name != "requires_grad" or one.value or (first is not None and at > first[0]):
            continue
        made = [index for index, _ in run.all(Optimizer) if at < index]
        then = run.before(made[0]) if made else first[1] if first is not None else run.last
        model = next((m for m in run.builds if set(one.parameters) & _original(run, m, at)), None)
        if model is None:
            continue
        now = run.root_of(model, then)
        mine = run.inside(model, then)
        if set(one.parameters) & {number for number, _ in now.values()} or not mine:
            continue
        if all(flag for _, flag in mine.values()):
            yield expect("HL302", one.line)


def _original(run: Run, model: int, at: int) -> set[int]:
    """All parameters that ever stood in a model."""
    modules = {number for number, (owner, _) in run.trace.origin.items() if owner == model}
    found = {number for number, owner in run.trace.born.items() if owner == model}
    for snapshot in (one for _, one in run.snapshots):
        for root, tree in snapshot.modules.items():
            if modules & set(tree.values()):
                found |= {number for number, _ in snapshot.parameters[root].values()}
    new = {
        number
        for put in (put for _, put in run.surgeries if put.owner in modules)
        for number in run.parameters(put.new or 0)
    }
    return found | new


def flags(run: Run) -> Iterator[Expected]:
    """HL303 and HL304: something was written that is no flag, and the flags are not what it says."""
    for index, one in enumerate(run.events):
        if isinstance(one, Attribute) and isinstance(one.value, bool):
            if one.owner in run.trace.own:
                # A class of the program may make a property of it.
                continue
            targets, name, value = run.parameters(one.owner, index), one.name, one.value
        elif isinstance(one, Flag) and one.name != "requires_grad":
            targets, name, value = set(one.parameters), one.name, one.value
        else:
            continue
        if not _is_nearly(name) or not targets:
            continue
        now = run.flagged(index)
        # What is frozen when training is over was not when it counted.
        over = max((at for at, step in run.all(Step) if at > index), default=len(run.events))
        wrong = {number for number in targets if now.get(number, True) is not value}
        written = {
            number
            for at, flag in run.all(Flag)
            if index < at < over and flag.name == "requires_grad" and flag.value is value
            for number in flag.parameters
        }
        if wrong and not wrong & written:
            on_module = isinstance(one, Attribute) and name in ("requires_grad", "requires_grad_")
            yield expect("HL303" if on_module else "HL304", one.line)


def _is_nearly(name: str) -> bool:
    return name.startswith("requ") and "grad" in name


def optimizers(run: Run) -> Iterator[Expected]:
    """HL305, HL306, HL307 and HL313."""
    steps = [(index, step) for index, step in run.all(Step) if not step.by_trainer]
    learned = [(index, set(one.gradients)) for index, one in run.all(Backward)]
    for index, one in run.all(Optimizer):
        mine = {number for group in one.groups for number in group}
        for at, put in run.surgeries:
            if at < index or put.new is None or put.old is None:
                continue
            new = run.parameters(put.new, at)
            old = run.parameters(put.old, 0)
            later = [step for when, step in steps if when > at and step.optimizer == one.number]
            grads = set().union(*(got for when, got in learned if when > at))
            if later and old & mine and new and not new & run.held and new & grads:
                yield expect("HL305", one.line)
        if one.raised is not None and "more than one parameter group" in one.raised.message:
            yield expect("HL313", one.line)
        snapshot = run.before(index)
        for model in run.builds:
            around = run.root_of(model, snapshot)
            everything = {number for number, _ in around.values()}
            if not around or (mine and not mine & everything):
                continue
            trains = any(flag for _, flag in around.values())
            empty = one.raised is not None and "empty parameter list" in one.raised.message
            if empty and trains:
                yield expect("HL313", one.line)
            given_back = any(
                at > index and flag.value and set(flag.parameters) & everything for at, flag in run.all(Flag)
            )
            asked = any(
                it.name == "requires_grad" and it.value is True and it.owner in run.trace.own
                for _, it in run.all(Attribute)
            )
            if not trains and (empty or one.raised is None) and not given_back and not asked:
                yield expect("HL306", one.line)
    for at, flag in run.all(Flag):
        if flag.name != "requires_grad" or not flag.value:
            continue
        now = run.flagged(at)
        woken = {number for number in flag.parameters if now.get(number) is False}
        grads = set().union(*(got for when, got in learned if when > at))
        before = {one.number for index, one in run.all(Optimizer) if index < at}
        stepping = any(when > at and step.optimizer in before for when, step in steps)
        if woken and stepping and not woken & run.held and woken & grads:
            yield expect("HL307", flag.line)


def names(run: Run) -> Iterator[Expected]:
    """HL308."""
    for node in ast.walk(ast.parse(run.text)):
        if not isinstance(node, ast.For) or "named_parameters" not in ast.unparse(node.iter):
            continue
        if node.lineno not in run.trace.rounds:
            continue
        for test in node.body:
            if not isinstance(test, ast.If) or len(test.body) != 1 or not isinstance(test.body[0], ast.Assign):
                continue
            assign = test.body[0]
            if "requires_grad" not in ast.unparse(assign.targets[0]) or not isinstance(assign.value, ast.Constant):
                continue
            words = {n.value for n in ast.walk(test.test) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
            telling = {word.strip("._").lower() for word in words}
            yield from _filtered(run, test.test.lineno, assign.lineno, bool(assign.value.value), telling)


def _filtered(run: Run, line: int, written_at: int, value: bool, telling: set[str]) -> Iterator[Expected]:
    if len(run.builds) != 1:
        return
    model = run.builds[0]
    written = [(at, one) for at, one in run.all(Flag) if one.line == written_at and one.name == "requires_grad"]
    now = run.inside(model, run.last)
    if not now or (run.trace.raised is not None and run.trace.raised.lines and run.trace.raised.lines[-1] < line):
        return
    if not written:
        if all(flag is not value for _, flag in now.values()):
            yield expect("HL308", line)
        return
    caught = {number for _, one in written for number in one.parameters}
    head = {number for _, put in run.surgeries for number in run.parameters(put.new or 0)}
    flags_now = dict(now.values())
    if value and telling & HEADS and head and not head & caught and not any(flags_now.get(one, True) for one in head):
        yield expect("HL308", line)
    if not value and telling & HEADS and flags_now.keys() <= caught and not any(flags_now.values()):
        # All but the head was meant; of a new one it may be told where it is frozen.
        yield Expected(("HL308", "HL301"), frozenset({line, written_at})) if head else expect("HL308", line)
    if not value and telling & NORMS:
        norms = {
            number
            for path, module in run.last.modules.get(str(model), {}).items()
            if run.kind(module).startswith("BatchNorm")
            for number, _ in run.inside(module, run.last).values()
        }
        left = norms - caught
        if left and caught <= norms and all(flags_now[one] for one in left):
            yield expect("HL308", line)


def norms(run: Run) -> Iterator[Expected]:
    """HL310, HL311 and HL312."""
    steps = [index for index, step in run.all(Step) if not step.by_trainer]
    slept = {one.module for _, one in run.all(Mode) if not one.training}
    calls = [index for index, call in run.all(Call) if not (call.by_us or set(run.builds).isdisjoint(call.called))]
    # A softmax, or a layer by itself, makes something else of what was called last.
    fed = {
        max((index for index in calls if index < at), default=None)
        if loss.squashed or (loss.call is not None and loss.call not in calls)
        else loss.call
        for at, loss in run.all(Loss)
    }
    for index, call in run.all(Call):
        learned = [at for at, one in run.all(Backward) if at > index and one.raised is None]
        if call.by_us or not call.training or not call.counts or not learned or not any(at > index for at in steps):
            continue
        if index not in fed:
            # Detectors make their losses themselves.
            continue
        at, snapshot = learned[0], run.before(learned[0])
        frozen, undone = [], []
        for norm in call.counts:
            own = run.inside(norm, snapshot)
            alone = norm in slept
            # What is unfrozen later is frozen again when all is over, more often than not.
            trained, later = run.inside(norm, run.before(steps[-1])), run.inside(norm, run.last)
            stays = own and not any(flag for _, flag in (*own.values(), *trained.values(), *later.values()))
            if norm in run.trace.origin and stays and not alone:
                frozen.append({number for number, _ in own.values()})
            if alone and run.kind(norm).startswith("BatchNorm"):
                undone.append(norm)
        if frozen:
            writes = [
                one for when, one in run.all(Flag) if when < at and not one.value and frozen[0] & set(one.parameters)
            ]
            if writes:
                yield expect("HL310", writes[-1].line)
        if undone:
            modes = [one for when, one in run.all(Mode) if when < index and one.training]
            if modes:
                yield expect("HL311", modes[-1].line)
    for _, mode in run.all(Mode):
        name = mode.function.lower()
        if mode.training or not ("freez" in name or "frozen" in name) or any(word in name for word in ("bn", "norm")):
            continue
        now = {number for number, _ in run.inside(mode.module, run.last).values()}
        flags = [one for at, one in run.all(Flag) if one.name == "requires_grad" and at < max(steps, default=at)]
        written = {number for one in flags for number in one.parameters}
        changed = {number for _, one in run.all(Step) if not one.by_trainer for number in one.changed}
        if now and not now & written and now <= run.held and now & changed:
            yield expect("HL312", mode.line)


def losses(run: Run) -> Iterator[Expected]:
    """HL314, HL401 and HL402."""
    for index, one in run.all(Backward):
        if one.raised is None or "does not require grad" not in one.raised.message:
            continue
        calls = [call for at, call in run.all(Call) if at < index and not call.by_us]
        if calls and not calls[-1].recorded:
            yield expect("HL314", one.line)
    for index, loss in run.all(Loss):
        now = run.behind(index)
        standing = {number for modules in now.modules.values() for number in modules.values()}
        raw = loss.name in ("cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss")
        lonely = loss.name == "cross_entropy" and len(loss.shape) == 2 and loss.shape[1] == 1 and loss.value == 0
        if raw and loss.squashed and (loss.sums_to_one if loss.name == "cross_entropy" else loss.in_unit):
            yield either(run, loss.squashed) if lonely else expect("HL401", loss.squashed)
            continue
        if loss.call is None or len(loss.shape) != 2 or loss.last not in standing:
            continue
        head = next((put for _, put in run.surgeries if loss.last in run.subtree(put.new or 0, now)), None)
        lines = frozenset({run.trace.made.get(loss.last, 0)} | ({head.line} if head else set()))
        kind = run.kind(loss.last)
        if lonely and head is None:
            yield either(run, *lines)
        elif lonely and head is not None:
            yield Expected(("HL402",), run.lines_of_head(head.new or 0, head))
        elif raw and ((kind.startswith("Softmax") and loss.sums_to_one) or (kind == "Sigmoid" and loss.in_unit)):
            yield Expected(("HL401",), lines)


def either(run: Run, *lines: int) -> Expected:
    """One number is 1 behind a softmax, and its cross entropy 0 without one, too: of the two either may be told."""
    heads = (run.lines_of_head(put.new, put) for _, put in run.surgeries if put.new is not None)
    return Expected(("HL401", "HL402"), frozenset(lines).union(*heads))


JUDGES = (
    unused, missing, sizes, counts, auxiliary, builders, predictors, instances, forwards, lost_relu, dead, freezing, flags, optimizers, names,
    norms, losses,
)  # fmt: skip
