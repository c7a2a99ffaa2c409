"""Live bytes of every memory: peaks, who holds them then, and the intervals themselves.

A byte is live from the completion of a write to the end of the last read before it is overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.observe import areas as ar
from npuemu.observe.recording import LIVE

Ints = NDArray[np.int64]
NAME_BITS, WRITER_BITS = 20, 20
SLOT_SHIFT = NAME_BITS + WRITER_BITS
MEMORIES = 16


@dataclass(frozen=True)
class Held:
    """Live bytes of a memory at one time: row that wrote them, index of the named range they lie
    in (-1: none), how many.
    """

    writer: int
    name: int
    bytes: int


class Occupancy:
    """Collects logged intervals.

    ``named``: ranges (memory number, low, high) that have names; ``window``: keep the intervals
    that touch these cycles, None: keep none.
    """

    def __init__(
        self,
        named: Sequence[tuple[int, int, int]] = (),
        window: tuple[int, int] | None = None,
    ) -> None:
        self.named, self.window = named, window
        self.changes: list[Ints] = []
        self.intervals: list[NDArray[np.void]] = []
        self._merged: Ints | None = None

    def add(self, rows: Ints) -> None:
        """Take over log rows [n, LOG_COLUMNS]. What was read only before its write ended, as races
        do, was never live.
        """
        rows = rows[rows[:, ar.L_STOP] > rows[:, ar.L_START]]
        if not len(rows):
            return
        who = rows[:, ar.L_SLOT] << WRITER_BITS | rows[:, ar.L_WRITER]
        who = who << NAME_BITS | self._names(rows)
        times = np.concatenate([rows[:, ar.L_START], rows[:, ar.L_STOP]])
        deltas = np.concatenate([rows[:, ar.L_BYTES], -rows[:, ar.L_BYTES]])
        self.changes.append(_compress(np.concatenate([who, who]), times, deltas))
        self._merged = None
        if self.window is not None:
            self._keep(rows, *self.window)

    def _names(self, rows: Ints) -> Ints:
        """1 + index of the smallest named range in which the bytes of a row begin, 0: none."""
        found = np.zeros(len(rows), np.int64)
        memory, low = rows[:, ar.L_SLOT] % MEMORIES, rows[:, ar.L_LOW]
        for i in sorted(range(len(self.named)), key=lambda i: self.named[i][1] - self.named[i][2]):
            number, first, last = self.named[i]
            found[(memory == number) & (first <= low) & (low < last)] = i + 1
        return found

    def _keep(self, rows: Ints, first: int, last: int) -> None:
        chosen = rows[(rows[:, ar.L_START] < last) & (rows[:, ar.L_STOP] >= first)]
        kept = np.zeros(len(chosen), LIVE)
        columns = {
            "slot": ar.L_SLOT, "writer": ar.L_WRITER, "reader": ar.L_READER, "low": ar.L_LOW,
            "high": ar.L_HIGH, "bytes": ar.L_BYTES, "start": ar.L_START, "stop": ar.L_STOP,
        }  # fmt: skip
        for name, column in columns.items():
            kept[name] = chosen[:, column]
        self.intervals.append(kept)

    def live(self) -> NDArray[np.void]:
        """The intervals that were kept, as rows of `LIVE`."""
        return np.concatenate([np.zeros(0, LIVE), *self.intervals])

    def _of(self, slot: int) -> Ints:
        """Changes of a memory's live bytes [n, 3]: slot, writer and name, cycle, bytes."""
        if self._merged is None:
            rows = np.concatenate([np.zeros((0, 3), np.int64), *self.changes])
            self._merged = _compress(rows[:, 0], rows[:, 1], rows[:, 2])
        edges = [slot << SLOT_SHIFT, (slot + 1) << SLOT_SHIFT]
        low, high = np.searchsorted(self._merged[:, 0], edges)
        return self._merged[low:high]

    def peak(self, slot: int) -> tuple[int, int]:
        """(peak live bytes, first cycle of the peak) of a memory; (0, 0) when nothing was ever
        live.
        """
        rows = self._of(slot)
        if not len(rows):
            return 0, 0
        series = _compress(np.zeros(len(rows), np.int64), rows[:, 1], rows[:, 2])
        live = np.cumsum(series[:, 2])
        best = int(np.argmax(live))
        return int(live[best]), int(series[best, 1])

    def holders(self, slot: int, cycle: int) -> list[Held]:
        """Who holds the bytes of a memory that are live at ``cycle``, the most first."""
        rows = self._of(slot)
        rows = rows[rows[:, 1] <= cycle]
        who, inverse = np.unique(rows[:, 0] & ((1 << SLOT_SHIFT) - 1), return_inverse=True)
        sizes = np.bincount(inverse.ravel(), rows[:, 2], who.size).astype(np.int64)
        found = [
            Held(int(w) >> NAME_BITS, (int(w) & ((1 << NAME_BITS) - 1)) - 1, int(n))
            for w, n in zip(who, sizes, strict=True)
            if n
        ]
        return sorted(found, key=lambda held: (-held.bytes, held.writer))


def _compress(who: Ints, times: Ints, deltas: Ints) -> Ints:
    """Sum the deltas of equal times of each ``who``; sorted by both."""
    order = np.lexsort((times, who))
    who, times = who[order], times[order]
    new = (who[1:] != who[:-1]) | (times[1:] != times[:-1])
    first = np.flatnonzero(np.concatenate([np.ones(min(1, who.size), bool), new]))
    if not first.size:
        return np.zeros((0, 3), np.int64)
    return np.stack([who[first], times[first], np.add.reduceat(deltas[order], first)], axis=1)
