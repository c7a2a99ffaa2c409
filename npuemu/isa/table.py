"""Loads the instruction tables (``isa/*.toml``) and proves them well formed.

One record per instruction; everything else in the package is derived from these objects.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from npuemu.data import folder

WORD_BITS = 128
OPCODE_BITS = 8
REGISTERS = 32
MEMORIES = ("GM", "L1", "L0A", "L0B", "L0C", "BT", "FB", "UB", "L0A_MX", "L0B_MX", "UB1")
"""Memory names by number; UB1 is the second vector core's UB as its cube core sees it."""
MEM = {name: number for number, name in enumerate(MEMORIES)}
PIPES = ("S", "V", "M", "MTE1", "MTE2", "MTE3", "FIX")
CORE_PIPES = {
    "cube": ("S", "M", "MTE1", "MTE2", "MTE3", "FIX"),
    "vector": ("S", "V", "MTE2", "MTE3"),
}
TABLES = ("scalar", "sync", "dma", "fix", "cube", "vector")

_KIND = re.compile(r"(?P<base>rd|reg|label|x|xs|u|s|enum:(?P<enum>\w+))(?P<bits>\d*)$")
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)$")


class TableError(Exception):
    """The declared tables contradict themselves; names the record."""


@dataclass(frozen=True)
class EnumSet:
    """Named values of an operand. ``bits`` holds element sizes (an int, or nothing) by symbol."""

    name: str
    width: int
    suffix: bool
    doc: str
    values: dict[str, int]
    bits: dict[str, int]

    @cached_property
    def _symbols(self) -> dict[int, str]:
        return {value: symbol for symbol, value in reversed(self.values.items())}

    def symbol(self, value: int) -> str | None:
        """The symbol of a number, or None."""
        return self._symbols.get(value)


@dataclass(frozen=True)
class Operand:
    """One operand: a field of ``width`` bits at ``lsb``.

    kind: ``rd`` (register written), ``reg`` (register read), ``x`` (top bit 1: an immediate of
    width-1 bits;
    0: a register number in the low 5 bits), ``imm``, ``enum``, ``label`` (instruction index).
    lo, hi: inclusive range of the value, checked at assembly for immediates and at dispatch for
    registers.
    """

    name: str
    kind: str
    lsb: int
    width: int
    signed: bool
    lo: int
    hi: int
    align: int
    default: int | None
    enum: EnumSet | None
    allowed: tuple[str, ...] | None
    mem: str | None
    doc: str

    @property
    def msb(self) -> int:
        """Highest bit of the field."""
        return self.lsb + self.width - 1

    @cached_property
    def _symbols(self) -> tuple[str, ...]:
        assert self.enum is not None
        return self.allowed if self.allowed is not None else tuple(self.enum.values)

    def symbols(self) -> tuple[str, ...]:
        """Enum symbols this operand takes."""
        return self._symbols

    @cached_property
    def immediates(self) -> tuple[int, int]:
        """Lowest and highest immediate that the field of an ``x``, ``imm`` or ``label`` operand
        can hold.
        """
        bits = self.width - 1 if self.kind == "x" else self.width
        if self.signed:
            return max(self.lo, -(1 << (bits - 1))), min(self.hi, (1 << (bits - 1)) - 1)
        return self.lo, min(self.hi, (1 << bits) - 1)


@dataclass(frozen=True)
class Record:
    """One instruction. Expression strings (let, reads, writes, units, macs, elements) see the
    operands by name.
    """

    name: str
    opcode: int
    core: str
    pipe: str
    summary: str
    meaning: str
    operands: tuple[Operand, ...]
    requires: frozenset[str]
    let: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    units: str | None
    macs: str | None
    elements: str | None
    unit: str | None
    table: str
    reserved: int
    """Bits of the word that belong to no field and must be zero."""

    @property
    def is_data(self) -> bool:
        """True when a functional unit executes it (not scalar, not synchronisation)."""
        return self.unit is not None

    @property
    def path(self) -> tuple[str, str] | None:
        """Memories that an instruction moves between, source first; None for all others."""
        if self.table not in ("dma", "fix"):
            return None
        return _memory(self.reads[0]), _memory(self.writes[0])

    @cached_property
    def suffixes(self) -> tuple[Operand, ...]:
        """Operands written as dotted suffixes of the mnemonic."""
        return tuple(o for o in self.operands if o.enum is not None and o.enum.suffix)

    @cached_property
    def labels(self) -> tuple[Operand, ...]:
        """Operands that name an instruction of the section."""
        return tuple(o for o in self.operands if o.kind == "label")

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the operands."""
        return frozenset(o.name for o in self.operands)

    def operand(self, name: str) -> Operand:
        """The operand of that name; KeyError if there is none."""
        for operand in self.operands:
            if operand.name == name:
                return operand
        raise KeyError(name)

    def runs_on(self, core: str) -> bool:
        """Whether a core of this kind (cube, vector) has the instruction."""
        return self.core in ("both", core)


def _memory(shape: str) -> str:
    """The memory that a region expression begins in."""
    if shape.startswith("l0c_tile"):
        return "L0C"
    return next(str(word) for word in re.findall(r"\w+", shape) if word in MEM)


@dataclass(frozen=True, eq=False)
class Isa:
    """The whole instruction set; one is no other, so that what is derived from it can be kept."""

    records: tuple[Record, ...]
    by_name: dict[str, Record]
    by_opcode: dict[int, Record]
    enums: dict[str, EnumSet]


def _enum_sets(path: Path) -> dict[str, EnumSet]:
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: EnumSet(
            name, e["width"], e.get("suffix", False), e["doc"], e["values"], e.get("bits", {})
        )
        for name, e in raw.items()
    }


def _field(kind: str, enums: dict[str, EnumSet]) -> tuple[str, int, bool, int, int, EnumSet | None]:
    """Kind text -> (kind, width, signed, lowest, highest value, enum)."""
    match = _KIND.match(kind)
    if match is None:
        raise TableError(f"unknown operand kind {kind!r}")
    if match["enum"]:
        enum = enums[match["enum"]]
        return "enum", enum.width, False, 0, (1 << enum.width) - 1, enum
    base = match["base"]
    if base in ("rd", "reg"):
        return base, 5, True, -(1 << 63), (1 << 63) - 1, None
    if base == "label":
        return "label", 32, False, 0, (1 << 32) - 1, None
    bits, signed = int(match["bits"]), base in ("xs", "s")
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return (
        ("x", bits + 1, signed, lo, hi, None)
        if base in ("x", "xs")
        else ("imm", bits, signed, lo, hi, None)
    )


def _operand(text: str, enums: dict[str, EnumSet]) -> Operand:
    """Parse ``name kind @lsb [lo..hi] [align=N] [=default] [mem=NAME] [{symbols}] ; doc``."""
    head, _, doc = text.partition(";")
    name, kind_text, at, *attributes = head.split()
    kind, width, signed, lo, hi, enum = _field(kind_text, enums)
    align, default, mem, allowed = 1, None, None, None
    if kind == "x" and signed:
        lo, hi = (
            -(1 << 63),
            (1 << 63) - 1,
        )  # a register operand of a scalar instruction is a whole register
    for attribute in attributes:
        if span := _RANGE.match(attribute):
            lo, hi = int(span[1]), int(span[2])
        elif attribute.startswith("align="):
            align = int(attribute[6:])
        elif attribute.startswith("mem="):
            mem = attribute[4:]
        elif attribute.startswith("{"):
            allowed = tuple(attribute[1:-1].split(","))
        elif attribute.startswith("="):
            default = int(attribute[1:])
        else:
            raise TableError(f"operand {name}: unknown attribute {attribute!r}")
    if mem is not None:
        lo, hi = 0, (1 << 48) - 1
    return Operand(
        name,
        kind,
        int(at[1:]),
        width,
        signed,
        lo,
        hi,
        align,
        default,
        enum,
        allowed,
        mem,
        doc.strip(),
    )


def _reserved(operands: tuple[Operand, ...]) -> int:
    """All bits outside the opcode and the operands' fields."""
    used = (1 << OPCODE_BITS) - 1
    for operand in operands:
        used |= ((1 << operand.width) - 1) << operand.lsb
    return ~used & ((1 << WORD_BITS) - 1)


def _record(raw: dict[str, Any], table: str, enums: dict[str, EnumSet]) -> Record:
    operands = tuple(_operand(text, enums) for text in raw.get("operands", ()))
    return Record(
        name=raw["name"],
        opcode=raw["opcode"],
        core=raw["core"],
        pipe=raw["pipe"],
        summary=raw["summary"],
        meaning=raw["meaning"].strip(),
        operands=operands,
        requires=frozenset(raw.get("requires", ())),
        let=tuple(raw.get("let", ())),
        reads=tuple(raw.get("reads", ())),
        writes=tuple(raw.get("writes", ())),
        units=raw.get("units"),
        macs=raw.get("macs"),
        elements=raw.get("elements"),
        unit=raw.get("unit"),
        table=table,
        reserved=_reserved(operands),
    )


def check(records: tuple[Record, ...]) -> None:
    """Prove that no two records overlap and that the fields of a record do not; TableError
    otherwise.
    """
    names: set[str] = set()
    opcodes: dict[int, str] = {}
    for record in records:
        if record.name in names or record.opcode in opcodes:
            raise TableError(f"{record.name}: name or opcode {record.opcode:#x} declared twice")
        if not 0 < record.opcode < 1 << OPCODE_BITS:
            raise TableError(f"{record.name}: opcode {record.opcode:#x} does not fit")
        names.add(record.name)
        opcodes[record.opcode] = record.name
        used = (1 << OPCODE_BITS) - 1
        for operand in record.operands:
            mask = ((1 << operand.width) - 1) << operand.lsb
            if used & mask or operand.msb >= WORD_BITS:
                raise TableError(
                    f"{record.name}: operand {operand.name} overlaps a field or the word's end"
                )
            used |= mask


@cache
def load() -> Isa:
    """Read and check the tables."""
    place = folder("isa")
    enums = _enum_sets(place / "enums.toml")
    records: list[Record] = []
    for table in TABLES:
        raw = tomllib.loads((place / f"{table}.toml").read_text(encoding="utf-8"))
        records += [_record(entry, table, enums) for entry in raw["instruction"]]
    result = tuple(records)
    check(result)
    return Isa(result, {r.name: r for r in result}, {r.opcode: r for r in result}, enums)
