"""Units of rows or elements that vector cores take in turn: from GM to UB, through V and back to
GM, in order of time, since the memory serves first who asks first; `docs/models.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from npuemu.models.cost import Transfer
from npuemu.models.estimate import Estimate, cdiv
from npuemu.models.plan import Plan
from npuemu.models.timeline import Process, Shared, Timeline
from npuemu.models.vector_program import Steady

LINE = 512  # bytes of a line of the memory
_PREAMBLE = 30  # scalar instructions before the first load


@dataclass(frozen=True)
class Move:
    """A transfer of one run of bytes of a tensor. again: its lines were all touched before."""

    tensor: str
    start: int
    size: int
    again: bool = False


@dataclass(frozen=True)
class Unit:
    """V on a unit; its loads in order, and the transfers of each of its stores."""

    vector: Steady
    loads: list[Move]
    stores: list[list[Move]]


@dataclass
class Pipe:
    """MTE2 or MTE3 of a core. free: it takes the next transfer; end: flags see the last one."""

    row: Transfer
    free: int = _PREAMBLE
    end: int = 0


@dataclass
class Launch:
    """All cores. places: buffers of what is loaded, and of what is stored."""

    plan: Plan
    places: tuple[int, int]
    timeline: Timeline = field(default_factory=Timeline)
    terms: Counter[str] = field(default_factory=Counter)
    cycles: int = 0
    _touched: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._shared = Shared(self.plan.costs)

    def _fresh(self, move: Move) -> int:
        """Bytes of lines that nobody touched before; others can have touched the outer two."""
        if move.again:
            return 0
        first, last = move.start // LINE, (move.start + move.size - 1) // LINE
        outer = {(move.tensor, first), (move.tensor, last)}
        known = len(outer & self._touched)
        self._touched |= outer
        return (last - first + 1 - known) * LINE

    def _transfer(self, pipe: Pipe, start: int, move: Move) -> int:
        """A transfer from ``start`` on; cycles of its own."""
        row, fresh = pipe.row, self._fresh(move)
        idle = pipe.end == 0 or (start > pipe.free and start >= pipe.end)
        begin = start + (row.head if idle else 0)
        aligned = move.start % self.plan.machine.file.global_memory.align.value == 0
        own = row.bytes_work(move.size, fresh, 1, aligned)
        size = max(move.size, row.burst)
        pipe.free = max(begin + own, ceil(self._shared.serve(begin, size, fresh)))
        alone = (row.row.isolated or 0) - row.head - own if idle else 0
        pipe.end = max(pipe.end, pipe.free + max(row.tail, alone))
        self.terms["L2"] += size
        self.terms["HBM"] += fresh
        return own

    def loads(self, core: int, units: list[Unit]) -> Process:
        """MTE2: a load as soon as a buffer is free."""
        pipe, events = Pipe(self.plan.costs.gm("mov_gm_ub")), self.timeline.events
        for i, move in enumerate(move for unit in units for move in unit.loads):
            start = pipe.free
            if i >= self.places[0]:
                yield "release", core, i - self.places[0]
                start = max(start, int(events["release", core, i - self.places[0]]))
            yield start
            own = self._transfer(pipe, start, move)
            self.terms["MTE2"] += own * (core == 0)
            self.timeline.happens(("load", core, i), pipe.end)

    def vector(self, core: int, units: list[Unit]) -> Process:
        """V: a unit's marks at their distances, but for what it waits for."""
        events, seen = self.timeline.events, Counter[str]()
        base = 0
        for unit in units:
            for mark in unit.vector.marks:
                number = seen[mark.what]
                seen[mark.what] += 1
                if mark.waits:
                    number -= self.places[1] if mark.what == "stored" else 0
                    if number >= 0:
                        yield mark.what, core, number
                        late = int(events[mark.what, core, number]) - base - mark.at
                        base += late + mark.head if late > 0 else 0
                else:
                    yield base + mark.at
                    self.timeline.happens((mark.what, core, number), base + mark.at)
            base += unit.vector.cycles
            self.terms["V"] += unit.vector.cycles * (core == 0)

    def stores(self, core: int, units: list[Unit]) -> Process:
        """MTE3: what V has made."""
        pipe, events = Pipe(self.plan.costs.gm("mov_ub_gm")), self.timeline.events
        for i, part in enumerate(part for unit in units for part in unit.stores):
            yield "made", core, i
            start = max(pipe.free, int(events["made", core, i]))
            for move in part:
                yield start
                own = self._transfer(pipe, start, move)
                self.terms["MTE3"] += own * (core == 0)
                start = pipe.free
            self.timeline.happens(("stored", core, i), pipe.end)
        self.cycles = max(self.cycles, pipe.end)


def estimate(
    plan: Plan,
    count: int,
    unit: Callable[[int], Unit],
    places: tuple[int, int],
    traffic: dict[str, tuple[int, int]],
) -> Estimate:
    """``count`` units, of which vector core c of C takes c, c + C, ...; places: as `Launch`."""
    cores = min(count, 2 * plan.blocks)
    launch = Launch(plan, places)
    processes = []
    for core in range(cores):
        units = [unit(u) for u in range(core, count, cores)]
        processes += [part(core, units) for part in (launch.loads, launch.vector, launch.stores)]
    launch.timeline.run(processes)
    terms = {name: launch.terms[name] for name in ("MTE2", "V", "MTE3")}
    terms["L2"] = cdiv(launch.terms["L2"], plan.costs.l2)
    terms["HBM"] = cdiv(launch.terms["HBM"], plan.costs.hbm)
    return Estimate(launch.cycles, traffic, terms)
