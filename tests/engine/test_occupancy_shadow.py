"""The occupancy shadow, tiles included, against granules kept one by one in Python."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from npuemu.observe import occupancy as oc

GRANULES = 512
Region = tuple[int, int, int, int, int, int]  # base, n1, s1, n0, s0, length


class Naive:
    """Two numbers a granule, and every interval that ends."""

    def __init__(self) -> None:
        self.written, self.read = [0] * GRANULES, [0] * GRANULES
        self.intervals: Counter[tuple[int, int]] = Counter()

    def end(self, g: int) -> None:
        """Log the interval of a granule."""
        if self.written[g] and self.read[g]:
            self.intervals[self.written[g], self.read[g]] += 32

    def note(self, region: Region, write: bool, time: int) -> None:
        """One access."""
        base, n1, s1, n0, s0, length = region
        starts = [base + i * s1 + j * s0 for i in range(n1) for j in range(n0)]
        for g in sorted({b >> 5 for s in starts for b in range(s, s + length)}):
            if write:
                self.end(g)
                self.written[g], self.read[g] = time, 0
            else:
                self.read[g] = max(self.read[g], time)


def draw(rng: random.Random) -> Region:
    """A region inside the memory; most are made of whole granules."""
    while True:
        unit = 32 if rng.random() < 0.8 else rng.choice([2, 4, 8])
        n1, n0 = rng.choice([1, 1, 2, 3]), rng.choice([1, 1, 2, 5, 8])
        length = unit * rng.randrange(1, 40)
        s0 = rng.choice([0, length, length + 32 * rng.randrange(4)]) if n0 > 1 else 0
        s1 = rng.choice([0, n0 * s0 + length, 32 * rng.randrange(64)]) if n1 > 1 else 0
        base = unit * rng.randrange(GRANULES * 32 // unit)
        if base + (n1 - 1) * s1 + (n0 - 1) * s0 + length <= GRANULES * 32:
            return base, n1, s1, n0, s0, length


@pytest.mark.parametrize("seed", range(40))
def test_intervals_are_those_of_the_granules(seed: int) -> None:
    rng = random.Random(seed)
    pool = [draw(rng) for _ in range(rng.choice([2, 4, 12]))]
    offset = 64  # the memory does not begin with the shadow arrays
    written, read = np.zeros(GRANULES + 128, np.int64), np.zeros(GRANULES + 128, np.int64)
    log = np.zeros(1 << 20, np.int64)
    tiles = np.zeros(oc.TILE_COLUMNS, np.int64)
    tiles[oc.TILE_CREDIT] = oc.FULL_CREDIT
    naive, time = Naive(), 0
    for _ in range(300):
        time += rng.randrange(1, 4)
        region = rng.choice(pool) if rng.random() < 0.9 else draw(rng)
        write, ends = rng.random() < 0.4, time + rng.randrange(5)
        row = np.array([7, int(write), *region, 0][:8], np.int64)
        oc.note_region(row, offset, written, read, ends, log, 5, tiles)
        naive.note(region, write, ends)
    oc.close_all(written, read, log, 5, offset, offset + GRANULES, tiles)
    for g in range(GRANULES):
        naive.end(g)
    rows = log[4 : 4 + 4 * log[0]].reshape(-1, 4)
    found: Counter[tuple[int, int]] = Counter()
    for slot, start, stop, size in rows.tolist():
        assert slot == 5
        found[start, stop] += size
    assert found == naive.intervals
    assert (read[:offset] == 0).all() and (read[offset + GRANULES :] == 0).all()
