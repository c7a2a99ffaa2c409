"""Footprint programs in the engine's interpreter against the tables' strings evaluated as
Python.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from npuemu.engine import areas as area
from npuemu.engine import footprint as engine
from npuemu.engine import state as st
from npuemu.isa.footprint import COLUMNS, SLOT_CONSTANT, SLOT_L0A_NZ, VALUES, Programs
from npuemu.isa.shapes import MAX_REGIONS
from npuemu.isa.table import Operand, Record
from npuemu.jit import njit
from tests.isa import bytesets
from tests.isa.naive import Footprint, Mask, evaluate
from tests.isa.operands import ISA

DATA = [r for r in ISA.records if r.is_data]
ROUNDS = 60
LARGE = {"src_stride", "dst_stride", "dst_rows"}


@njit
def _run(e: int) -> int:
    return engine.footprint(e, area.code(e, 0), area.queue(e, 0))  # type: ignore[no-any-return]


class Interpreter:
    """Compiles one record with some operands known and runs it on operand values."""

    def __init__(self, record: Record, known: dict[str, int]) -> None:
        programs = Programs(ISA)
        number = programs.add(record, known)
        self.rows = np.array(programs.rows, np.int64).reshape(-1, COLUMNS)
        self.values = np.zeros(VALUES, np.int64)
        pool = programs.pool.values
        self.values[SLOT_CONSTANT : SLOT_CONSTANT + len(pool)] = pool
        self.out = np.zeros((MAX_REGIONS + 1, 8), np.int64)
        self.queue = np.zeros((1, st.SLOT_COLUMNS), np.int64)
        code = np.zeros((1, st.CODE_COLUMNS), np.int64)
        code[0, st.C_OPERANDS] = len(record.operands)
        code[0, st.C_MEMO] = 0 if programs.movable[number] else -1
        code[0, st.C_ADDRESSES] = sum(1 << i for i, o in enumerate(record.operands) if o.mem)
        areas = {
            "code": code,
            "queue": self.queue,
            "program": self.rows,
            "starts": np.array(programs.starts, np.int64),
            "values": self.values,
            "out": self.out,
            "memo": np.full((1, st.MEMO_COLUMNS), -1, np.int64),
            "origin": np.zeros(MAX_REGIONS + 1, np.int64),
        }
        self.areas = areas
        self.table = np.array(
            [areas[n].ctypes.data if n in areas else 0 for n in area.AREAS.names], np.int64
        )

    def run(self, ops: np.ndarray[Any, Any], l0a_nz: int) -> Footprint:
        """Status, bytes and totals."""
        self.values[SLOT_L0A_NZ] = l0a_nz
        self.queue[0] = ops
        found = Footprint(_run(self.table.ctypes.data))
        if found.status:
            return found
        header = self.out[0]
        for row in self.out[1 : 1 + header[engine.H_REGIONS]].tolist():
            found.touched[row[0], row[1]] |= bytesets.of_rows([tuple(row)])
        found.touched = dict(found.touched)
        found.units, found.macs = int(header[engine.H_UNITS]), int(header[engine.H_MACS])
        found.elements = int(header[engine.H_ELEMENTS])
        return found


def draw(operand: Operand, rng: random.Random) -> int:
    """A small legal value; now and then one that is out of range or misaligned."""
    if operand.enum is not None:
        return rng.choice([operand.enum.values[s] for s in operand.symbols()])
    low, high = max(operand.lo, 0), min(operand.hi, 1 << 40)
    if rng.random() < 0.01:
        return rng.choice([-1, operand.hi + 1 if operand.hi < 1 << 62 else -2, high])
    step = operand.align if rng.random() < 0.99 else 1
    top = 3000 if operand.name in LARGE else 40
    if operand.mem is not None:
        top = 1 << 14
    elif operand.name == "k":
        return min(rng.choice([0, 16, 40, 64, 128, rng.randrange(150)]), high)
    elif operand.name in ("scale", "bias"):
        return rng.randrange(64) * rng.choice([8, 64])
    elif operand.name in ("k_step", "m_step", "n_step", "rep", "n_burst"):
        top = 6
    return min(low + rng.randrange(top // step + 1) * step, high)


def draw_mask(rng: random.Random) -> Mask:
    """All ones mostly, else random bits or a count."""
    kind = rng.randrange(4)
    if kind == 0:
        return Mask(rng.randrange(700), 0, True)
    if kind == 1:
        return Mask(
            rng.getrandbits(64) >> rng.randrange(64), rng.getrandbits(64) >> rng.randrange(64)
        )
    return Mask()


def slot(record: Record, values: dict[str, int], mask: Mask) -> np.ndarray[Any, Any]:
    """The queue slot of an instruction."""
    ops = np.zeros(32, np.int64)
    ops[2:4] = np.array([mask.low, mask.high], np.uint64).view(np.int64)
    ops[4] = mask.counter
    for i, operand in enumerate(record.operands):
        ops[8 + i] = values[operand.name]
    return ops


@pytest.mark.parametrize("record", DATA, ids=lambda r: r.name)
def test_footprint_is_what_the_table_says(record: Record) -> None:
    rng = random.Random(record.opcode)
    statuses = set()
    for _ in range(ROUNDS):
        values = {o.name: draw(o, rng) for o in record.operands}
        known = {
            o.name: values[o.name]
            for o in record.operands
            if o.kind in ("imm", "enum") or (o.kind == "x" and rng.random() < 0.5)
        }
        legal = {o.name: o for o in record.operands if o.enum is None}
        for name, number in known.items():  # the codec has refused what does not fit a word
            if name in legal and (
                not legal[name].lo <= number <= legal[name].hi or number % legal[name].align
            ):
                values[name] = known[name] = legal[name].lo
        mask, l0a_nz = draw_mask(rng), rng.randrange(2)
        expected = evaluate(record, values, mask, l0a_nz)
        interpreter = Interpreter(record, known)
        found = interpreter.run(slot(record, values, mask), l0a_nz)
        assert found == expected, (values, known, mask, l0a_nz)
        statuses.add(found.status)
        for operand in record.operands:  # what is remembered of the first time is only moved
            if operand.mem is not None and rng.random() < 0.8:
                values[operand.name] = draw(operand, rng)
        expected = evaluate(record, values, mask, l0a_nz)
        found = interpreter.run(slot(record, values, mask), l0a_nz)
        assert found == expected, (values, known, mask, l0a_nz)
    assert 0 in statuses


def test_programs_are_shared_by_equal_instructions() -> None:
    programs, record = Programs(ISA), ISA.by_name["vadd"]
    first = programs.add(record, {"type": 0, "rep": 1})
    assert programs.add(record, {"rep": 1, "type": 0}) == first
    assert programs.add(record, {"type": 0, "rep": 2}) != first


@pytest.mark.parametrize("record", DATA, ids=lambda r: r.name)
def test_no_instruction_has_more_regions_than_there_is_room_for(record: Record) -> None:
    """A shape call appends two rows at most, lanes three."""
    everything = {o.name: draw(o, random.Random(1)) for o in record.operands if o.kind == "enum"}
    rows = Interpreter(record, everything).rows
    worst = sum({engine._VLANES: 3}.get(int(op), 2) for op in rows[:, 0] if op >= engine._LINEAR)
    assert worst <= MAX_REGIONS
