"""Live bytes of the local memories.

A 32-byte granule is live from the completion of a write to the end of the last read before the next
overwrite. Two words a granule are kept: when its last write completed, and when its last read
since ended;
the interval is known at the overwrite, or at the end of the run.
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


@njit
def note_region(region, base, written, read, end, log, slot):
    """One region row of an instruction; ``base``: the memory's first granule in the shadow
    arrays.
    """
    write, n1, s1, n0, s0, length = region[1], region[3], region[4], region[5], region[6], region[7]
    if s0 == 0:
        n0 = 1  # the same bytes again
    if s1 == 0:
        n1 = 1
    for i in range(n1):
        for j in range(n0):
            start = region[2] + i * s1 + j * s0
            first = base + (start >> GRANULE_SHIFT)
            last = base + ((start + length - 1) >> GRANULE_SHIFT) + 1
            note_run(written, read, first, last, write, end, log, slot)


@njit
def close_all(written, read, log, slot, first, last):
    """At the end of the run: log what is still open in a memory."""
    _close(written[first:last], read[first:last], log, slot)


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
