"""Units of rows or elements that vector cores take in turn: from GM to UB, through V and back to
GM, in order of time, since the memory serves first who asks first; `docs/models.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from npuemu.models.parts import scalar
from npuemu.models.parts.cost import Transfer
from npuemu.models.parts.estimate import Estimate
from npuemu.models.parts.plan import Plan
from npuemu.models.parts.vector import Steady
from npuemu.models.sharing.pipe import Move, Pipe
from npuemu.models.sharing.timeline import Process, Shared, Timeline


@dataclass(frozen=True)
class Run:
    """A run of bytes of a tensor, a transfer. again: its lines were all touched before."""

    tensor: str
    start: int
    size: int
    again: bool = False


@dataclass(frozen=True)
class Unit:
    """V on a unit; its loads in order, and the transfers of each of its stores."""

    vector: Steady
    loads: list[Run]
    stores: list[list[Run]]


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

    def _move(self, row: Transfer, run: Run) -> Move:
        """A transfer as L2 and the memory see it; others can have touched its outer two lines."""
        fresh, line = 0, self.plan.costs.line
        if not run.again:
            first, last = run.start // line, (run.start + run.size - 1) // line
            outer = {(run.tensor, first), (run.tensor, last)}
            known = len(outer & self._touched)
            self._touched |= outer
            fresh = (last - first + 1 - known) * line
        aligned = run.start % self.plan.costs.align == 0
        work = row.bytes_work(run.size, fresh, 1, aligned)
        return Move(row, work, max(run.size, row.burst), fresh)

    def _transfer(self, pipe: Pipe, row: Transfer, start: float, run: Run) -> None:
        """A transfer from ``start`` on."""
        move = self._move(row, run)
        lost = ceil(self._shared.lost(start, move.work, move.moved, move.lines))
        pipe.run(start, row, move.work, lost)
        self.terms["L2"] += round(move.moved)
        self.terms["HBM"] += round(move.lines)

    def loads(self, core: int, units: list[Unit]) -> Process:
        """MTE2: a load as soon as a buffer is free."""
        pipe, row = Pipe(after=scalar.QUANTIZE), self.plan.costs.gm("mov_gm_ub")
        events = self.timeline.events
        for i, run in enumerate(run for unit in units for run in unit.loads):
            start = pipe.starts()
            if i >= self.places[0]:
                yield "release", core, i - self.places[0]
                start = pipe.starts(events["release", core, i - self.places[0]])
            yield start
            self._transfer(pipe, row, start, run)
            self.timeline.happens(("load", core, i), pipe.end)
        self.terms["MTE2"] += round(pipe.busy) * (core == 0)

    def vector(self, core: int, units: list[Unit]) -> Process:
        """V: a unit's marks at their distances, but for what it waits for."""
        events, seen = self.timeline.events, Counter[str]()
        base = 0.0
        for unit in units:
            for mark in unit.vector.marks:
                number = seen[mark.what]
                seen[mark.what] += 1
                if mark.waits:
                    number -= self.places[1] if mark.what == "stored" else 0
                    if number >= 0:
                        yield mark.what, core, number
                        late = events[mark.what, core, number] - base - mark.at
                        base += late + mark.head if late > 0 else 0
                else:
                    yield base + mark.at
                    self.timeline.happens((mark.what, core, number), base + mark.at)
            base += unit.vector.cycles
            self.terms["V"] += unit.vector.cycles * (core == 0)

    def stores(self, core: int, units: list[Unit]) -> Process:
        """MTE3: what V has made."""
        pipe, row = Pipe(after=scalar.QUANTIZE), self.plan.costs.gm("mov_ub_gm")
        events = self.timeline.events
        for i, part in enumerate(part for unit in units for part in unit.stores):
            yield "made", core, i
            start = pipe.starts(events["made", core, i])
            for run in part:
                yield start
                self._transfer(pipe, row, start, run)
                start = pipe.free
            self.timeline.happens(("stored", core, i), pipe.end)
        self.terms["MTE3"] += round(pipe.busy) * (core == 0)
        self.cycles = max(self.cycles, round(pipe.end))


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
    memories = plan.costs.memories({"all": (launch.terms["L2"], 0)}, launch.terms["HBM"])
    return Estimate(launch.cycles, traffic, terms | memories)
