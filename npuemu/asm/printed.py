"""What a ``.print`` shows, as a value: the assembler makes it, the run fills it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from npuemu.asm.errors import Location

INTEGER_FORMS = ("d", "u", "x", "b")
"""How a 64-bit number is written: signed, unsigned, hexadecimal, binary."""
WORD_FORMS = {"x8": 8, "x16": 16, "x32": 32, "x64": 64}
"""Hexadecimal words of a memory, with their bits."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A number: a register's (``register`` 0 .. 31), or ``constant`` where that is None.

    form: one of `INTEGER_FORMS`, or a number format, of which the low bits are the code.
    """

    register: int | None
    constant: int
    form: str


@dataclass(frozen=True, slots=True)
class ShownBytes:
    """``count`` elements of a memory from byte ``offset`` (plus a register's value) on.

    form: a number format or one of `WORD_FORMS`. Only bytes of [low, high) are shown; ``high``
    None is the memory's end. ``name``: what the text calls them.
    """

    name: str
    memory: str
    register: int | None
    offset: int
    form: str
    count: int
    low: int
    high: int | None


Piece: TypeAlias = str | Shown | ShownBytes


@dataclass(frozen=True, slots=True)
class Print:
    """A line of output behind instruction ``index`` of a section; ``where`` is the directive."""

    index: int
    where: Location
    pieces: tuple[Piece, ...]
