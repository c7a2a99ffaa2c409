"""A record's strings evaluated as Python: what an instruction touches, without the footprint
compiler.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from npuemu.isa.table import MEM, Operand, Record
from tests.isa import bytesets
from tests.isa.operands import ISA

Touched = dict[tuple[int, int], set[int]]
"""Bytes by (memory, write)."""
SOURCE, TARGET = 0, 1


@dataclass
class Mask:
    """What the scalar unit hands to a vector instruction; ``low`` counts elements in counter
    mode.
    """

    low: int = (1 << 64) - 1
    high: int = (1 << 64) - 1
    counter: bool = False


@dataclass
class Footprint:
    """status 0: bytes, units, macs, elements are valid."""

    status: int = 0
    touched: Touched = field(default_factory=lambda: defaultdict(set))
    units: int = 0
    macs: int = 0
    elements: int = 0


SMALL = {"e4m3": 8, "e5m2": 8, "e8m0": 8, "e2m1": 4}


def type_bits(name: str) -> int:
    """Width of a type as its name says it, by its letters or as exponent and mantissa."""
    return SMALL.get(name) or int("".join(c for c in name if c.isdigit()))


def tables() -> dict[str, Any]:
    """Names that the strings may use besides operands."""
    pairs = {n: s.split("_") for s, n in ISA.enums["pair"].values.items()}
    names: dict[str, Any] = dict(MEM)
    for enum in ISA.enums.values():
        if enum.bits:
            names[f"BITS_{enum.name}"] = {n: enum.bits[s] for s, n in enum.values.items()}
    names["SRC_BITS"] = {n: type_bits(sides[SOURCE]) for n, sides in pairs.items()}
    names["DST_BITS"] = {n: type_bits(sides[TARGET]) for n, sides in pairs.items()}
    return names | {"cdiv": lambda a, b: -(-a // b), "max": max, "min": min}


class Touches:
    """Adds up: ``shape(..) + shape(..)`` collects the bytes of both."""

    def __init__(self, parts: list[tuple[int, set[int]]]) -> None:
        self.parts = parts

    def __add__(self, other: Touches) -> Touches:
        return Touches(self.parts + other.parts)


def shapes(env: dict[str, Any], l0a_nz: int) -> dict[str, Any]:
    """The shape functions, and the short forms of the tables."""

    def plain(shape: Any) -> Any:
        return lambda mem, *rest: Touches([(mem, shape(*rest))])

    names = ("linear", "strided", "nest", "nz_out", "fractal_tile")
    found = {name: plain(getattr(bytesets, name)) for name in names}
    tile = bytesets.fractal_tile
    found["a_tile"] = lambda base, rows, kf, row: Touches(
        [(MEM["L0A"], tile(base, rows, kf, row, l0a_nz))]
    )
    found["a_scales"] = lambda base, rows, kf: Touches(
        [(MEM["L0A_MX"], tile(base, rows, kf, 2, l0a_nz))]
    )
    found["l0c_tile"] = lambda *rest: Touches([(MEM["L0C"], bytesets.l0c_tile(*rest))])
    found["vlanes"] = lambda mem, base, blk, rep, size: Touches(
        [
            (
                mem,
                bytesets.vlanes(
                    base, blk, rep, size, env["lanes"], env["reps"], env["last"], env["counter"]
                ),
            )
        ]
    )
    found["vpairs"] = lambda mem, base, blk, rep, size: Touches(
        [(mem, bytesets.vpairs(base, blk, rep, env["lanes"], env["reps"], env["last"],
                               env["counter"]) if size else set())]
    )  # fmt: skip
    return found


def check_operand(operand: Operand, value: int) -> int:
    """Diagnostic of one operand value that comes from a register, 0 if it is fine."""
    if operand.kind == "reg" and operand.mem is None:
        return 0
    if not operand.lo <= value <= operand.hi:
        return 103 if operand.mem is not None else 101
    return 102 if value % operand.align else 0


def vector_state(env: dict[str, Any], mask: Mask) -> int:
    """Repeats, last lane and active lanes, from the definition of the mask."""
    lanes, rep, packed = env["lanes"], env["rep"], env.get("pack", 1) == 2
    if mask.counter:
        if packed and mask.low % 2:
            return 116
        reps = -(-mask.low // lanes)
        last = mask.low - (reps - 1) * lanes if reps else 0
        env.update(reps=reps, last=last, counter=1, active=mask.low)
        return 0
    bits = mask.high << 64 | mask.low
    if lanes > 128 or packed:
        if bits != (1 << 128) - 1:
            return 116
        env.update(reps=rep, last=lanes, counter=0, active=rep * lanes)
        return 0
    bits &= (1 << lanes) - 1
    env.update(reps=rep, last=bits.bit_length(), counter=0, active=rep * bits.bit_count())
    return 0


def evaluate(record: Record, values: dict[str, int], mask: Mask, l0a_nz: int) -> Footprint:
    """The footprint of a record with these operand values; every value is checked as if from a
    register.
    """
    found = Footprint()
    for operand in record.operands:
        if operand.enum is None and (status := check_operand(operand, values[operand.name])):
            found.status = status
            return found
    env: dict[str, Any] = tables() | values
    bad = 0
    for line in record.let:
        name, _, text = line.partition(" = ")
        env[name] = builtins.eval(text, {"__builtins__": {}}, env)  # the tables are our own
        bad = bad or (name == "bad" and env[name] != 0)
    if bad:
        found.status = 101
        return found
    if record.pipe == "V" and (status := vector_state(env, mask)):
        found.status = status
        return found
    env |= shapes(env, l0a_nz)
    for write, texts in ((0, record.reads), (1, record.writes)):
        for text in texts:
            for mem, touched in builtins.eval(text, {"__builtins__": {}}, env).parts:
                found.touched[mem, write] |= touched
    found.touched = {k: v for k, v in found.touched.items() if v}
    for name in ("units", "macs", "elements"):
        setattr(found, name, builtins.eval(getattr(record, name) or "0", {"__builtins__": {}}, env))
    return found
