"""Who is ordered before whom: a model of queues, flags and barriers for program generators.

Everything a program does is told to the model in one global order in which it could run. A *clock*
holds, for every pipe of every core, how many entries of its queue are known to be complete.
Being earlier in a pipe orders nothing unless the machine protects the pipe.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from tests.lockstep.regions import Span

S = PIPES.index("S")
PER_CORE = len(PIPES)
FLAG_LIMIT = 15
"""Counts that a cross-core counter takes in a whole run, so that it can never overflow."""

Clock = NDArray[np.int32]
Place = tuple[int, str]
"""Owner core and memory; GM belongs to nobody: (-1, "GM")."""
GM: Place = (-1, "GM")


@dataclass(frozen=True)
class Access:
    """One instruction's bytes of one memory, and its place in its queue."""

    pipe: int
    position: int
    write: bool
    first: int
    bits: int

    @property
    def stop(self) -> int:
        """One past the last byte."""
        return self.first + self.bits.bit_length()


class Illegal(Exception):
    """A flag raised twice, a wait without a set, a counter that may overflow."""


def overlap(a: Access, first: int, bits: int) -> bool:
    """Whether an access and some bytes have a byte in common."""
    if a.first >= first + bits.bit_length() or first >= a.stop:
        return False
    if first >= a.first:
        return bool((bits << (first - a.first)) & a.bits)
    return bool((a.bits << (a.first - first)) & bits)


@dataclass
class Model:
    """The cores of a launch. Pipes are numbered core * 7 + pipe."""

    cores: int
    protected: frozenset[int]
    l1_owner: bool = True
    known: list[Clock] = field(init=False)
    count: Clock = field(init=False)
    accesses: dict[Place, list[Access]] = field(default_factory=lambda: defaultdict(list))
    raised: dict[tuple[int, int, int, int], Clock] = field(default_factory=dict)
    lowered: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    counters: dict[tuple[int, int], list[Clock]] = field(default_factory=lambda: defaultdict(list))
    counted: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    written: dict[Place, int] = field(default_factory=lambda: defaultdict(int))
    """Bit i: byte i of the memory has been written."""

    def __post_init__(self) -> None:
        size = self.cores * PER_CORE
        self.known = [np.zeros(size, np.int32) for _ in range(size)]
        self.count = np.zeros(size, np.int32)

    def snapshot(self) -> Model:
        """A copy to come back to."""
        other = copy.copy(self)
        other.known = [k.copy() for k in self.known]
        other.count = self.count.copy()
        other.accesses = defaultdict(list, {k: list(v) for k, v in self.accesses.items()})
        other.raised, other.lowered = dict(self.raised), dict(self.lowered)
        other.counters = defaultdict(list, {k: list(v) for k, v in self.counters.items()})
        other.counted = defaultdict(int, self.counted)
        other.written = defaultdict(int, self.written)
        return other

    # --- places

    def place(self, core: int, mem: str) -> Place:
        """The memory that an instruction of ``core`` means by ``mem``."""
        cube = core - core % 3
        if mem == "GM":
            return GM
        if mem == "L1":
            return cube, mem
        if core % 3 == 0 and mem in ("UB", "UB1"):
            return cube + (1 if mem == "UB" else 2), "UB"
        return core, mem

    def has(self, core: int, span: Span) -> bool:
        """Whether every byte of a span was written before."""
        return (span.bits << span.first) & ~self.written[self.place(core, span.mem)] == 0

    # --- queue entries

    def clock(self, core: int, pipe: int) -> Clock:
        """What would be complete at the start of the next entry of a queue."""
        x = core * PER_CORE + pipe
        clock = np.maximum(self.known[x], self.known[core * PER_CORE])
        if pipe in self.protected or pipe == S:
            clock[x] = self.count[x]
        scalar = core * PER_CORE
        clock[scalar] = max(clock[scalar], self.count[scalar])
        return clock

    def _enter(self, core: int, pipe: int) -> Clock:
        """Append an entry; its clock is remembered for what stands behind it in the queue."""
        x = core * PER_CORE + pipe
        clock = self.clock(core, pipe)
        own = self.known[x][x]
        self.known[x] = clock.copy()
        if pipe != S:
            self.known[x][x] = own
        self.count[x] += 1
        return clock

    def unordered(self, core: int, pipe: int, spans: Iterable[Span]) -> list[tuple[int, int]]:
        """(core, pipe) of earlier accesses that conflict with these and are not ordered before."""
        clock = self.clock(core, pipe)
        found = []
        for span in spans:
            for old in self.accesses[self.place(core, span.mem)]:
                if not (old.write or span.write) or clock[old.pipe] > old.position:
                    continue
                pair = divmod(old.pipe, PER_CORE)
                if pair not in found and overlap(old, span.first, span.bits):
                    found.append(pair)
        return found

    def access(self, core: int, pipe: int, spans: Iterable[Span]) -> None:
        """A data instruction, or a load or store of the scalar unit."""
        x = core * PER_CORE + pipe
        position = int(self.count[x])
        self._enter(core, pipe)
        for span in spans:
            place = self.place(core, span.mem)
            self.accesses[place].append(Access(x, position, span.write, span.first, span.bits))
            if span.write and not span.holes:
                self.written[place] |= span.bits << span.first

    def _fire(self, core: int, pipe: int) -> Clock:
        """The clock of a signal: every earlier entry of the pipe has completed."""
        clock = self._enter(core, pipe)
        clock[core * PER_CORE + pipe] = self.count[core * PER_CORE + pipe]
        return clock

    def can_raise(self, core: int, src: int, dst: int, event: int) -> bool:
        """Whether a flag is down and its last wait is ordered before a set placed now."""
        key = (core, src, dst, event)
        if key in self.raised:
            return False
        return key not in self.lowered or bool(
            self.clock(core, src)[core * PER_CORE + dst] > self.lowered[key]
        )

    def set_flag(self, core: int, src: int, dst: int, event: int) -> None:
        """``set_flag``; `Illegal` if the flag may still be up."""
        if not self.can_raise(core, src, dst, event):
            raise Illegal("raised twice")
        self.raised[core, src, dst, event] = self._fire(core, src)

    def wait_flag(self, core: int, src: int, dst: int, event: int) -> None:
        """``wait_flag``; `Illegal` if nothing has raised the flag."""
        clock = self.raised.pop((core, src, dst, event), None)
        if clock is None:
            raise Illegal("waits for nothing")
        x = core * PER_CORE + dst
        self.lowered[core, src, dst, event] = int(self.count[x])
        self._enter(core, dst)
        self.known[x] = np.maximum(self.known[x], clock)

    def barrier(self, core: int, pipe: int) -> None:
        """``pipe_barrier`` of one pipe."""
        x = core * PER_CORE + pipe
        self._enter(core, pipe)
        self.known[x][x] = self.count[x]

    def barrier_all(self, core: int) -> None:
        """``pipe_barrier ALL``."""
        first = core * PER_CORE
        clock = self.clock(core, S)
        for x in range(first, first + PER_CORE):
            clock = np.maximum(clock, self.known[x])
            clock[x] = max(clock[x], self.count[x])
        self.known[first] = clock
        self.count[first] += 1

    # --- cross-core flags

    def fire(self, core: int, pipe: int) -> Clock:
        """``cross_core_set_flag`` of one core: the clock that it carries."""
        return self._fire(core, pipe)

    def room(self, core: int, flag: int) -> bool:
        """Whether a counter may count once more."""
        return self.counted[core, flag] < FLAG_LIMIT

    def count_up(self, core: int, flag: int, clock: Clock) -> None:
        """A counter of a core is raised."""
        if not self.room(core, flag):
            raise Illegal("may overflow")
        self.counted[core, flag] += 1
        self.counters[core, flag].append(clock)

    def count_down(self, core: int, pipe: int, flag: int) -> None:
        """``cross_core_wait_flag``."""
        queue = self.counters[core, flag]
        if not queue:
            raise Illegal("waits for nothing")
        clock = queue.pop(0)
        x = core * PER_CORE + pipe
        self._enter(core, pipe)
        self.known[x] = np.maximum(self.known[x], clock)

    def finished(self) -> bool:
        """Whether no flag and no counter is left over."""
        return not self.raised and not any(self.counters.values())
