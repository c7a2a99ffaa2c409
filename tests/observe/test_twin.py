"""The observers against the definition, on random programs.

For every access and every byte that it touches:

- it races with whoever wrote the byte last, and (a write) with those who have read it since, where
  nothing orders them: of each such group at least one pair is found, and its bytes cover this one;
- a found pair is such a pair, of that kind; its first and last byte are bytes of the conflict;
- what its pipe knows of all others is as many of their accesses as it should be;
- the bytes that it reads and nobody wrote are found exactly, at once, or are carried along.

Older accesses are never compared; the definition knows them all, and any byte with a race between
any two of its accesses must be covered in the end.
"""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest

from npuemu.observe import areas as ar
from npuemu.observe import watch as watch_module
from npuemu.observe.areas import TILE_VALID, TILE_WRITTEN
from tests.observe.driver import Observers, split
from tests.observe.naive import Access, Naive, Pair, Seen, bytes_of
from tests.observe.programs import GM_BYTES, MORE, OUT, SCRATCH, Shape, World

ALL_PROTECTED = frozenset(range(8))


class Twins:
    """One random program on both."""

    def __init__(self, seed: int, shape: Shape | None = None, tight: bool = False) -> None:
        rng = random.Random(seed)
        self.shape = shape or Shape(
            groups=rng.choice([1, 1, 2, 3]),
            steps=rng.choice([40, 120, 250]),
            sync=rng.choice([0.0, 0.2, 0.5, 0.8]),
            scalar=rng.choice([0.02, 0.1, 0.3]),
            whole=rng.choice([1.0, 0.9, 0.5]),
            pool=rng.choice([2, 4, 8, 16]),
            cores_used=rng.choice([1, 2, 3, 6]),
        )
        chosen = [p for p in range(7) if rng.random() < 0.3]
        protected = rng.choice([frozenset(chosen), frozenset({2}), ALL_PROTECTED])
        self.world = World(rng, self.shape, [], self.show)
        cores = self.world.cores
        self.naive = Naive(cores, protected)
        self.real = Observers(
            cores, protected, 2 * self.shape.steps + 2, self.world.memories(), self.world.seen(),
            GM_BYTES, [SCRATCH, OUT, MORE], [OUT], tight,
        )  # fmt: skip
        self.world.players = [self.naive, self.real]
        self.covered: dict[int, set[int]] = defaultdict(set)
        self.found: list[list[int]] = []

    def show(self, access: Access) -> None:
        """An access on both, compared."""
        self.compare_order(access.x)
        seen, found = self.naive.access(access), self.real.access(access)
        self.found += found
        races, undefined = split(found)
        if not self.shape.same_rows:
            self.compare_races(seen, races)
        self.compare_undefined(access, seen, undefined)

    def compare_order(self, x: int) -> None:
        """What pipe ``x`` knows of every pipe: the first so many accesses, and how many."""
        counts = self.real.watch.clocks[x, ar.V_KNOWN :].tolist()
        for y, done in enumerate(self.naive.done):
            known = self.naive.known[x] & done
            assert done & ((1 << known.bit_length()) - 1) == known
            assert counts[y] >> ar.WAIT_BITS == known.bit_count() or (y == x and y % 8 in self.naive.protected)

    def compare_races(self, seen: Seen, races: list[list[int]]) -> None:
        """Every race is there, and nothing else."""
        reported: dict[Pair, range] = {}
        for f in races:
            pair = Pair(f[ar.F_KIND], f[ar.F_ROW_A], f[ar.F_ROW_B], f[ar.F_SLOT])
            assert pair in seen.races, pair
            assert pair not in reported
            reported[pair] = range(f[ar.F_LOW], f[ar.F_HIGH])
            assert {f[ar.F_LOW], f[ar.F_HIGH] - 1} <= seen.races[pair]
            self.covered[pair.slot] |= set(reported[pair])
        for (slot, address, kind), pairs in seen.some.items():
            hit = [p for p in pairs if address in reported.get(p, ())]
            assert hit, (slot, address, kind, pairs, reported)

    def compare_undefined(self, access: Access, seen: Seen, found: list[list[int]]) -> None:
        """Undefined bytes: reported, or carried."""
        spans = {f[ar.F_SLOT]: (f[ar.F_LOW], f[ar.F_HIGH]) for f in found}
        if access.carries:
            assert not found and self.real.undefined() == bool(seen.undefined)
        else:
            if not self.shape.same_rows:
                assert len(found) == len(spans)
                assert all(f[ar.F_ROW_A : ar.F_ROW_B + 1] == [-1, access.row] for f in found)
            assert spans == {s: (min(b), max(b) + 1) for s, b in seen.undefined.items()}

    def check_end(self) -> None:
        """Live bytes, unused results, the last writer of every byte; no race was missed."""
        self.check_writers()
        self.naive.finish([OUT])
        self.real.finish()
        assert self.real.watch.live == self.naive.live
        executed, unused = self.naive.unused()
        assert np.flatnonzero(self.real.watch.executed).tolist() == sorted(executed)
        assert all(self.real.watch.executed[row] == n for row, n in executed.items())
        assert np.flatnonzero(self.real.watch.unused).tolist() == sorted(unused)
        assert all(self.real.watch.unused[row] == n for row, n in unused.items())
        if not self.shape.same_rows:
            for slot, racing in self.naive.racing.items():
                assert racing <= self.covered[slot]
        if not self.naive.pairs:
            assert not split(self.found)[0]

    def check_writers(self) -> None:
        """What the shadow says of every byte: the row of who wrote it last."""
        w = self.real.watch
        for slot, first in [*w.first.items(), (0, w.gm_first)]:
            size = GM_BYTES if slot == 0 else 4096
            last = {a: self.naive.accesses[b.writer].row for a, b in self.naive.memory[slot].items()
                    if b.writer >= 0}  # fmt: skip
            words = w.written[first : first + (size >> 5)]
            writers = np.repeat(words.astype(np.int64), 32)
            for granule in np.flatnonzero(words < 0).tolist():
                leaf = w.leaves[-words[granule], :32]
                writers[32 * granule : 32 * granule + 32] = leaf
            for i in range(ar.TILES if slot else 0):
                tile = w.tiles[slot, ar.TILE_FIRST + i * ar.TILE_WORDS :][: ar.TILE_WORDS].tolist()
                if tile[TILE_VALID]:
                    shape = tuple(tile[: ar.TILE_SHAPE])
                    writers[sorted(bytes_of(shape))] = tile[TILE_WRITTEN]
            rows = {a: int(w.records[n, ar.R_ROW]) for a, n in enumerate(writers.tolist()) if n}
            assert rows == last


def play(seed: int, shape: Shape | None = None, tight: bool = False) -> Twins:
    """One program, compared all the way."""
    twins = Twins(seed, shape, tight)
    twins.world.run()
    twins.check_end()
    return twins


@pytest.mark.parametrize("seed", range(32))
def test_random_programs(seed: int) -> None:
    play(seed)


@pytest.mark.parametrize("seed", range(1000, 1010))
def test_where_rows_are_shared(seed: int) -> None:
    """As in loops: live bytes, unused results and undefined bytes are exact all the same."""
    play(seed, Shape(groups=1 + seed % 2, steps=150, same_rows=True, pool=4))


@pytest.mark.parametrize("seed", range(2000, 2008))
def test_no_room_beyond_what_is_asked_for(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They compact before every access and grow often; what they find is the same."""
    plain = play(seed)
    for name, size in (("RECORDS", 4), ("LEAVES", 2), ("LOG_ROWS", 4)):
        monkeypatch.setattr(watch_module, name, size)
    tight = play(seed, tight=True)
    assert tight.real.watch.rooms > 0
    assert tight.found == plain.found


@pytest.mark.parametrize("seed", range(3000, 3009))
def test_knowledge_that_travels_between_cores(seed: int) -> None:
    """Many cross-core flags, several counts and arrivals at a time, few bytes."""
    groups = 1 + seed % 3
    play(seed, Shape(groups, steps=350, sync=0.75, cross=0.8, pool=2, cores_used=3 * groups))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10_000, 10_020))
def test_many_random_programs(seed: int) -> None:
    for i in range(100):
        play(100 * seed + i, tight=i % 4 == 0)
