"""What one instruction costs, from the machine file's rows: the engine's rules in closed form.

``free = start + head + work`` and ``end = free + tail``; see `docs/timing.md`. Bank conflicts and
shared bandwidth depend on other instructions: kernel models add them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.isa.table import load
from npuemu.machine import Machine
from npuemu.machine.schema import Timing


@dataclass(frozen=True)
class Cost:
    """One time row. head: when the pipe was idle; tail: until flags see it; isolated: an
    instruction on an idle pipe ends no earlier.
    """

    row: Timing

    @property
    def head(self) -> int:
        """Cycles before the work where the pipe was idle."""
        return self.row.head or 0

    @property
    def tail(self) -> int:
        """Cycles from the end of the work until flags and barriers see it."""
        return self.row.tail or 0

    def work(self, units: int) -> int:
        """max(floor, fixed + ceil(units * cycles))."""
        top, bottom = self.row.cycles or (1, 1)
        return max(self.row.floor or 0, (self.row.fixed or 0) + -(-units * top // bottom))

    def alone(self, units: int) -> int:
        """From the start on an idle pipe until flags see it."""
        return max(self.head + self.work(units) + self.tail, self.row.isolated or 0)


@dataclass(frozen=True)
class Transfer(Cost):
    """The time row of a transfer with GM, and the machine's rules for requests."""

    burst: int
    percent: int

    def bytes_work(self, count: int, fresh: int = 0, bursts: int = 1, aligned: bool = True) -> int:
        """Cycles of ``count`` bytes, ``fresh`` of them of lines that nobody touched before, in
        ``bursts`` pieces; ``aligned``: address and stride are multiples of the machine's.
        """
        hit, miss = self.row.bytes_per_cycle or 1, self.row.miss_bytes_per_cycle or 1
        late = min(fresh, count)
        cost = (max(count, bursts * self.burst) - late) * miss + late * hit
        cost = cost if aligned else cost * self.percent // 100
        return max(self.row.floor or 0, (self.row.fixed or 0) + -(-cost // (hit * miss)))


@dataclass(frozen=True)
class Costs:
    """The time rows of a machine by mnemonic and suffixes."""

    machine: Machine

    @cached_property
    def _rows(self) -> dict[tuple[object, ...], Timing]:
        return {}

    def _timing(self, name: str, suffixes: tuple[str, ...], transpose: int = 0) -> Timing:
        key = (name, suffixes, transpose)
        if key not in self._rows:
            self._rows[key] = self._row(name, suffixes, transpose)
        return self._rows[key]

    def _row(self, name: str, suffixes: tuple[str, ...], transpose: int) -> Timing:
        record = load().by_name[name]
        values = {"transpose": transpose}
        for operand, symbol in zip(record.suffixes, suffixes, strict=True):
            assert operand.enum is not None
            values[operand.name] = operand.enum.values[symbol]
        return self.machine.timing(record, values)

    def of(self, name: str, *suffixes: str, transpose: int = 0) -> Cost:
        """An instruction that moves nothing over GM: ``of("mmad", "bf16")``."""
        return Cost(self._timing(name, suffixes, transpose))

    def gm(self, name: str, *suffixes: str) -> Transfer:
        """A transfer with GM."""
        rules = self.machine.file.global_memory
        row = self._timing(name, suffixes)
        return Transfer(row, rules.smallest_request.value, rules.misaligned_percent.value)

    def step(self, width: str, kind: str, mf: int, nf: int, kf: int) -> tuple[int, int, int]:
        """(A, W, product): MTE1, MTE1 and M cycles of a step of mf x nf fractals over kf columns of
        32 bytes. width, kind: suffixes of the L1 -> L0 loads and of mmad.
        """
        a, w = self.of("load_l1_l0a", width), self.of("load_l1_l0b", width)
        return a.work(mf * kf), w.work(nf * kf), self.of("mmad", kind).work(mf * nf * kf)

    @cached_property
    def line(self) -> int:
        """Bytes of a line of the memory."""
        return self.machine.file.global_memory.line.value

    @cached_property
    def align(self) -> int:
        """Addresses and strides of this many bytes are aligned."""
        return self.machine.file.global_memory.align.value

    @cached_property
    def l2(self) -> int:
        """Bytes a cycle that all cores share at L2."""
        return self.machine.file.global_memory.l2_bytes_per_cycle.value

    @cached_property
    def hbm(self) -> int:
        """Bytes a cycle that all cores share at the memory."""
        return self.machine.file.global_memory.hbm_bytes_per_cycle.value

    def memories(self, traffic: dict[str, tuple[int, int]], fresh: int) -> dict[str, int]:
        """Cycles of shared bandwidth: all of a run's bytes at L2, ``fresh`` bytes of lines that are
        touched first at the memory.
        """
        moved = sum(read + written for read, written in traffic.values())
        return {"L2": -(-moved // self.l2), "HBM": -(-fresh // self.hbm)}

    @property
    def flag(self) -> int:
        """Cycles from a cross-core flag to its visibility."""
        return self.machine.file.sync.cross_core_latency.value
