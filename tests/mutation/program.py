"""Programs as lists of sites that can be edited: the ground that mutants are made on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from npuemu.asm.errors import Location
from npuemu.asm.program import Program
from npuemu.isa.codec import Reg, Value, decode, encode
from npuemu.isa.table import PIPES, Isa, Record
from npuemu.isa.table import load as load_isa

Edits = dict[tuple[str, int], tuple[int, ...]]
"""Words that stand in for an instruction, by section and index; none removes it."""
Line = tuple[str, str, int]
"""Section, file (its name) and line number."""


@dataclass(frozen=True, eq=False)
class Site:
    """An instruction in its place. ``path``: its line and the macro calls around it, ``turn``:
    which of the instructions with this path. Both are the same at every shape of the kernel.
    """

    section: str
    index: int
    record: Record
    values: dict[str, Value]
    path: tuple[tuple[str, int], ...]
    turn: int

    @property
    def identity(self) -> tuple[object, ...]:
        """What stays the same from shape to shape."""
        return self.section, self.path, self.turn

    @property
    def line(self) -> Line:
        """The line that spells it; its expansions share it."""
        return (self.section, *self.path[0])

    @property
    def pipes(self) -> tuple[str, str]:
        """Source and destination of a flag."""
        return PIPES[int(self.values["src"])], PIPES[int(self.values["dst"])]  # type: ignore[arg-type]

    def words(self, **changed: Value) -> int:
        """The word with other operands."""
        return encode(self.record, {**self.values, **changed})

    def __str__(self) -> str:
        """``wait_flag MTE1, MTE2, r23 at cube_gemm.inc:99 (from kernel.npu:22)``."""
        text = [_shown(self.record, name, value) for name, value in self.values.items()]
        file, number = self.path[0]
        calls = ", ".join(f"{f}:{n}" for f, n in self.path[1:])
        turn = f" #{self.turn + 1}" if self.turn else ""
        whence = f" (from {calls})" if calls else ""
        return f"{self.record.name} {', '.join(text)} at {file}:{number}{turn}{whence}"


def _shown(record: Record, name: str, value: Value) -> str:
    if isinstance(value, Reg):
        return str(value)
    operand = next(o for o in record.operands if o.name == name)
    return str(operand.enum.symbol(value)) if operand.enum is not None else str(value)


@cache
def isa() -> Isa:
    """The instruction table."""
    return load_isa()


@cache
def word_meaning(word: int) -> tuple[Record, dict[str, Value]]:
    """A decoded word."""
    return decode(isa(), word)


@cache
def _name(file: str) -> str:
    return Path(file).name


def _path(location: Location) -> tuple[tuple[str, int], ...]:
    places = ((location.file, location.line), *((p.file, p.line) for p in location.trace))
    return tuple((_name(file), line) for file, line in places)


def sites(program: Program) -> list[Site]:
    """Every instruction of a program."""
    found = []
    for section, words in program.code.items():
        seen: Counter[tuple[object, ...]] = Counter()
        for index, word in enumerate(words):
            location = program.locations[section][index]
            key = (location, word & 0xFF)
            record, values = word_meaning(word)
            site = Site(section, index, record, values, _path(location), seen[key])
            seen[key] += 1
            found.append(site)
    return found


def edited(program: Program, edits: Edits) -> Program:
    """The program with some instructions replaced, removed or wrapped; every instruction keeps the
    line it came from, every jump its target.
    """
    code, locations = dict(program.code), dict(program.locations)
    for section in {section for section, _ in edits}:
        old = program.code[section]
        parts = [edits.get((section, i), (word,)) for i, word in enumerate(old)]
        moved = [0]
        for part in parts:
            moved.append(moved[-1] + len(part))
        words = [word for part in parts for word in part]
        if moved[-1] != len(old) or any(len(part) != 1 for part in parts):
            words = [_moved(word, moved) if _labels(word) else word for word in words]
        code[section] = tuple(words)
        locations[section] = tuple(
            place
            for place, part in zip(program.locations[section], parts, strict=True)
            for _ in part
        )
    return replace(program, code=code, locations=locations)


@cache
def _labels(word: int) -> tuple[str, ...]:
    """Operands of a word that name an instruction."""
    return tuple(o.name for o in word_meaning(word)[0].operands if o.kind == "label")


def _moved(word: int, moved: list[int]) -> int:
    """A word whose labels follow the instructions they name."""
    record, values = word_meaning(word)
    return encode(record, {**values, **{n: moved[int(values[n])] for n in _labels(word)}})  # type: ignore[arg-type]
