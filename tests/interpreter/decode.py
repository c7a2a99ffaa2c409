"""Words into instructions, driven by the instruction tables as they stand in `isa/*.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("scalar", "sync", "dma", "fix", "cube", "vector")
PIPES = {"S": 0, "V": 1, "M": 2, "MTE1": 3, "MTE2": 4, "MTE3": 5, "FIX": 6}
ALL_PIPES = 7
KIND = re.compile(r"(rd|reg|label|xs|x|u|s|enum:)(\w*)$")


class BadWord(Exception):
    """A word that is no instruction."""


@dataclass(frozen=True)
class Field:
    """An operand: where it lies in the word and what it may be.

    kind: rd, reg, x (register or immediate), imm, enum, label. bits: of an immediate.
    lo, hi: None where every value goes.
    """

    name: str
    kind: str
    lsb: int
    width: int
    bits: int
    signed: bool
    lo: int | None
    hi: int | None
    align: int
    mem: str | None
    symbols: dict[int, str]


@dataclass(frozen=True)
class Spec:
    """One record of the tables; expressions are compiled."""

    name: str
    core: str
    pipe: str
    data: bool
    fields: tuple[Field, ...]
    used: int
    let: tuple[tuple[str, CodeType], ...]
    reads: tuple[CodeType, ...]
    writes: tuple[CodeType, ...]


@dataclass(frozen=True)
class Instruction:
    """A decoded word.

    values: immediates, names and written registers by operand; registers: the numbers of
    registers that are read; symbols: names of enumerated operands.
    """

    spec: Spec
    values: dict[str, int]
    registers: dict[str, int]
    symbols: dict[str, str]

    @property
    def name(self) -> str:
        """The mnemonic without suffixes."""
        return self.spec.name

    @property
    def pipe(self) -> int:
        """The pipe whose queue takes it; 0 where the scalar unit executes it itself."""
        where = self.spec.pipe
        if where.startswith("operand:"):
            number = self.values[where.partition(":")[2]]
            return 0 if number == ALL_PIPES else number
        return PIPES[where]


@cache
def enums() -> dict[str, Any]:
    """The named values of `isa/enums.toml`."""
    return tomllib.loads((ROOT / "isa/enums.toml").read_text(encoding="utf-8"))


def _field(text: str) -> Field:
    name, kind_text, at, *attributes = text.partition(";")[0].split()
    match = KIND.match(kind_text)
    assert match is not None, text
    base, rest = match[1], match[2]
    symbols: dict[int, str] = {}
    lo = hi = None
    signed = base in ("xs", "s")
    if base == "enum:":
        table = enums()[rest]
        kind, bits, width = "enum", table["width"], table["width"]
        symbols = {number: symbol for symbol, number in table["values"].items()}
    elif base in ("rd", "reg"):
        kind, bits, width = base, 5, 5
    elif base == "label":
        kind, bits, width = base, 32, 32
    else:
        kind, bits = ("x", int(rest)) if base in ("x", "xs") else ("imm", int(rest))
        width = bits + (kind == "x")
        if base == "x":
            lo, hi = 0, (1 << bits) - 1
    align, mem = 1, None
    for attribute in attributes:
        if ".." in attribute:
            low, _, high = attribute.partition("..")
            lo, hi = int(low), int(high)
        elif attribute.startswith("align="):
            align = int(attribute[6:])
        elif attribute.startswith("mem="):
            mem = attribute[4:]
        elif attribute.startswith("{"):
            allowed = attribute.strip("{}").split(",")
            symbols = {number: symbol for number, symbol in symbols.items() if symbol in allowed}
    return Field(name, kind, int(at[1:]), width, bits, signed, lo, hi, align, mem, symbols)


def _compiled(text: str) -> CodeType:
    return compile(text, "<table>", "eval")


def _spec(raw: dict[str, Any]) -> Spec:
    fields = tuple(_field(text) for text in raw.get("operands", ()))
    used = 0xFF
    for field in fields:
        used |= ((1 << field.width) - 1) << field.lsb
    let = []
    for text in raw.get("let", ()):
        name, _, value = text.partition("=")
        let.append((name.strip(), _compiled(value.strip())))
    return Spec(
        raw["name"],
        raw["core"],
        raw["pipe"],
        "unit" in raw,
        fields,
        used,
        tuple(let),
        tuple(map(_compiled, raw.get("reads", ()))),
        tuple(map(_compiled, raw.get("writes", ()))),
    )


@cache
def specs() -> dict[int, Spec]:
    """Every record by its opcode."""
    found: dict[int, Spec] = {}
    for table in TABLES:
        raw = tomllib.loads((ROOT / f"isa/{table}.toml").read_text(encoding="utf-8"))
        for entry in raw["instruction"]:
            assert entry["opcode"] not in found, entry["name"]
            found[entry["opcode"]] = _spec(entry)
    return found


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _number(field: Field, raw: int) -> int:
    value = _signed(raw, field.bits) if field.signed else raw
    if field.lo is not None and not field.lo <= value <= (field.hi or 0):
        raise BadWord(f"{field.name} = {value} is out of range")
    if value % field.align:
        raise BadWord(f"{field.name} = {value} is no multiple of {field.align}")
    return value


@cache
def decode(word: int) -> Instruction:
    """The instruction that a word of 128 bits stands for; `BadWord` if for none."""
    spec = specs().get(word & 0xFF)
    if spec is None or word & ~spec.used:
        raise BadWord(f"{word:#034x}: unknown opcode, or a reserved bit is set")
    values: dict[str, int] = {}
    registers: dict[str, int] = {}
    symbols: dict[str, str] = {}
    for field in spec.fields:
        raw = word >> field.lsb & ((1 << field.width) - 1)
        if field.kind == "reg":
            registers[field.name] = raw
        elif field.kind == "x" and not raw >> field.bits:
            if raw > 31:
                raise BadWord(f"{field.name}: {raw} is no register")
            registers[field.name] = raw
        elif field.kind == "enum":
            if raw not in field.symbols:
                raise BadWord(f"{field.name}: {raw} names nothing")
            values[field.name], symbols[field.name] = raw, field.symbols[raw]
        elif field.kind in ("rd", "label"):
            values[field.name] = raw
        else:
            values[field.name] = _number(field, raw & ((1 << field.bits) - 1))
    return Instruction(spec, values, registers, symbols)
