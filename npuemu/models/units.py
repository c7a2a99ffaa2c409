"""Units of rows or elements that every vector core takes in turn: GM to UB, V, and back to GM;
`docs/models.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from npuemu.models.cost import Transfer
from npuemu.models.estimate import Estimate, align_up, cdiv
from npuemu.models.plan import Plan
from npuemu.models.vector_program import Steady

LINE = 512  # bytes of a line of the memory
_PREAMBLE = 40  # scalar instructions before the first load


def lines(size: int) -> int:
    """Bytes of the lines that a tensor of ``size`` bytes touches."""
    return align_up(size, LINE)


@dataclass(frozen=True)
class Move:
    """A transfer with GM. fresh: its lines are touched for the first time; aligned: as in
    `Transfer.bytes_work`.
    """

    size: int
    fresh: bool = True
    aligned: bool = True

    def work(self, row: Transfer) -> int:
        """Cycles of its pipe."""
        return row.bytes_work(self.size, self.size if self.fresh else 0, 1, self.aligned)


@dataclass(frozen=True)
class Unit:
    """What V does, and the transfers in order: codes leave first, then scales."""

    vector: Steady
    loads: tuple[Move, ...]
    codes: tuple[Move, ...]
    scales: tuple[Move, ...]


@dataclass(frozen=True)
class Units:
    """``count`` units, the last of them perhaps smaller; unit u belongs to vector core u mod 2
    blocks. fresh: bytes of lines (read, written); slots: units whose results may be on their way;
    ahead: units loaded or asked for while V waits for one of the slots; traffic: by tensor.
    """

    plan: Plan
    count: int
    full: Unit
    last: Unit
    fresh: tuple[int, int]
    slots: int
    ahead: int
    traffic: dict[str, tuple[int, int]]

    @property
    def cores(self) -> int:
        """Vector cores that have a unit."""
        return min(self.count, 2 * self.plan.blocks)

    @property
    def most(self) -> int:
        """Units of the first core, which has no fewer than another."""
        return cdiv(self.count, self.cores)

    def _slowest(self) -> Iterator[tuple[int, list[Unit]]]:
        """Cores one of which is the last to end, and their units: that of the last unit, the one
        before it, and the last core of all.
        """
        end = (self.count - 1) % self.cores
        yield end, [self.full] * (self.most - 1) + [self.last]
        if end > 0:
            yield end - 1, [self.full] * self.most
        if end + 1 < self.cores:
            yield self.cores - 1, [self.full] * (self.most - 1)

    def _load(self, unit: Unit) -> int:
        row = self.plan.costs.gm("mov_gm_ub")
        return sum(move.work(row) for move in unit.loads)

    def _store(self, unit: Unit) -> int:
        row = self.plan.costs.gm("mov_ub_gm")
        return sum(move.work(row) for move in (*unit.codes, *unit.scales))

    def _first_load(self, core: int) -> int:
        """Cycles until a core's first piece has come: its own, or its turn at the memory."""
        load = self.plan.costs.gm("mov_gm_ub")
        first = self.full.loads[0]
        work = first.work(load)
        tail = max(load.tail, (load.row.isolated or 0) - load.head - work)
        return load.head + max(work, cdiv((core + 1) * first.size, self.plan.costs.hbm)) + tail

    def _last_store(self, unit: Unit) -> int:
        """Cycles from V's end to the end of the last store."""
        store = self.plan.costs.gm("mov_ub_gm")
        return max(store.head + self._store(unit), store.row.isolated or 0)

    def _late(self, unit: Unit) -> int:
        """Cycles that V waits for a row in pieces: while it goes through all of them for the
        maximum, two have come before, and the others come, and then the first one again.
        """
        row, half = self.plan.costs.gm("mov_gm_ub"), len(unit.loads) // 2
        if half == 0:
            return 0
        asked = sum(move.work(row) for move in unit.loads[2 : half + 1])
        return max(0, asked - unit.vector.stores * (half - 1) // half)

    def _core(self, core: int, units: list[Unit]) -> int:
        """A core's cycles where nothing but its own pipes and its first load hold it back."""
        v = [unit.vector.cycles + self._late(unit) for unit in units]
        pace = sum(max(c, self._load(u), self._store(u)) for c, u in zip(v, units, strict=True))
        return self._first_load(core) + pace + units[-1].vector.edge + self._last_store(units[-1])

    def _memory(self) -> int:
        """Cycles where the memory holds back every core: all loads, the stores before the last
        loads, a unit on V, and its store; no fewer than all bytes take.
        """
        hbm = self.plan.costs.hbm
        read, written = self.fresh
        before = max(0, self.count - 2 * self.cores) / self.count
        last_load = cdiv(read + round(written * before), hbm)
        tail = self.full.vector.cycles + self.full.vector.edge + self._last_store(self.full)
        return max(last_load + tail, cdiv(read + written, hbm))

    def _first_stores(self, last: int, units: int) -> int:
        """Cycles where V waits for the first unit's stores, on cores up to ``last`` with ``units``
        each. A store of new lines takes its turn behind a round of loads of all cores. Before the
        first store two rounds were asked for, and of the third what asked while V worked; cores
        that find their scales' line touched go on with the next codes.
        """
        full, after, hbm = self.full, units - self.slots - 1, self.plan.costs.hbm
        if after < 0 or len(full.loads) > 1:
            return 0
        sharing = max(1, LINE // full.scales[0].size)  # units whose scales lie in one line
        first = last // sharing * sharing
        size = full.loads[0].size
        third = min(1.0, full.vector.cycles * hbm / (self.cores * size))
        rounds = min(self.ahead, 1 + third + len(full.codes) + len(full.scales))
        loads = min(self.fresh[0], size * ((rounds - 1) * self.cores + first + 1))
        code = full.codes[0].size
        stores = code * self.cores * (len(full.codes) + len(full.scales) * (1 - 1 / sharing))
        waited = cdiv(round(loads + stores), hbm)
        rest = full.vector.cycles * (after + 1) - full.vector.stores
        return waited + rest + full.vector.edge + self._last_store(full)

    def estimate(self) -> Estimate:
        """The slowest of what may hold back a core: its own pipes, the memory, its stores."""
        costs = self.plan.costs
        slowest = list(self._slowest())
        cycles = max(self._core(*one) for one in slowest)
        waits = [self._first_stores(core, len(units)) for core, units in slowest]
        cycles = max(cycles, self._memory(), *waits)
        _, units = max(slowest, key=lambda one: self._core(*one))
        moved = sum(read + written for read, written in self.traffic.values())
        terms = {
            "MTE2": sum(self._load(unit) for unit in units),
            "V": sum(unit.vector.cycles for unit in units),
            "MTE3": sum(self._store(unit) for unit in units),
            "L2": cdiv(moved, costs.l2),
            "HBM": cdiv(sum(self.fresh), costs.hbm),
        }
        return Estimate(_PREAMBLE + cycles, self.traffic, terms)
