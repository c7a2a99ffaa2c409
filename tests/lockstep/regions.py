"""What an instruction touches, from its record: byte masks by memory, in plain Python."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

from npuemu.isa import shapes
from npuemu.isa.table import MEM, MEMORIES, Operand, Record, load
from tests.isa.naive import tables

ISA = load()
ONES = (1 << 64) - 1
WIDEST = 1 << 16
"""Bytes from the first to the last of a region that a random instruction may touch."""


@dataclass(frozen=True)
class Mask:
    """The vector mask as the scalar unit holds it; ``low`` counts elements in counter mode."""

    low: int = ONES
    high: int = ONES
    counter: bool = False

    def bits(self, lanes: int) -> int:
        """Active lanes of a repeat in bit-mask mode."""
        return (self.high << 64 | self.low) & ((1 << lanes) - 1)


@dataclass(frozen=True)
class Span:
    """Bytes of one memory: bit i of ``bits`` stands for byte ``first + i``."""

    mem: str
    write: bool
    first: int
    bits: int
    holes: bool = False
    """Not every byte of it is touched for sure: lanes that a bit mask leaves out."""
    folded: bool = False
    """Some bytes of it are touched more than once."""

    @property
    def stop(self) -> int:
        """One past the last byte."""
        return self.first + self.bits.bit_length()


@dataclass(frozen=True)
class Touch:
    """A legal instruction's spans and amounts of work."""

    spans: tuple[Span, ...]
    units: int
    macs: int
    elements: int


class Refused(Exception):
    """Operands that the instruction does not take, or that reach too far."""


class _Rows:
    """Region rows; ``a + b`` of the tables joins them."""

    def __init__(self, rows: list[tuple[int, ...]]) -> None:
        self.rows = rows

    def __add__(self, other: _Rows) -> _Rows:
        return _Rows(self.rows + other.rows)


def _shape(name: str, front: tuple[int, ...] = (), behind: tuple[int, ...] = ()) -> Any:
    function = getattr(shapes, name)

    def call(*arguments: int) -> _Rows:
        rows: list[tuple[int, ...]] = []
        function(rows, 0, 0, *front, *arguments, *behind)
        return _Rows(rows)

    return call


@cache
def _compiled(text: str) -> CodeType:
    return compile(text, text, "eval")


@cache
def _names() -> dict[str, Any]:
    plain = ("linear", "strided", "nest", "nz_out", "fractal_tile")
    found = tables() | {name: _shape(name) for name in plain}
    found["l0c_tile"] = _shape("l0c_tile", (MEM["L0C"],))
    found["__builtins__"] = {}
    return found


def _vector(env: dict[str, Any], mask: Mask) -> bool:
    """Repeats and lanes of a vector instruction; whether the mask leaves out lanes in between."""
    lanes, rep, packed = env["lanes"], env["rep"], env.get("pack", 1) == 2
    if mask.counter:
        if packed and mask.low % 2:
            raise Refused("half a byte")
        reps = -(-mask.low // lanes)
        last = mask.low - (reps - 1) * lanes if reps else 0
        env.update(reps=reps, last=last, counter=1, active=mask.low)
        return False
    bits: int
    if lanes > 128 or packed:
        if mask != Mask():
            raise Refused("8-bit or 4-bit lanes under a bit mask")
        bits, last, count = ONES, lanes, lanes
    else:
        bits = mask.bits(lanes)
        last, count = bits.bit_length(), bits.bit_count()
    env.update(reps=rep, last=last, counter=0, active=rep * count)
    return count != last


def _span(row: tuple[int, ...], write: bool, holes: bool) -> Span:
    mem, _, base, n1, s1, n0, s0, length = row
    if (n1 - 1) * s1 + (n0 - 1) * s0 + length > WIDEST or length > WIDEST:
        raise Refused("too wide")
    run = (1 << length) - 1
    bits = 0
    for j in range(n0):
        bits |= run << j * s0
    inner, bits = bits, 0
    for i in range(n1):
        bits |= inner << i * s1
    return Span(MEMORIES[mem], write, base, bits, holes, bits.bit_count() < n1 * n0 * length)


def check(operand: Operand, value: int) -> None:
    """Range and alignment of an operand's value, as its record says them."""
    if operand.enum is not None or (operand.kind == "reg" and operand.mem is None):
        return
    if not operand.lo <= value <= operand.hi or value % operand.align:
        raise Refused(operand.name)


def touch(record: Record, values: Mapping[str, int], mask: Mask, l0a_nz: bool) -> Touch:
    """The footprint of a data instruction; `Refused` when it is not legal."""
    for operand in record.operands:
        check(operand, values[operand.name])
    env: dict[str, Any] = _names() | dict(values)
    env["a_tile"] = _shape("fractal_tile", (MEM["L0A"],), (int(l0a_nz),))
    env["a_scales"] = _shape("fractal_tile", (MEM["L0A_MX"],), (2, int(l0a_nz)))
    for line in record.let:
        name, _, text = line.partition(" = ")
        env[name] = builtins.eval(_compiled(text), env)  # the tables are our own
    if env.get("bad", 0) != 0:
        raise Refused("operands do not go together")
    holes = False
    if record.pipe == "V":
        holes = _vector(env, mask)
        state = (env["lanes"], env["reps"], env["last"], env["counter"])
        env["vlanes"] = _shape("vlanes", (), state)
        halves = (env["lanes"] // 2, env["reps"], env["last"] // 2, env["counter"])
        env["vpairs"] = _shape("vlanes", (), halves)
    spans = []
    for write, texts in ((False, record.reads), (True, record.writes)):
        for text in texts:
            loose = holes and "vlanes" in text
            rows = builtins.eval(_compiled(text), env).rows
            if sum(row[3] * row[5] for row in rows) > 4096:
                raise Refused("too many runs")
            spans += [_span(row, write, loose) for row in rows]
    totals = (
        builtins.eval(_compiled(t or "0"), env)
        for t in (record.units, record.macs, record.elements)
    )
    return Touch(tuple(spans), *totals)
