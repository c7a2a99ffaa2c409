"""Names and what they stand for, in nested lexical scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from npuemu.asm.errors import Place
from npuemu.asm.lexer import LineError
from npuemu.asm.syntax import Name
from npuemu.isa.codec import Reg

RESERVED = frozenset({"MACHINE", "BLOCKS"})


@dataclass(frozen=True, slots=True)
class Symbol:
    """A bare name handed to a macro, or MACHINE: its spelling, and its value if it has one.

    ``frames``: for a local label, the expansions to search for it, innermost first.
    """

    name: str
    value: int | Fraction | Reg | None = None
    frames: tuple[int, ...] = ()


Value: TypeAlias = int | Fraction | Reg | Symbol


@dataclass(slots=True)
class Scope:
    """Definitions of one region of text; inner regions see the outer ones and may hide them."""

    parent: Scope | None = None
    values: dict[str, Value] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """The innermost definition, or None."""
        scope = self
        while scope.parent is not None:
            value = scope.values.get(name)
            if value is not None:
                return value
            scope = scope.parent
        return scope.outermost(name)

    def outermost(self, name: str) -> Value | None:
        """A definition of a scope without parent; the global scope adds predefined names."""
        return self.values.get(name)

    def names(self) -> list[str]:
        """Every visible name."""
        found: list[str] = []
        scope: Scope | None = self
        while scope is not None:
            found.extend(scope.values)
            scope = scope.parent
        return found

    def define(self, name: Name, value: Value, place: Place) -> None:
        """Add a definition; one name has one meaning in a scope."""
        check_name(name)
        if name.name in self.values:
            first = self.places.get(name.name)
            where = f", first at {first}" if first else ""
            message = f"'{name.name}' is defined twice{where}"
            raise LineError("A202", message, name.span)
        self.values[name.name] = value
        self.places[name.name] = place


def check_name(name: Name) -> None:
    """Refuse registers, predefined names and the spelling of expanded local labels."""
    text = name.name
    if text in RESERVED or (text[0] == "r" and text[1:].isdigit()):
        raise LineError("A203", f"'{text}' is reserved", name.span)
    if "@" in text:
        raise LineError("A203", "'@' is for labels", name.span)
