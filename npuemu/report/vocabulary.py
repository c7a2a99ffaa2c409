"""The words of kernel texts by what they are: what editors and pages colour is derived from here.

Everything comes from where the assembler itself has it: the instruction tables, the grammar's
directives, the blocks, the functions, the types.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from npuemu.asm.blocks import CLOSERS
from npuemu.asm.functions import FUNCTIONS
from npuemu.asm.parser import grammar
from npuemu.asm.program import DTYPE_BITS, ROLES, SECTIONS
from npuemu.asm.scope import RESERVED
from npuemu.isa.table import MEMORIES, PIPES, REGISTERS, Record, load

BRANCHES = ("elif", "else")
"""Directives inside a block that are neither its first nor its last line."""


@dataclass(frozen=True)
class Choice:
    """An operand that takes names: `place` is its position, or None if it has a default."""

    operand: str
    values: tuple[str, ...]
    place: int | None


@dataclass(frozen=True)
class Group:
    """Mnemonics of one pipe class (`scalar`, `sync`, or a pipe in lower case), same choices."""

    pipe: str
    choices: tuple[Choice, ...]
    mnemonics: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """All words; directives are without their dot."""

    groups: tuple[Group, ...]
    suffixes: tuple[str, ...]
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    declarations: tuple[str, ...]
    """Directives that are no part of a block."""
    types: tuple[str, ...]
    roles: tuple[str, ...]
    sections: tuple[str, ...]
    memories: tuple[str, ...]
    pipes: tuple[str, ...]
    functions: tuple[str, ...]
    reserved: tuple[str, ...]
    registers: int


def _pipe_class(record: Record) -> str:
    """`sync` for the table of flags, `scalar` for S, else the pipe's name."""
    if record.table == "sync":
        return "sync"
    return "scalar" if record.pipe == "S" else record.pipe.lower()


def _choices(record: Record) -> tuple[Choice, ...]:
    operands = [o for o in record.operands if o not in record.suffixes]
    return tuple(
        Choice(o.name, o.symbols(), None if o.default is not None else place)
        for place, o in enumerate(operands)
        if o.enum is not None
    )


def _groups() -> tuple[Group, ...]:
    found: dict[tuple[str, tuple[Choice, ...]], list[str]] = {}
    for record in load().records:
        found.setdefault((_pipe_class(record), _choices(record)), []).append(record.name)
    return tuple(Group(*key, tuple(sorted(names))) for key, names in sorted(found.items(), key=str))


def _suffixes() -> tuple[str, ...]:
    """Symbols of every operand that is written as a suffix, in the order of the tables."""
    operands = (operand for record in load().records for operand in record.suffixes)
    return tuple(dict.fromkeys(symbol for operand in operands for symbol in operand.symbols()))


@cache
def vocabulary() -> Vocabulary:
    """The words of the language of this version."""
    openers, closers = tuple(CLOSERS.values()), tuple(CLOSERS)
    blocks = {*openers, *closers, *BRANCHES}
    directives = [directive.removeprefix(".") for directive in grammar().directives]
    return Vocabulary(
        groups=_groups(),
        suffixes=_suffixes(),
        openers=openers,
        closers=closers,
        declarations=tuple(sorted(name for name in directives if name not in blocks)),
        types=tuple(DTYPE_BITS),
        roles=ROLES,
        sections=SECTIONS,
        memories=MEMORIES,
        pipes=PIPES,
        functions=tuple(FUNCTIONS),
        reserved=tuple(sorted(RESERVED)),
        registers=REGISTERS,
    )
