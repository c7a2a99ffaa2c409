"""Words to engine rows: operands unpacked, footprints compiled, costs and unit plans looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.engine import state as st
from npuemu.errors import UserError
from npuemu.isa.codec import IsaError, Reg, meaning
from npuemu.isa.footprint import SLOT_CONSTANT, VALUES, Programs
from npuemu.isa.table import PIPES, Isa, Record, load
from npuemu.machine import Machine
from npuemu.machine.schema import Timing
from npuemu.units.vector.plans import plan as vector_plan

Ints = NDArray[np.int64]
_KINDS = {"plain": st.COST_PLAIN, "global": st.COST_GM, "vector": st.COST_VECTOR}


@dataclass
class Decoded:
    """A program as the engine runs it.

    code: [rows, CODE_COLUMNS], sections one after the other; bases: first row and length by
    section;
    units: ``room:name`` of each unit number; records and values: what row i decodes to.
    """

    code: Ints
    bases: dict[str, tuple[int, int]]
    programs: Ints
    starts: Ints
    values: Ints
    cost: Ints
    plans: Ints
    units: list[str]
    records: list[Record]
    operands: list[dict[str, int | Reg]]
    memos: int


REMEMBERED = 1 << 14
"""Words whose meaning is kept: kernels of one family, and one kernel at many shapes, share most."""


@lru_cache(REMEMBERED)
def _objection(machine: Machine, isa: Isa, section: str, word: int) -> str | None:
    """Why a section of this machine cannot hold a word, or None if it can."""
    return machine.objection(*meaning(isa, word), section)


@lru_cache(REMEMBERED)
def _columns(isa: Isa, word: int) -> tuple[tuple[int, ...], Any]:
    """What a word's row holds in every launch, and for a data instruction what its footprint,
    cost and plan depend on.
    """
    record, values = meaning(isa, word)
    row = [0] * st.CODE_COLUMNS
    row[st.C_OPCODE] = record.opcode
    row[st.C_PIPE] = _pipe(record, values)
    row[st.C_OPERANDS] = len(record.operands)
    row[st.C_MEMO] = -1
    for i, operand in enumerate(record.operands):
        value = values[operand.name]
        if isinstance(value, Reg):
            row[st.C_VALUE + i] = value.index
            if operand.kind != "rd":
                row[st.C_REGISTERS] |= 1 << i
        else:
            row[st.C_VALUE + i] = value
    row[st.C_TIMED] = row[st.C_REGISTERS]
    if not record.is_data:
        return tuple(row), None
    row[st.C_ADDRESSES] = sum(1 << i for i, o in enumerate(record.operands) if o.mem is not None)
    known = sorted((k, v) for k, v in values.items() if not isinstance(v, Reg))
    return tuple(row), (record.name, tuple(known))


def _pipe(record: Record, values: dict[str, int | Reg]) -> int:
    """The pipe that queues an instruction; barriers of all pipes belong to S."""
    if not record.pipe.startswith("operand:"):
        return PIPES.index(record.pipe)
    pipe = values[record.pipe.removeprefix("operand:")]
    assert isinstance(pipe, int)
    return st.S if record.name == "pipe_barrier" and pipe == 7 else pipe


def cost_row(timing: Timing, misaligned_percent: int) -> list[int]:
    """A time row of the machine as the engine's integers."""
    row = [0] * st.COST_COLUMNS
    kind = _KINDS[timing.kind or "plain"]
    row[st.T_KIND] = kind
    row[st.T_HEAD], row[st.T_TAIL] = timing.head or 0, timing.tail or 0
    row[st.T_FIXED], row[st.T_FLOOR] = timing.fixed or 0, timing.floor or 0
    row[st.T_ISOLATED] = timing.isolated or 0
    row[st.T_NUM], row[st.T_DEN] = timing.cycles or (1, 1)
    if kind == st.COST_GM:
        hit, miss = timing.bytes_per_cycle or 1, timing.miss_bytes_per_cycle or 1
        row[st.T_NUM], row[st.T_MISS_NUM], row[st.T_DEN] = miss, hit, hit * miss
        row[st.T_MISALIGNED] = misaligned_percent
    return row


@dataclass
class Decoder:
    """Collects rows; equal costs, footprints, plans and units are shared."""

    machine: Machine
    isa: Isa = field(default_factory=load)
    code: list[list[int]] = field(default_factory=list)
    costs: dict[tuple[int, ...], int] = field(default_factory=dict)
    plans: dict[tuple[tuple[int, int], ...], tuple[int, int]] = field(default_factory=dict)
    steps: list[tuple[int, int]] = field(default_factory=list)
    units: dict[str, int] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    operands: list[dict[str, int | Reg]] = field(default_factory=list)
    memos: int = 0
    _seen: dict[Any, tuple[int, int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.footprints = Programs(self.isa)

    def section(self, name: str, words: tuple[int, ...]) -> tuple[int, int]:
        """Decode one section; returns its first row and length. UserError names a bad
        instruction.
        """
        base = len(self.code)
        for index, word in enumerate(words):
            try:
                record, values = meaning(self.isa, word)
                self._legal(name, word, record, values, len(words))
            except IsaError as error:
                raise UserError(f"{name} instruction {index}: {error.message}") from None
            self.code.append(self._row(word, record, values))
            self.records.append(record)
            self.operands.append(values)
        last = self.records[-1].name if words else "halt"
        if last not in ("halt", "jmp"):
            raise UserError(
                f"{name} section: the code falls off its end (last instruction: {last})"
            )
        return base, len(words)

    def _legal(
        self,
        section: str,
        word: int,
        record: Record,
        values: dict[str, int | Reg],
        length: int,
    ) -> None:
        """Core, pipes, machine and labels of an instruction."""
        reason = _objection(self.machine, self.isa, section, word)
        if reason is not None:
            raise IsaError(None, reason)
        for operand in record.labels:
            value = values[operand.name]
            if not 0 <= int(value) < length:  # type: ignore[arg-type]
                raise IsaError(operand.name, f"{operand.name}: {value} is outside the section")

    def _row(self, word: int, record: Record, values: dict[str, int | Reg]) -> list[int]:
        columns, key = _columns(self.isa, word)
        row = list(columns)
        if key is not None:
            if key not in self._seen:
                known = {k: v for k, v in values.items() if not isinstance(v, Reg)}
                self._seen[key] = self._data(record, known)
            row[st.C_FOOTPRINT], row[st.C_COST], row[st.C_PLAN], row[st.C_PLAN_LENGTH] = self._seen[
                key
            ]
            row[st.C_TIMED] &= self.footprints.used[row[st.C_FOOTPRINT]]
            if self.footprints.movable[row[st.C_FOOTPRINT]] and self.memos < st.MEMO_ROWS:
                row[st.C_MEMO] = self.memos
                self.memos += 1
        return row

    def _data(self, record: Record, known: dict[str, int]) -> tuple[int, int, int, int]:
        footprint = self.footprints.add(record, known)
        timing = self.machine.timing(record, known)
        percent = self.machine.file.global_memory.misaligned_percent.value
        cost = tuple(cost_row(timing, percent))
        cost_index = self.costs.setdefault(cost, len(self.costs))
        steps = tuple(
            (self.units.setdefault(u, len(self.units)), a) for u, a in unit_plan(record, known)
        )
        if steps not in self.plans:
            self.plans[steps] = (len(self.steps), len(steps))
            self.steps += steps
        return (footprint, cost_index, *self.plans[steps])

    def finish(self, bases: dict[str, tuple[int, int]]) -> Decoded:
        """Everything as arrays."""
        values = np.zeros(VALUES, np.int64)
        pool = self.footprints.pool.values
        if SLOT_CONSTANT + len(pool) > VALUES:
            raise UserError("the kernel uses too many different constants")
        values[SLOT_CONSTANT : SLOT_CONSTANT + len(pool)] = pool
        return Decoded(
            code=_array(self.code, st.CODE_COLUMNS),
            bases=bases,
            programs=_array(self.footprints.rows, 14),
            starts=np.array(self.footprints.starts, np.int64),
            values=values,
            cost=_array([list(c) for c in self.costs], st.COST_COLUMNS),
            plans=_array([list(s) for s in self.steps], 2),
            units=list(self.units),
            records=self.records,
            operands=self.operands,
            memos=self.memos,
        )


def _array(rows: list[list[int]], columns: int) -> Ints:
    return np.array(rows, np.int64).reshape(-1, columns)


def unit_plan(record: Record, known: dict[str, int]) -> list[tuple[str, int]]:
    """Steps of a data instruction: ``room:name`` of a unit and its argument."""
    enums = {
        o.name: str(o.enum.symbol(known[o.name]))
        for o in record.operands
        if o.enum is not None and o.enum.suffix
    }
    assert record.unit is not None
    if record.unit == "vector":
        slots = {o.name: st.O_VALUE + i for i, o in enumerate(record.operands)}
        return [
            (f"vector:{name}", argument)
            for name, argument in vector_plan(record.name, enums, slots)
        ]
    return [(record.unit.format(**enums), 0)]


def decode_program(code: dict[str, tuple[int, ...]], machine: Machine) -> Decoded:
    """Decode all sections of a program for a machine; UserError on a word that cannot run there."""
    decoder = Decoder(machine)
    bases = {name: decoder.section(name, words) for name, words in code.items()}
    return decoder.finish(bases)
