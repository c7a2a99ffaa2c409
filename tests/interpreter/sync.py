"""Flags inside a core and counters between cores, each with what it carries."""

from __future__ import annotations

from collections import defaultdict, deque

MOST = 15
Counts = dict[tuple[int, int], deque[int]]


class Signals:
    """flags: by (core, src, dst, event); counters: by (core, id); arrivals: by (mode,
    core, id), oldest first.

    The values are what the setting pipes were ordered after. changed: a counter has gone up.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self.flags: dict[tuple[int, int, int, int], int] = {}
        self.counters: Counts = defaultdict(deque)
        self.arrivals: dict[tuple[str, int, int], deque[int]] = defaultdict(deque)
        self.changed = False

    def raise_flag(self, flag: tuple[int, int, int, int], carried: int) -> str | None:
        """E113 if it is up."""
        if flag in self.flags:
            return "E113"
        self.flags[flag] = carried
        return None

    def _count(self, core: int, number: int, carried: int) -> str | None:
        if len(self.counters[core, number]) == MOST:
            return "E114"
        self.counters[core, number].append(carried)
        self.changed = True
        return None

    def _gather(
        self, core: int, flag: tuple[str, int], carried: int, members: list[int], to: list[int]
    ) -> str | None:
        """An arrival of `core`; with one from every member, a count for all of `to`.

        flag: mode and id; every mode has arrivals of its own.
        """
        mode, number = flag
        if len(self.arrivals[mode, core, number]) == MOST:
            return "E114"
        self.arrivals[mode, core, number].append(carried)
        if not all(self.arrivals[mode, member, number] for member in members):
            return None
        together = 0
        for member in members:
            together |= self.arrivals[mode, member, number].popleft()
        faults = [self._count(receiver, number, together) for receiver in to]
        return next((fault for fault in faults if fault), None)

    def set_cross(self, core: int, mode: str, number: int, carried: int) -> str | None:
        """`cross_core_set_flag` when it fires; E114 where a count would pass 15."""
        cube, kind = core - core % 3, core % 3
        vectors = [cube + 1, cube + 2]
        if mode == "all":
            every = [3 * g + s for g in range(self.groups) for s in ((1, 2) if kind else (0,))]
            return self._gather(core, (mode, number), carried, every, every)
        if mode == "pair":
            return self._gather(core, (mode, number), carried, vectors, vectors)
        if mode == "c1v":
            if kind:
                return self._count(cube, number + 16 * (kind - 1), carried)
            return self._count(vectors[number // 16], number % 16, carried)
        if kind:
            return self._gather(core, (mode, number), carried, vectors, [cube])
        faults = [self._count(vector, number, carried) for vector in vectors]
        return next((fault for fault in faults if fault), None)
