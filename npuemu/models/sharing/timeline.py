"""Pieces of work in order of time, for runs in which cores take turns at L2 and at the memory."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass, field

from npuemu.models.parts.cost import Costs

Event = tuple[str | int, ...]
Process = Generator[float | Event, None, None]
"""Goes on at the time that it yields, or when the event has happened that it yields."""


@dataclass
class Shared:
    """L2 and the memory: queues that serve first who comes first; bytes and cycles."""

    costs: Costs
    l2: float = 0.0
    hbm: float = 0.0

    def serve(self, start: float, size: float, fresh: float = 0.0) -> float:
        """When ``size`` bytes have passed L2, and ``fresh`` of them the memory."""
        self.l2 = max(self.l2, start) + size / self.costs.l2
        if fresh:
            self.hbm = max(self.hbm, start) + fresh / self.costs.hbm
            return max(self.l2, self.hbm)
        return self.l2

    def lost(self, start: float, work: float, size: float, fresh: float = 0.0) -> float:
        """Cycles that a transfer of ``work`` cycles waits for its turn, which it takes at its
        start: a head comes behind both.
        """
        return max(0.0, self.serve(start, size, fresh) - start - work)


@dataclass
class Timeline:
    """Processes, each of which goes on at the time, or behind the event, that it yields."""

    events: dict[Event, float] = field(default_factory=dict)
    _queue: list[tuple[float, int, Process]] = field(default_factory=list)
    _waiting: dict[Event, list[tuple[int, Process]]] = field(default_factory=dict)

    def happens(self, name: Event, time: float) -> None:
        """An event; those who wait for it go on then."""
        self.events[name] = time
        for number, process in self._waiting.pop(name, []):
            heapq.heappush(self._queue, (time, number, process))

    def run(self, processes: list[Process]) -> None:
        """All of them, in order of time, from 0 on; RuntimeError if one waits for ever."""
        self._queue = [(0.0, number, process) for number, process in enumerate(processes)]
        while self._queue:
            time, number, process = heapq.heappop(self._queue)
            for wanted in process:
                if not isinstance(wanted, tuple):
                    time = wanted
                elif wanted in self.events:
                    time = max(time, self.events[wanted])
                else:
                    self._waiting.setdefault(wanted, []).append((number, process))
                    break
                if self._queue and self._queue[0][:2] < (time, number):
                    heapq.heappush(self._queue, (time, number, process))
                    break
        if self._waiting:
            raise RuntimeError(f"never happens: {', '.join(map(str, self._waiting))}")
