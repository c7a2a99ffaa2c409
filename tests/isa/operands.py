"""Operand values for tests: strategies over what a field holds, and one plain word of every
record.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from npuemu.isa.codec import Reg, Value, immediate_range
from npuemu.isa.table import Operand, Record, load

ISA = load()
RECORDS = list(ISA.records)
NAMES = [record.name for record in RECORDS]


def numbers(operand: Operand) -> st.SearchStrategy[int]:
    """Immediates that the field holds, its ends included."""
    low, high = immediate_range(operand)
    first, last = -(-low // operand.align), high // operand.align
    ends = st.sampled_from([first, last])
    return st.one_of(ends, st.integers(first, last)).map(lambda n: n * operand.align)


def values(operand: Operand) -> st.SearchStrategy[Value]:
    """Any value of an operand."""
    registers = st.integers(0, 31).map(Reg)
    if operand.kind in ("rd", "reg"):
        return registers
    if operand.enum is not None:
        return st.sampled_from([operand.enum.values[s] for s in operand.symbols()])
    return st.one_of(registers, numbers(operand)) if operand.kind == "x" else numbers(operand)


@st.composite
def instructions(draw: Any) -> tuple[Record, dict[str, Value]]:
    """Any record with any values."""
    record = draw(st.sampled_from(RECORDS))
    return record, {o.name: draw(values(o)) for o in record.operands}


def plain(record: Record, immediate: bool = True) -> dict[str, Value]:
    """One legal value an operand: register 21, the lowest immediate, the first symbol."""
    chosen: dict[str, Value] = {}
    for o in record.operands:
        if o.kind in ("rd", "reg") or (o.kind == "x" and not immediate):
            chosen[o.name] = Reg(21)
        elif o.enum is not None:
            chosen[o.name] = o.enum.values[o.symbols()[0]]
        else:
            low, _ = immediate_range(o)
            chosen[o.name] = -(-low // o.align) * o.align
    return chosen
