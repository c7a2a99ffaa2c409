"""Live bytes of the local memories.

A 32-byte granule is live from the completion of a write to the end of the last read before the next
overwrite. Two words a granule are kept: when its last write completed, and when its last read since
ended; the interval is known at the overwrite, or at the end of the run.

Kernels use the same regions over and over (an accumulator, a tile of L0). The last few regions
written as
a whole are therefore kept as *tiles*: their granules share the two words, which are spread over the
granules only when another access touches a part of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npuemu.jit import njit

GRANULE_SHIFT = 5
LOG_COLUMNS = 4
"""slot (core * 16 + memory), from, to, bytes; row 0 holds the number of rows in use. Flat in
jitted code.
"""
LOG_ROWS = 1 << 16
"""Rows that fill up before the log is drained; a launch adds what one instruction may need at
most.
"""


TILES = 6
TILE_FIRST = 2
TILE_WORDS = 10
TILE_SHAPE = 6  # base, n1, s1, n0, s0, length
(TILE_HIGH, TILE_WRITTEN, TILE_READ, TILE_VALID) = range(TILE_SHAPE, TILE_WORDS)
TILE_CREDIT, TILE_NEXT = 0, 1
TILE_COLUMNS = TILE_FIRST + TILES * TILE_WORDS
SMALLEST_TILE = 512
FULL_CREDIT = 64
"""A memory whose tiles are mostly touched in part loses its credit, and keeps no more tiles."""


@njit(forceinline=True)
def _emit(log, slot, start, stop, granules):
    """Log ``granules`` live in ``start .. stop``; joins the previous row when it is the same
    interval.
    """
    n = log[0]
    at = n * LOG_COLUMNS
    if n > 0 and log[at + 0] == slot and log[at + 1] == start and log[at + 2] == stop:
        log[at + 3] += granules << GRANULE_SHIFT
        return
    n += 1
    at += LOG_COLUMNS
    log[at + 0] = slot
    log[at + 1] = start
    log[at + 2] = stop
    log[at + 3] = granules << GRANULE_SHIFT
    log[0] = n


@njit
def _uniform(words):
    """Whether all words are equal; a branch-free OR of differences, so that it vectorises."""
    first = words[0]
    difference = words[0] ^ first
    for i in range(words.size):
        difference |= words[i] ^ first
    return difference == 0


@njit
def _close(written, read, log, slot):
    """Log the finished intervals of a run of granules."""
    if _uniform(written) and _uniform(read):
        if read[0] > 0 and written[0] > 0:
            _emit(log, slot, written[0], read[0], read.size)
        return
    start = 0
    for i in range(1, read.size + 1):
        if i == read.size or read[i] != read[start] or written[i] != written[start]:
            if read[start] > 0 and written[start] > 0:
                _emit(log, slot, written[start], read[start], i - start)
            start = i


@njit
def note_run(written, read, first, last, write, end, log, slot):
    """Granules ``first .. last`` are written (or read) by an instruction that ends at ``end``."""
    r = read[first:last]
    if write == 0:
        for i in range(r.size):
            r[i] = max(r[i], end)
        return
    w = written[first:last]
    _close(w, r, log, slot)
    for i in range(w.size):
        w[i] = end
    for i in range(r.size):
        r[i] = 0


@njit(forceinline=True)
def _same(tiles, at, region):
    """Whether the tile at ``at`` is exactly this region."""
    if tiles[at + TILE_VALID] == 0 or tiles[at] != region[2]:
        return False
    for i in range(1, TILE_SHAPE):
        if tiles[at + i] != region[2 + i]:
            return False
    return True


@njit
def _is_tile(region):
    """Whether a region is made of whole granules, each once, and worth a tile."""
    base, n1, s1, n0, s0, length = region[2], region[3], region[4], region[5], region[6], region[7]
    if (base | length) & 31 != 0 or n1 * n0 * length < SMALLEST_TILE:
        return False
    if n0 > 1 and (s0 & 31 != 0 or s0 < length):
        return False
    return n1 == 1 or (s1 & 31 == 0 and s1 >= (n0 - 1) * s0 + length)


@njit
def _spread(tiles, at, base, written, read):
    """Give a tile back to its granules."""
    for i in range(tiles[at + 1]):
        for j in range(tiles[at + 3]):
            start = base + ((tiles[at] + i * tiles[at + 2] + j * tiles[at + 4]) >> GRANULE_SHIFT)
            stop = start + (tiles[at + 5] >> GRANULE_SHIFT)
            written[start:stop] = tiles[at + TILE_WRITTEN]
            read[start:stop] = tiles[at + TILE_READ]
    tiles[at + TILE_VALID] = 0


@njit
def _spread_overlapping(tiles, low, high, base, written, read):
    """Give back all tiles that share bytes with ``low .. high``; parts of tiles cost their
    credit.
    """
    for i in range(TILES):
        at = TILE_FIRST + i * TILE_WORDS
        if tiles[at + TILE_VALID] == 1 and tiles[at] < high and low < tiles[at + TILE_HIGH]:
            _spread(tiles, at, base, written, read)
            tiles[TILE_CREDIT] -= 2


@njit
def _keep(tiles, region, high, end, base, written, read):
    """Make a region that has just been written a tile, in place of the oldest one."""
    at = TILE_FIRST + tiles[TILE_NEXT] * TILE_WORDS
    tiles[TILE_NEXT] = (tiles[TILE_NEXT] + 1) % TILES
    if tiles[at + TILE_VALID] == 1:
        _spread(tiles, at, base, written, read)
    for i in range(TILE_SHAPE):
        tiles[at + i] = region[2 + i]
    tiles[at + TILE_HIGH] = high
    tiles[at + TILE_WRITTEN], tiles[at + TILE_READ], tiles[at + TILE_VALID] = end, 0, 1


@njit
def _note_tile(tiles, at, write, end, log, slot):
    """A tile is read or written as a whole."""
    tiles[TILE_CREDIT] = min(tiles[TILE_CREDIT] + 1, FULL_CREDIT)
    if write == 0:
        tiles[at + TILE_READ] = max(tiles[at + TILE_READ], end)
        return
    if tiles[at + TILE_READ] > 0:
        granules = tiles[at + 1] * tiles[at + 3] * tiles[at + 5] >> GRANULE_SHIFT
        _emit(log, slot, tiles[at + TILE_WRITTEN], tiles[at + TILE_READ], granules)
    tiles[at + TILE_WRITTEN], tiles[at + TILE_READ] = end, 0


@njit
def note_region(region, base, written, read, end, log, slot, tiles):
    """One region row of an instruction that ends at ``end``; ``base``: the memory's first granule
    in the shadow arrays, ``tiles``: its tiles.
    """
    for i in range(TILES):
        at = TILE_FIRST + i * TILE_WORDS
        if _same(tiles, at, region):
            _note_tile(tiles, at, region[1], end, log, slot)
            return
    write, n1, s1, n0, s0, length = region[1], region[3], region[4], region[5], region[6], region[7]
    if s0 == 0:
        n0 = 1  # the same bytes again
    if s1 == 0:
        n1 = 1
    high = region[2] + (n1 - 1) * s1 + (n0 - 1) * s0 + length
    _spread_overlapping(tiles, region[2], high, base, written, read)
    for i in range(n1):
        for j in range(n0):
            start = region[2] + i * s1 + j * s0
            first = base + (start >> GRANULE_SHIFT)
            last = base + ((start + length - 1) >> GRANULE_SHIFT) + 1
            note_run(written, read, first, last, write, end, log, slot)
    if write == 1 and tiles[TILE_CREDIT] > 0 and _is_tile(region):
        _keep(tiles, region, high, end, base, written, read)


@njit
def close_all(written, read, log, slot, base, last, tiles):
    """At the end of the run: log what is still open in a memory."""
    for i in range(TILES):
        at = TILE_FIRST + i * TILE_WORDS
        if tiles[at + TILE_VALID] == 1:
            _spread(tiles, at, base, written, read)
    _close(written[base:last], read[base:last], log, slot)


class Peaks:
    """Collects logged intervals and finds each memory's peak of live bytes."""

    def __init__(self) -> None:
        self.times: dict[int, list[NDArray[np.int64]]] = {}

    def add(self, rows: NDArray[np.int64]) -> None:
        """Take over log rows [n, 4]: slot, from, to, bytes."""
        for slot in np.flatnonzero(np.bincount(rows[:, 0])):
            chosen = rows[rows[:, 0] == slot]
            times = np.concatenate([chosen[:, 1], chosen[:, 2]])
            deltas = np.concatenate([chosen[:, 3], -chosen[:, 3]])
            self.times.setdefault(int(slot), []).append(_compress(times, deltas))

    def peak(self, slot: int) -> tuple[int, int]:
        """(peak live bytes, first cycle of the peak) of a memory; (0, 0) when nothing was ever
        live.
        """
        parts = self.times.get(slot)
        if not parts:
            return 0, 0
        series = _compress(
            np.concatenate([p[:, 0] for p in parts]), np.concatenate([p[:, 1] for p in parts])
        )
        live = np.cumsum(series[:, 1])
        best = int(np.argmax(live))
        return int(live[best]), int(series[best, 0])


def _compress(times: NDArray[np.int64], deltas: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum the deltas of equal times; sorted by time."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    return np.stack([ordered[first], np.add.reduceat(deltas[order], first)], axis=1)
