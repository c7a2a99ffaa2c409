"""Peaks of live bytes, from the logged intervals.

A byte is live from the completion of a write to the end of the last read before it is overwritten.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
