"""Words: encode and decode, one mapping read in both directions.

A word is 128 bits, little-endian in files: the opcode in bits 7..0, operands where their record
puts them,
every other bit zero (the decoder enforces it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from npuemu.isa.table import OPCODE_BITS, REGISTERS, WORD_BITS, Isa, Operand, Record


class IsaError(Exception):
    """A value that does not fit, or a word that is no instruction. ``operand`` names the field,
    if any.
    """

    def __init__(self, operand: str | None, message: str) -> None:
        super().__init__(message)
        self.operand = operand
        self.message = message


@dataclass(frozen=True, slots=True)
class Reg:
    """A scalar register, r0 .. r31."""

    index: int

    def __str__(self) -> str:
        return f"r{self.index}"


Value = int | Reg


def _check_number(operand: Operand, value: int, lo: int, hi: int) -> None:
    if not lo <= value <= hi:
        raise IsaError(operand.name, f"{operand.name} = {value} is outside {lo} .. {hi}")
    if value % operand.align:
        raise IsaError(
            operand.name, f"{operand.name} = {value} is not a multiple of {operand.align}"
        )


def immediate_range(operand: Operand) -> tuple[int, int]:
    """Lowest and highest immediate that an ``x``, ``imm`` or ``label`` operand can hold."""
    return operand.immediates


def _encode_field(operand: Operand, value: Value) -> int:
    """Value -> raw field bits; IsaError when it does not fit."""
    if operand.kind in ("rd", "reg"):
        if not isinstance(value, Reg):
            raise IsaError(
                operand.name, f"{operand.name} must be a register r0 .. r{REGISTERS - 1}"
            )
        return value.index
    if isinstance(value, Reg):
        if operand.kind != "x":
            raise IsaError(operand.name, f"{operand.name} must be a number, not a register")
        return value.index
    if operand.enum is not None:
        symbol = operand.enum.symbol(value)
        if symbol is None or symbol not in operand.symbols():
            raise IsaError(
                operand.name, f"{operand.name} must be one of {', '.join(operand.symbols())}"
            )
        return value
    _check_number(operand, value, *operand.immediates)
    if operand.kind == "x":
        return 1 << (operand.width - 1) | value & ((1 << (operand.width - 1)) - 1)
    return value & ((1 << operand.width) - 1)


def _decode_field(operand: Operand, raw: int) -> Value:
    """Raw field bits -> value; IsaError when the bits mean nothing."""
    if operand.kind in ("rd", "reg"):
        return Reg(raw)
    bits = operand.width
    if operand.kind == "x":
        bits -= 1
        if not raw >> bits:
            if raw >= REGISTERS:
                raise IsaError(
                    operand.name,
                    f"{operand.name}: reserved bits of a register operand are not zero",
                )
            return Reg(raw)
        raw &= (1 << bits) - 1
    if operand.enum is not None:
        symbol = operand.enum.symbol(raw)
        if symbol is None or symbol not in operand.symbols():
            raise IsaError(operand.name, f"{operand.name}: {raw} names nothing")
        return raw
    value = raw - (1 << bits) if operand.signed and raw >> (bits - 1) else raw
    _check_number(operand, value, *operand.immediates)
    return value


def encode(record: Record, values: Mapping[str, Value]) -> int:
    """Operand values by name -> 128-bit word. Missing operands take their default; IsaError
    names a bad one.
    """
    word = record.opcode
    if not values.keys() <= record.names:
        unknown = set(values) - record.names
        raise IsaError(sorted(unknown)[0], f"{record.name} has no operand {sorted(unknown)[0]}")
    for operand in record.operands:
        value = values.get(operand.name)
        if value is None:
            if operand.default is None:
                raise IsaError(operand.name, f"{record.name} needs operand {operand.name}")
            value = Reg(operand.default) if operand.kind == "reg" else operand.default
        word |= _encode_field(operand, value) << operand.lsb
    return word


def decode(isa: Isa, word: int) -> tuple[Record, dict[str, Value]]:
    """128-bit word -> record and operand values; IsaError when it is no instruction."""
    record, values = meaning(isa, word)
    return record, values.copy()


@lru_cache(1 << 14)
def meaning(isa: Isa, word: int) -> tuple[Record, dict[str, Value]]:
    """`decode`, kept: kernels of one family share most of their words. Not to be changed."""
    record = isa.by_opcode.get(word & ((1 << OPCODE_BITS) - 1))
    if record is None:
        raise IsaError(None, f"no instruction has opcode {word & 0xFF:#04x}")
    if word >> WORD_BITS or word & record.reserved:
        raise IsaError(None, f"{record.name}: reserved bits are not zero")
    return record, {
        o.name: _decode_field(o, word >> o.lsb & ((1 << o.width) - 1)) for o in record.operands
    }
