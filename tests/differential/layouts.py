"""More ways to lay out a program about one classifier: registries, tables, base classes, settings, closures."""

from __future__ import annotations

from collections.abc import Callable

from differential import training
from differential.architectures import CHEAP, MIXED
from differential.drafts import Draft, draft_of, right_draft, surgery_of
from differential.drawing import Draw
from differential.mistakes import MODEL
from differential.program import Program
from differential.styles import program_of
from differential.writing import DATA, class_count, indented, joined


def _made(draft: Draft, surgery: str) -> str:
    """The body of what makes the model: with its surgery, unless the optimizer comes before that."""
    return joined(
        f"model = {draft.build}",
        "model.to(device)" if draft.move == "first" else "",
        "" if draft.early_optimizer else surgery,
        "return model",
    )


def _training(draft: Draft, classes: str, surgery: str = "") -> str:
    """What comes behind it; with its `surgery` behind the optimizer, if that comes early."""
    move = "" if draft.move in ("none", "first") else "model.to(device)"
    early = draft.early_optimizer
    return joined(
        "" if early else move,
        draft.filled(draft.optimizer, "model", "model", classes),
        joined(surgery, move) if early else "",
        f"criterion = {draft.criterion}",
        draft.filled(draft.loop, "model", "model", classes),
        draft.filled(draft.ending, "model", "model", classes),
    )


def _any_training(draw: Draw, draft: Draft) -> str:
    """Training that every head allows."""
    generic = draw.pick(["all", "adam", "filter", "list", "scheduled"])
    return joined(
        draft.filled(training.optimizers(draft.one)[generic], "model", "model", ""),
        "criterion = nn.CrossEntropyLoss()",
        draft.filled(training.LOOPS["plain"], "model", "model", ""),
    )


def _registry(draw: Draw) -> Program:
    """Functions that a decorator puts into a table."""
    drafts = [draft_of(draw, draw.pick(CHEAP), MODEL), right_draft(draw, draw.pick(CHEAP))]
    if drafts[0].one.builder == drafts[1].one.builder:
        drafts = drafts[:1]
    text = "MODELS = {}\n\n\ndef register(name):\n    def add(function):\n        MODELS[name] = function\n        return function\n    return add\n\n"
    for draft in drafts:
        body = joined(f"model = {draft.build}", surgery_of(draft, "model", "num_classes"), "return model")
        text += f'\n@register("{draft.one.builder}")\ndef make_{draft.one.builder}(num_classes):\n{indented(body)}\n'
    classes, define = class_count(draw)
    name = f'"{drafts[0].one.builder}"' if draw.coin() else "sys.argv[1]"
    text += "\n" + joined(DATA, define, f"model = MODELS[{name}]({classes})", _any_training(draw, drafts[0]))
    runs = [(draft.one.builder,) for draft in drafts] if name == "sys.argv[1]" else [()]
    return program_of(text, drafts, runs)


def _settings(draw: Draw) -> Program:
    """A dict of settings, or a namespace, that says what is done."""
    draft = draft_of(draw, draw.pick(MIXED))
    kind = draw.pick(["dict", "nested", "namespace", "dataclass"])
    options = {
        "dict": ("CONFIG = {'freeze': True, 'classes': 6}\n", "CONFIG['freeze']", "CONFIG['classes']"),
        "nested": ("CONFIG = {'model': {'freeze': True, 'classes': 6}}\n", "CONFIG['model'].get('freeze', False)", "CONFIG['model']['classes']"),
        "namespace": ("from types import SimpleNamespace\n\nCONFIG = SimpleNamespace(freeze=True, classes=6)\n", "CONFIG.freeze", "CONFIG.classes"),
        "dataclass": ("@dataclass(frozen=True)\nclass Config:\n    freeze: bool = True\n    classes: int = 6\n\n\nCONFIG = Config()\n", "CONFIG.freeze", "CONFIG.classes"),
    }  # fmt: skip
    define, flag, classes = options[kind]
    before = f"if {flag}:\n{indented(draft.before)}" if draft.before else ""
    surgery = draft.filled(joined(before, draft.head, draft.behind), "model", "model", classes)
    text = f"{define}\n\ndef build():\n{indented(_made(draft, surgery))}\n\n" + joined(
        DATA, "model = build()", _training(draft, classes, surgery)
    )
    return program_of(text, [draft])


def _hierarchy(draw: Draw) -> Program:
    """A base class that leaves the model to what inherits from it."""
    draft = draft_of(draw, draw.pick(MIXED))
    classes, define = class_count(draw)
    build = _made(draft, surgery_of(draft, "model", "self.num_classes"))
    way = draw.pick(["object", "module", "property"])
    if way == "module":
        text = (
            "class Base(nn.Module):\n    def __init__(self, num_classes):\n        super().__init__()\n        self.num_classes = num_classes\n"
            "        self.model = self.build()\n\n    def build(self):\n        raise NotImplementedError\n\n    def forward(self, x):\n"
            f"        return self.model(x)\n\n\nclass Net(Base):\n    def build(self):\n{indented(build, 2)}\n\n"
        )
        make = f"model = Net({classes}).model"
    elif way == "property":
        text = (
            "class Task:\n    def __init__(self, num_classes):\n        self.num_classes = num_classes\n        self._model = None\n\n"
            f"    def _build(self):\n{indented(build, 2)}\n    @property\n    def model(self):\n        if self._model is None:\n"
            "            self._model = self._build()\n        return self._model\n\n"
        )
        make = f"task = Task({classes})\nmodel = task.model"
    else:
        text = (
            "class Base:\n    def __init__(self, num_classes):\n        self.num_classes = num_classes\n\n    def build(self):\n"
            f"        raise NotImplementedError\n\n\nclass Task(Base):\n    def build(self):\n{indented(build, 2)}\n"
            "    @classmethod\n    def of(cls, num_classes):\n        return cls(num_classes).build()\n\n"
        )
        make = f"model = Task.of({classes})"
    text += "\n" + joined(DATA, define, make, _training(draft, classes, surgery_of(draft, "model", classes)))
    return program_of(text, [draft])


def _closure(draw: Draw) -> Program:
    """Functions that return functions, a `main` behind the usual guard, and everything in a `try`."""
    draft = draft_of(draw, draw.pick(MIXED))
    classes, define = class_count(draw)
    body = _made(draft, surgery_of(draft, "model", "num_classes"))
    text = f"def maker(num_classes):\n    def make():\n{indented(body, 2)}\n    return make\n\n"
    main = joined(
        DATA,
        define,
        f"make = maker({classes})",
        "model = make()",
        _training(draft, classes, surgery_of(draft, "model", classes)),
    )
    if draw.coin():
        main = joined("try:", indented(main), "except KeyboardInterrupt:\n    print('interrupted')")
    text += f'\ndef main():\n{indented(main)}\n\nif __name__ == "__main__":\n    main()\n'
    return program_of(text, [draft])


def _table(draw: Draw) -> Program:
    """A dict of functions that each put a head into a model, one of which is taken, by name or by `match`."""
    drafts = [draft_of(draw, draw.pick(CHEAP), MODEL), *(right_draft(draw, draw.pick(CHEAP)) for _ in range(2))]
    drafts = list({draft.one.builder: draft for draft in reversed(drafts)}.values())[::-1]
    text = ""
    for draft in drafts:
        body = joined(surgery_of(draft, "model", "num_classes"), "return model")
        text += f"def adapt_{draft.one.builder}(model, num_classes):\n{indented(body)}\n\n"
    classes, define = class_count(draw)
    if draw.coin():
        rows = "".join(f'    "{d.one.builder}": (lambda: {d.build}, adapt_{d.one.builder}),\n' for d in drafts)
        text += f"TABLE = {{\n{rows}}}\n\n"
        make = joined("build, adapt = TABLE[sys.argv[1]]", f"model = adapt(build(), {classes})")
    else:
        cases = "".join(
            f'        case "{d.one.builder}":\n            model = {d.build}\n            model = adapt_{d.one.builder}(model, num_classes)\n'
            for d in drafts
        )
        text += f"def make(name, num_classes):\n    match name:\n{cases}        case _:\n            raise ValueError(name)\n    return model\n\n"
        make = f"model = make(sys.argv[1], {classes})"
    text += joined(DATA, define, make, _any_training(draw, drafts[0]))
    return program_of(text, drafts, [(draft.one.builder,) for draft in drafts])


def _arguments(draw: Draw) -> Program:
    """Everything by `argparse`, with switches for what is done."""
    draft = draft_of(draw, draw.pick(MIXED))
    before = f"if args.freeze:\n{indented(draft.before)}" if draft.before else ""
    surgery = draft.filled(joined(before, draft.head, draft.behind), "model", "model", "args.classes")
    text = f"def create(args):\n{indented(_made(draft, surgery))}\n\n"
    parse = (
        "import argparse\n\nparser = argparse.ArgumentParser()\nparser.add_argument('--classes', type=int, default=3)\n"
        "parser.add_argument('--freeze', action='store_true')\nparser.add_argument('--lr', type=float, default=1e-3)\nargs = parser.parse_args()\n"
    )
    text += joined(parse, DATA, "model = create(args)", _training(draft, "args.classes", surgery))
    return program_of(text, [draft], [(), ("--freeze", "--classes", "5")])


STYLES: dict[str, Callable[[Draw], Program]] = {
    "registry": _registry,
    "settings": _settings,
    "hierarchy": _hierarchy,
    "closure": _closure,
    "table": _table,
    "arguments": _arguments,
}
