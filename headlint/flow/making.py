"""Modules that the code makes: each enters the heap, and its making the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headlint.flow import modules
from headlint.flow.state import Children, ContainerObject, LayerObject, OpaqueObject, PartObject, State
from headlint.flow.value import Instance, Module
from headlint.history import Argument, MakeContainer, MakeLayer, MakeOpaque, ModuleRef
from headlint.torchlib.parts import Part, PartTree

if TYPE_CHECKING:
    import libcst as cst


def make_layer(state: State, kind: str, arguments: tuple[tuple[str, Argument], ...], site: cst.CSTNode) -> Module:
    """A new layer."""
    identity = state.identity()
    state.heap[identity] = LayerObject(kind, arguments)
    state.trace.append(MakeLayer(identity, kind, arguments, site=site))
    return Module(ModuleRef(identity, ""))


def make_part(state: State, part: Part, arguments: tuple[tuple[str, Argument], ...], site: cst.CSTNode) -> Module:
    """A new part of the kind that torchvision's models have."""
    identity = state.identity()
    state.heap[identity] = PartObject(part.type, arguments, PartTree(part, dict(arguments)))
    state.trace.append(MakeLayer(identity, part.name, arguments, site=site))
    return Module(ModuleRef(identity, ""))


def make_container(
    state: State, kind: str, children: Children, site: cst.CSTNode, owner: Instance | None = None
) -> Module:
    """A new container over modules that exist; `owner` is the instance of a class of the file that becomes it."""
    identity = state.identity() if owner is None else owner.identity
    ref = ModuleRef(identity, "")
    state.heap[identity] = ContainerObject(kind, owner=None if owner is None else modules.owner_of(state, identity))
    state.children[ref] = children
    present = tuple((name, child) for name, child in children if child is not None)
    state.trace.append(MakeContainer(identity, kind, present, site=site))
    return Module(ref)


def make_opaque(state: State, description: str, site: cst.CSTNode) -> Module:
    """A new module of which nothing more is known."""
    identity = state.identity()
    state.heap[identity] = OpaqueObject(description)
    state.trace.append(MakeOpaque(identity, description, site=site))
    return Module(ModuleRef(identity, ""))
