"""Enum classes of the file: their members are symbols of which it is known that no two are the same."""

from __future__ import annotations

from collections.abc import Mapping

from headlint.flow.state import State
from headlint.flow.value import Class, Constant, External, Function, Property, Symbol, Value

# The bases of an Enum; members of those that mix in a type are equal to their values.
_PLAIN = frozenset({"enum.Enum"})
_MIXED = frozenset({"enum.IntEnum", "enum.StrEnum", "builtins.int", "builtins.str"})
# With one of these a class makes its members in a way of its own.
_OWN = frozenset("__new__ __init__ __eq__ __hash__ __bool__ __getattr__ __getattribute__ _generate_next_value_".split())


def members_of(state: State, owner: Class) -> Mapping[str, Symbol] | None:
    """The members of an Enum of the file by all their names, in order; None for any other class.

    Nor is an Enum known in which some value is not written out, and so may be that of another member.
    """
    if not _is_enum(owner):
        return None
    names = state.frames.get(owner.namespace, {})
    if not _OWN.isdisjoint(names):
        return None
    mixed = any(isinstance(base, External) and base.name in _MIXED for base in owner.bases)
    found: dict[str, Symbol] = {}
    by_value: dict[Value, Symbol] = {}
    for name, value in names.items():
        if isinstance(value, (Function, Property)) or name.startswith("_"):
            continue
        if not isinstance(value, Constant) and not _is_automatic(value):
            return None
        if mixed and not isinstance(value, Constant):
            return None
        member = Symbol("member", (owner, Constant(name), value, Constant(mixed)), f"{owner.node.name.value}.{name}")
        # A second name for a value is a second name for its member.
        found[name] = by_value.setdefault(value, member)
    return found


def _is_enum(owner: Class) -> bool:
    names = [base.name if isinstance(base, External) else "" for base in owner.bases]
    known = all(name in _PLAIN | _MIXED for name in names)
    return known and any(name.startswith("enum.") for name in names)


def _is_automatic(value: Value) -> bool:
    return isinstance(value, Symbol) and value.op == "automatic"


def values_of(state: State, owner: Class) -> tuple[Symbol, ...] | None:
    """What iterating over an Enum gives: each member once; None for any other class."""
    members = members_of(state, owner)
    return None if members is None else tuple(dict.fromkeys(members.values()))


def is_member(value: object) -> bool:
    """Whether a value is a member of an Enum of the file."""
    return isinstance(value, Symbol) and value.op == "member"


def stands_for(value: Value) -> Value | None:
    """The plain value that a member is as good as where it is compared; None for what is no such member."""
    if isinstance(value, Symbol) and value.op == "member" and value.operands[3] == Constant(True):
        return value.operands[2]  # type: ignore[return-value]
    return None


def same_member(left: Value, right: Value, *, identical: bool) -> bool | None:
    """Whether two values are equal (or `identical`), of which one is a member; None where that is not known."""
    if is_member(left) and is_member(right):
        if left == right:
            return True
        return False if identical or (stands_for(left) is None and stands_for(right) is None) else None
    plain = stands_for(left if is_member(left) else right)
    other = right if is_member(left) else left
    if not isinstance(other, Constant):
        return None
    return plain == other if plain is not None and not identical else False


def read_member(member: Symbol, name: str) -> Value | None:
    """What `member.value` and `member.name` give, None for other attributes."""
    if name in ("value", "_value_"):
        return member.operands[2]  # type: ignore[return-value]
    return member.operands[1] if name in ("name", "_name_") else None  # type: ignore[return-value]
