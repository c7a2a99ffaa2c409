"""The observers of one launch: their arrays, room when they run full, and what they have found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.jit.areas import sparse
from npuemu.observe import areas as ar
from npuemu.observe.areas import GRANULE_SHIFT
from npuemu.observe.occupancy import Occupancy

Ints = NDArray[np.int64]
RECORDS = 1 << 19
LEAVES = 1 << 12
LOG_ROWS = 1 << 16
MEMORIES = 16
TILES_VALID = slice(ar.TILE_FIRST + ar.TILE_VALID, None, ar.TILE_WORDS)
FLAGS, RELEASES, ARRIVALS = 512, 32 * 16, 96 * 16
"""Clocks of a core: of its flags, of the counts of its counters, of its arrivals in three modes."""


@dataclass(frozen=True)
class Memory:
    """A local memory as the observers see it: its owner, its number there, its bytes."""

    core: int
    number: int
    size: int

    @property
    def slot(self) -> int:
        """Row of its tiles and intervals."""
        return self.core * MEMORIES + self.number


@dataclass(frozen=True)
class Finding:
    """A race or a read of memory that nothing wrote, with its first occurrence.

    ``row_a`` is -1 where no earlier instruction takes part. Pipes are numbers in the launch
    (core * 8 + pipe), ``low .. high`` bytes of memory ``number`` of core ``core``.
    """

    kind: int
    row_a: int
    row_b: int
    core: int
    number: int
    pipe_a: int
    pipe_b: int
    start_a: int
    start_b: int
    low: int
    high: int
    count: int


class Watch:
    """Observers of ``cores`` cores. ``protected``: numbers (0..7) of the pipes whose own accesses
    the machine orders; ``gm``: bytes of global memory, ``tracked`` the ranges that a kernel may
    write, ``outputs`` those it leaves as results.

    ``check``: find races and reads of undefined memory, not occupancy alone; ``carry``: follow
    undefined bytes through loads and stores (needs numbers). ``named`` ranges and ``window``: see
    `Occupancy`.
    """

    def __init__(
        self,
        cores: int,
        rows: int,
        depth: int,
        memories: list[Memory],
        gm: int,
        tracked: list[tuple[int, int]],
        outputs: list[tuple[int, int]],
        protected: frozenset[int],
        check: bool,
        carry: bool,
        named: Sequence[tuple[int, int, int]] = (),
        window: tuple[int, int] | None = None,
    ) -> None:
        self.cores, self.memories, self.check = cores, memories, check
        self.tracked, self.outputs = tracked, outputs
        self.occupancy = Occupancy(named, window)
        self.unused = np.zeros(rows, np.int64)
        self.executed = np.zeros(rows, np.int64)
        self.first: dict[int, int] = {}
        total = 0
        for memory in memories:
            self.first[memory.slot] = total
            total += (memory.size >> GRANULE_SHIFT) + 1
        self.gm_first = total
        total += (gm >> GRANULE_SHIFT) + 1
        self.written, self.read = np.zeros(total, np.int32), np.zeros(total, np.int32)
        self.marks: dict[int, NDArray[np.uint8]] = {}
        if carry and check:
            self.marks = {m.slot: np.zeros(m.size + 512, np.uint8) for m in memories}
            self.marks[0] = np.zeros(gm + 512, np.uint8)
        self._arrays(depth, protected)
        self.table = ar.AREAS.table(self)

    def _arrays(self, depth: int, protected: frozenset[int]) -> None:
        cores, width = self.cores, self.cores * ar.CORE_PIPES
        stride = ar.V_KNOWN + width
        few = cores if self.check else 0

        def clocks(count: int) -> Ints:
            return sparse(count, stride)

        self.header = np.zeros(ar.HEADER_WORDS, np.int64)
        self.records = sparse(RECORDS, ar.RECORD_COLUMNS)
        self.leaves = np.zeros((LEAVES, ar.LEAF_WORDS), np.int32)
        self.free = np.arange(LEAVES - 1, -1, -1, dtype=np.int64)  # leaf 0 stands for none
        self.places = np.zeros((cores * MEMORIES, ar.PLACE_COLUMNS), np.int64)
        self.tiles = np.zeros((cores * MEMORIES, ar.TILE_COLUMNS), np.int64)
        self.tiles[:, ar.TILE_CREDIT] = ar.FULL_CREDIT // 4
        self.log = np.zeros((LOG_ROWS, ar.LOG_COLUMNS), np.int64)
        self.clocks, self.carry = clocks(width), clocks(1)
        for x in range(width):
            self.clocks[x, ar.V_PROTECTED] = int(x % ar.CORE_PIPES in protected)
        self.queued = clocks(few * ar.CORE_PIPES * depth + 1)
        self.flags, self.releases = clocks(few * FLAGS + 1), clocks(few * RELEASES + 1)
        self.arrivals = clocks(few * ARRIVALS + 1)
        self.findings = np.zeros((ar.FINDINGS, ar.FINDING_COLUMNS), np.int64)
        h = self.header
        h[ar.H_CHECK], h[ar.H_NEXT], h[ar.H_RECORDS] = int(self.check), 1, RECORDS
        h[ar.H_FREE], h[ar.H_LEAVES] = LEAVES - 1, LEAVES - 1
        h[ar.H_LOG_ROWS], h[ar.H_CHAIN] = LOG_ROWS, 1
        h[ar.H_WIDTH], h[ar.H_STRIDE] = width, stride
        h[ar.H_MARKS] = int(bool(self.marks))

    def see(self, core: int, number: int, slot: int) -> None:
        """Core ``core`` names memory ``number``, which is the one of ``slot`` (0: GM)."""
        marks = self.marks[slot].ctypes.data if self.marks else 0
        first = self.first[slot] if slot else self.gm_first
        self.places[core * MEMORIES + number] = first, slot, marks

    @property
    def address(self) -> int:
        """What the jitted code is handed."""
        return int(self.table.ctypes.data)

    # --- room

    def make_room(self) -> None:
        """Room for what the instruction in hand asks for."""
        h = self.header
        self._drain()
        if h[ar.H_NEED_LOG] + 1 >= h[ar.H_LOG_ROWS]:
            h[ar.H_LOG_ROWS] = 2 * h[ar.H_NEED_LOG]
            self.log = np.zeros((int(h[ar.H_LOG_ROWS]), ar.LOG_COLUMNS), np.int64)
        if h[ar.H_NEXT] + h[ar.H_NEED_RECORDS] > h[ar.H_RECORDS]:
            self._compact()
            wanted = int(h[ar.H_NEXT] + h[ar.H_NEED_RECORDS])
            if 2 * wanted > h[ar.H_RECORDS]:
                h[ar.H_RECORDS] = 4 * wanted
                self.records = _longer(self.records, 4 * wanted)
        if h[ar.H_FREE] < h[ar.H_NEED_LEAVES]:
            old, new = len(self.leaves), 2 * (len(self.leaves) + int(h[ar.H_NEED_LEAVES]))
            self.leaves = _longer(self.leaves, new)
            free = self.free[: int(h[ar.H_FREE])]
            self.free = np.zeros(new, np.int64)
            self.free[: free.size] = free
            self.free[free.size : free.size + new - old] = np.arange(old, new)
            h[ar.H_FREE] += new - old
            h[ar.H_LEAVES] = new - 1
        self.table[:] = ar.AREAS.table(self)

    def _drain(self) -> None:
        rows = int(self.log[0, 0])
        self.occupancy.add(self.log[1 : rows + 1])
        self.log[0, 0] = 0

    def _shadows(self) -> list[NDArray[np.int32]]:
        """All parts of the shadow that may hold record numbers."""
        last = self.gm_first
        parts = [self.written[:last], self.read[:last], self.leaves.reshape(-1)]
        for start, stop in self.tracked:
            low, high = last + (start >> GRANULE_SHIFT), last + _granules(stop)
            parts += [self.written[low:high], self.read[low:high]]
        return parts

    def _tile_columns(self) -> list[Ints]:
        columns = []
        for i in range(ar.TILES):
            at = ar.TILE_FIRST + i * ar.TILE_WORDS
            valid = self.tiles[:, at + ar.TILE_VALID] == 1
            for column in (ar.TILE_WRITTEN, ar.TILE_READ):
                self.tiles[~valid, at + column] = 0
                columns.append(self.tiles[:, at + column])
        return columns

    def _alive(self) -> NDArray[np.bool_]:
        """Records that memory still refers to."""
        count = int(self.header[ar.H_NEXT])
        alive = np.zeros(count, bool)
        parts: list[NDArray[Any]] = [*self._shadows(), *self._tile_columns()]
        for part in parts:
            alive[part[part > 0]] = True
        while True:
            more = self.records[:count][alive][:, ar.R_PREVIOUS]
            more = more[(more > 0) & ~alive[more]]
            if not more.size:
                break
            alive[more] = True
        alive[0] = True
        return alive

    def _count_unused(self, gone: NDArray[np.bool_]) -> None:
        """Count the executions among ``gone`` whose results nobody will have read."""
        rows = self.records[: gone.size][gone]
        state = rows[:, ar.R_STATE]
        wrote = rows[(state & ar.WROTE != 0) & (state & ar.READER == 0)]
        np.add.at(self.executed, wrote[:, ar.R_ROW], 1)
        dead = wrote[wrote[:, ar.R_STATE] & ar.USED == 0]
        np.add.at(self.unused, dead[:, ar.R_ROW], 1)

    def _compact(self) -> None:
        """Renumber the records that are still referred to; the others end here."""
        alive = self._alive()
        self._count_unused(~alive)
        number = (np.cumsum(alive) - 1).astype(np.int64)
        kept = self.records[: alive.size][alive]
        kept[:, ar.R_PREVIOUS] = number[kept[:, ar.R_PREVIOUS]]
        self.records[: len(kept)] = kept
        for part in self._shadows():
            positive = part > 0
            part[positive] = number[part[positive]]
        for column in self._tile_columns():
            column[:] = number[column]
        self.header[ar.H_NEXT] = len(kept)

    # --- the end

    def finish(self) -> None:
        """Close what is open: intervals of live bytes, results that are left."""
        self._close_intervals()
        self._drain()
        alive = np.zeros(int(self.header[ar.H_NEXT]), bool)
        for start, stop in self.outputs:
            low = self.gm_first + (start >> GRANULE_SHIFT)
            part = self.written[low : self.gm_first + _granules(stop)]
            alive[part[part > 0]] = True
            for leaf in -part[part < 0]:
                words = self.leaves[leaf, :32]
                alive[words[words > 0]] = True
        self.records[: alive.size][alive, ar.R_STATE] |= ar.USED
        gone = np.ones(alive.size, bool)
        gone[0] = False
        self._count_unused(gone)

    def _close_intervals(self) -> None:
        """Log what is still live at the end."""
        for memory in self.memories:
            first = self.first[memory.slot]
            last = first + (memory.size >> GRANULE_SHIFT)
            written, read = self.written[first:last], self.read[first:last]
            row = self.tiles[memory.slot]
            if not written.any() and not row[TILES_VALID].any():
                continue
            for i in range(ar.TILES):
                tile = row[ar.TILE_FIRST + i * ar.TILE_WORDS :][: ar.TILE_WORDS]
                if tile[ar.TILE_VALID]:
                    _spread(written, read, tile)
            split = np.flatnonzero(written < 0)
            leaves = self.leaves[-written[split]]
            whole = np.arange(written.size) << GRANULE_SHIFT
            parts = ((split << GRANULE_SHIFT)[:, None] + np.arange(ar.GRANULE)).ravel()
            self._log_live(memory.slot, written, read, whole, ar.GRANULE)
            self._log_live(memory.slot, leaves[:, :32].ravel(), leaves[:, 32:].ravel(), parts, 1)

    def _log_live(
        self, slot: int, written: NDArray[np.int32], read: NDArray[np.int32], at: Ints, size: int
    ) -> None:
        """Log pieces of ``size`` bytes at addresses ``at`` that were written and read; neighbours
        of the same writer and readers in one row.
        """
        live = (written > 0) & (read > 0)
        if not live.any():
            return
        writer, reader, low = written[live], read[live], at[live]
        new = (writer[1:] != writer[:-1]) | (reader[1:] != reader[:-1])
        new |= low[1:] != low[:-1] + size
        first = np.flatnonzero(np.concatenate([[True], new]))
        count = np.diff(np.concatenate([first, [low.size]]))
        writer, reader, low = writer[first], reader[first], low[first]
        rows = np.zeros((first.size, ar.LOG_COLUMNS), np.int64)
        rows[:, ar.L_SLOT], rows[:, ar.L_BYTES] = slot, size * count
        rows[:, ar.L_START] = self.records[writer, ar.R_END]
        rows[:, ar.L_STOP] = self.records[reader, ar.R_LAST]
        rows[:, ar.L_LOW], rows[:, ar.L_HIGH] = low, low + size * count
        rows[:, ar.L_WRITER] = self.records[writer, ar.R_ROW]
        rows[:, ar.L_READER] = self.records[reader, ar.R_ROW]
        self.occupancy.add(rows)

    @property
    def lost(self) -> int:
        """Findings of further pairs for which there was no row."""
        return int(self.header[ar.H_LOST])

    def found(self) -> list[Finding]:
        """The findings, in the order of their first occurrence."""
        rows = self.findings[: int(self.header[ar.H_FINDINGS])].tolist()
        return [
            Finding(
                kind=f[ar.F_KIND],
                row_a=f[ar.F_ROW_A],
                row_b=f[ar.F_ROW_B],
                core=f[ar.F_SLOT] // MEMORIES,
                number=f[ar.F_SLOT] % MEMORIES,
                pipe_a=f[ar.F_PIPE_A],
                pipe_b=f[ar.F_PIPE_B],
                start_a=f[ar.F_START_A],
                start_b=f[ar.F_START_B],
                low=f[ar.F_LOW],
                high=f[ar.F_HIGH],
                count=f[ar.F_COUNT],
            )
            for f in rows
        ]


def _granules(size: int) -> int:
    """Granules that hold ``size`` bytes: tensors begin at granules, and may follow one another."""
    return (size + 31) >> GRANULE_SHIFT


def _spread(written: NDArray[np.int32], read: NDArray[np.int32], tile: Ints) -> None:
    """Give a tile back to its granules."""
    base, n1, s1, n0, s0, length = (int(v) for v in tile[: ar.TILE_SHAPE])
    for i in range(n1):
        for j in range(n0):
            start = (base + i * s1 + j * s0) >> GRANULE_SHIFT
            stop = start + (length >> GRANULE_SHIFT)
            written[start:stop], read[start:stop] = tile[ar.TILE_WRITTEN], tile[ar.TILE_READ]


def _longer(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """The same rows in an array of ``rows`` rows."""
    new = np.zeros((rows, *array.shape[1:]), array.dtype)
    new[: len(array)] = array
    return new
