"""Who holds a memory, what rows carry, how fills hide behind uses: against byte-by-byte counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from npuemu.isa.table import MEM
from npuemu.observe import holders
from npuemu.observe.recording import BARRIER, DATA, EVENT, LIVE, Instruction, Named, Recording
from npuemu.observe.rotation import length, overlap, rotations, union
from tests.report.product import product

CAPACITY = 64
UB = MEM["UB"]


def recording(live: list[tuple[int, ...]], **parts: Any) -> Recording:
    """A small UB of one vector core (core 1) with these live regions."""
    code = tuple(Instruction("vadd", "vector", f"k:{i}:1", "vadd", (), ()) for i in range(8))
    given: dict[str, Any] = {
        "code": code, "events": np.zeros(0, EVENT), "values": np.zeros(0, np.int64),
        "buffers": (), "tensors": (), **parts,
    }  # fmt: skip
    return Recording(
        kernel="k", machine="m", clock_mhz=1000.0, cycles=100, cores=3, window=(0, 100),
        live=np.array(live, LIVE), capacity={"UB": CAPACITY}, **given,
    )  # fmt: skip


def random_live(rng: np.random.Generator, count: int) -> list[tuple[int, ...]]:
    """Regions that never share a byte at one time; some of them strided, with gaps."""
    held = np.full((100, CAPACITY), False)
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        low, wide, start, long = (
            int(rng.integers(*r)) for r in ((0, 60), (1, 20), (0, 95), (1, 9))
        )
        step = int(rng.integers(1, 3))
        places = np.arange(low, min(low + wide, CAPACITY), step)
        block = np.ix_(range(start, min(start + long, 100)), places)
        if not held[block].any():
            held[block] = True
            span = (low, int(places[-1]) + 1, len(places), start, min(start + long, 100))
            found.append((16 + UB, int(rng.integers(8)), int(rng.integers(8)), *span))
    return found


def extents(live: list[tuple[int, ...]], cycle: int) -> list[bool]:
    """Which bytes lie inside a live region, gaps included."""
    inside = [False] * CAPACITY
    for _, _, _, low, high, _, start, stop in live:
        if start <= cycle < stop:
            inside[low:high] = [True] * (high - low)
    return inside


def longest_gap(inside: list[bool]) -> tuple[int, int]:
    """Length and address of the longest run of free bytes, the first of them."""
    best, begin, run = 0, len(inside), 0
    for address, taken in enumerate(inside):
        run = 0 if taken else run + 1
        if run > best:
            best, begin = run, address - run + 1
    return best, begin


@pytest.mark.parametrize("seed", range(12))
def test_bytes_and_holes_of_every_cycle(seed: int) -> None:
    live = random_live(np.random.default_rng(seed), 30)
    made = recording(live)
    times, values = holders.occupancy(made, 16 + UB)
    for cycle in range(100):
        held = sum(row[5] for row in live if row[6] <= cycle < row[7])
        at = np.searchsorted(times, cycle, "right") - 1
        assert (values[at] if at >= 0 else 0) == held
        holes = holders.holes(made, 16 + UB, cycle)
        assert (holes.live, holes.free) == (held, CAPACITY - held)
        assert (holes.largest, holes.address) == longest_gap(extents(live, cycle))
        assert sum(h.bytes for h in holders.holders(made, 16 + UB, cycle)) == held
        assert 0 <= holes.fragmentation <= 1
    assert values[-1] == 0


def test_a_full_memory_has_no_hole() -> None:
    made = recording([(16 + UB, 0, 1, 0, CAPACITY, CAPACITY, 3, 9)])
    full = holders.holes(made, 16 + UB, 3)
    assert (full.free, full.largest, full.fragmentation) == (0, 0, 0.0)
    assert holders.holes(made, 16 + UB, 9) == holders.Holes(0, CAPACITY, CAPACITY, 0)


def test_holders_have_a_name_a_line_and_tensors() -> None:
    buffers = (Named("low", "UB", 0, 16), Named("other", "L1", 0, 64), Named("high", "UB", 16, 16),
               Named("all", "UB", 0, 40))  # fmt: skip
    live = [(16 + UB, 0, 3, 0, 8, 8, 0, 50), (16 + UB, 0, 3, 8, 16, 8, 0, 50),
            (16 + UB, 2, 3, 20, 24, 4, 0, 50), (16 + UB, -1, 3, 40, 46, 6, 0, 50)]  # fmt: skip
    made = recording(live, buffers=buffers)
    assert holders.buffer_of(made).tolist() == [0, 0, 2, -1]
    found = [(h.buffer, h.where, h.bytes) for h in holders.holders(made, 16 + UB, 1)]
    assert found == [("low", "k:0:1", 16), ("", "", 6), ("high", "k:2:1", 4)]


@pytest.mark.parametrize("seed", range(20))
def test_tensors_follow_reads(seed: int) -> None:
    """Reachability in the graph of who read whom, by exhaustive search."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 10))
    pairs = [(int(rng.integers(-1, 8)), int(rng.integers(-1, 8))) for _ in range(count)]
    operands = (("dst", 0), ("src", 0), ("len", 32))
    code = tuple(
        Instruction("mov_gm_ub" if i < 3 else "vadd", "vector", f"k:{i}:1", "", operands, (0, 1))
        for i in range(8)
    )
    tensors = (Named("Y", "GM", 9000, 500), Named("X", "GM", 4096, 512), Named("Z", "GM", 9500, 8))
    addresses = rng.choice([4095, 4096, 4607, 4608, 9000, 9499, 9500, 9507, 9508], 30)
    events, values = np.zeros(30, EVENT), []
    for event, address in zip(events, addresses, strict=True):
        event["row"], event["core"] = rng.integers(8), 1
        event["kind"] = BARRIER if rng.integers(4) == 0 else DATA
        values += [0, int(address)] if event["kind"] == DATA else []
    live = [(16 + UB, w, r, i, i + 1, 1, 0, 9) for i, (w, r) in enumerate(pairs)]
    made = recording(live, code=code, tensors=tensors, events=events, values=np.array(values))
    loaded = [set[str]() for _ in range(8)]
    for event, address in zip(events, addresses, strict=True):
        if event["kind"] == DATA and event["row"] < 3:
            inside = (t for t in tensors if t.address <= address < t.address + t.bytes)
            loaded[event["row"]] |= {t.name for t in inside}
    reach = np.eye(8, dtype=bool)
    for _ in range(8):
        for w, r in pairs:
            if min(w, r) >= 0:
                reach[r] |= reach[w]
    for row, names in enumerate(holders.carried(made)):
        assert set(names) == set[str]().union(*(loaded[i] for i in range(8) if reach[row, i]))
        assert list(names) == [t.name for t in tensors if t.name in names]


@pytest.mark.parametrize("seed", range(20))
def test_spans(seed: int) -> None:
    rng = np.random.default_rng(seed)
    marks, spans = np.full((2, 80), False), []
    for mark in marks:
        starts = rng.integers(0, 70, int(rng.integers(0, 12)))
        stops = starts + rng.integers(0, 10, len(starts))
        for a, b in zip(starts, stops, strict=True):
            mark[a:b] = True
        spans.append(union(starts, stops))
        assert length(spans[-1]) == mark.sum()
        assert (spans[-1][0][1:] > spans[-1][1][:-1]).all()
    assert overlap(spans[0], spans[1]) == (marks[0] & marks[1]).sum()


def test_rotations_of_a_product() -> None:
    """Every figure from the events of the core, cycle by cycle."""
    made = product(groups=2, tiles=2, steps=6)
    found = rotations(made)
    assert [(r.buffers, r.tensors, r.parts) for r in found if r.slot < 16] == [
        (("a_panel",), ("A",), 2), (("w_panel",), ("W",), 2), ((), ("A",), 2), ((), ("W",), 2),
        (("acc",), ("A", "W"), 1),
    ]  # fmt: skip
    events = made.events[made.events["kind"] == DATA]
    for r in found:
        marks = np.full((2, made.cycles), False)
        for mark, rows in zip(marks, (r.writers, r.readers), strict=True):
            for event in events:
                if event["core"] == r.slot // 16 and event["row"] in rows:
                    mark[event["start"] : event["end"]] = True
        if r.buffers != ("acc",):  # of which only the last of six writes is read by another pipe
            assert (r.fill, r.use) == (marks[0].sum(), marks[1].sum())
            assert r.overlap == (marks[0] & marks[1]).sum()
            assert r.efficiency == r.overlap / min(r.fill, r.use)
        else:
            assert 0 < r.fill < marks[0].sum() and r.overlap == 0


def test_what_one_pipe_fills_and_uses_does_not_rotate() -> None:
    made = product(groups=1, tiles=1, steps=2)
    pipes = holders.row_pipes(made)
    for r in rotations(made):
        assert not {pipes[row] for row in r.writers} & {pipes[row] for row in r.readers}


def test_nothing_recorded() -> None:
    made = recording([])
    assert rotations(made) == [] and holders.slots(made) == []
    assert holders.carried(made) == ((),) * 8
    assert holders.holders(made, 16 + UB, 0) == []
