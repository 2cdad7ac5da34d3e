"""What torchvision's builders make, as shipped data: look-ups that need neither torch nor torchvision."""

from __future__ import annotations

from headlint.zoo.builders import Builder, Head, builder_at, builder_names, find_builder, head_names, nearest
from headlint.zoo.trees import Multiple, Node, Tree
from headlint.zoo.variants import has_backbone_weights, tree

__all__ = [
    "Builder",
    "Head",
    "Multiple",
    "Node",
    "Tree",
    "builder_at",
    "builder_names",
    "find_builder",
    "has_backbone_weights",
    "head_names",
    "nearest",
    "tree",
]
