"""How a program writes what it imports, and the import that it lacks."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from headlint.mends.mend import Change, Insert
from headlint.mends.scene import Scene
from headlint.source.nodes import FROM_IMPORTS, IMPORTS


def written(scene: Scene, name: str) -> tuple[str, tuple[Change, ...]]:
    """How the program writes a dotted name such as `torch.nn.Linear`, with the import for that if there is none yet."""
    found = [alias + name[len(path) :] for path, alias in _imported(scene) if f"{name}.".startswith(f"{path}.")]
    if found:
        return min(found, key=len), ()
    module, _, last = name.rpartition(".")
    line, code = f"from {module} import {last}", last
    if module == "torch.nn":
        line, code = "from torch import nn", f"nn.{last}"
    leading = list(_leading_imports(scene))
    for statement in leading:
        if scene.code(statement).removeprefix("lazy ").split()[1].startswith("torchvision") and module.startswith(
            "torch."
        ):
            return code, (Insert(line, statement, behind=False),)
    return (code, (Insert(line, leading[-1], behind=True),)) if leading else (name, ())


def _imported(scene: Scene) -> Iterator[tuple[str, str]]:
    """What the module imports, each with the name it goes by."""
    for statement in _imports(scene):
        names = statement.names
        if isinstance(names, cst.ImportStar):
            continue
        module = ""
        if isinstance(statement, FROM_IMPORTS):
            if statement.relative or statement.module is None:
                continue
            module = f"{scene.code(statement.module)}."
        for alias in names:
            path = module + scene.code(alias.name)
            known_as = alias.asname.name if alias.asname is not None else None
            if isinstance(known_as, cst.Name):
                yield path, known_as.value
            elif isinstance(statement, FROM_IMPORTS):
                yield path, path.rpartition(".")[2]
            else:
                yield path, path
                # `import torchvision.models` also binds torchvision, and torch loads all of its own.
                yield path.partition(".")[0], path.partition(".")[0]


def _imports(scene: Scene) -> Iterator[cst.Import | cst.ImportFrom]:
    for statement in scene.block(scene.program.tree.body[0]) if scene.program.tree.body else ():
        if isinstance(statement, (*IMPORTS, *FROM_IMPORTS)):
            yield statement


def _leading_imports(scene: Scene) -> Iterator[cst.CSTNode]:
    """The imports that stand before all other code."""
    begun = False
    for statement in scene.block(scene.program.tree.body[0]):
        if isinstance(statement, (*IMPORTS, *FROM_IMPORTS)):
            begun = True
            yield statement
        elif begun:
            return
