"""The most that one access can ask of the observers: every byte is another piece."""

from __future__ import annotations

import pytest

from npuemu.observe import areas as ar
from npuemu.observe import watch as watch_module
from tests.observe.driver import Observers
from tests.observe.naive import Access, Naive, Region

UB, SIZE, BYTES = 7, 4096, 64


class Core:
    """One vector core, nothing protected, on both; S only dispatches."""

    def __init__(self) -> None:
        self.naive = Naive(3, frozenset())
        self.real = Observers(
            3, frozenset(), 10_000, [(1, UB, SIZE)], {(1, UB): 16 + UB}, 32, [], [], tight=True
        )
        self.real.lossy = True  # more races than there are rows for them
        self.time = 0

    def access(self, pipe: int, reads: list[Region], writes: list[Region]) -> None:
        """One access after all others have ended."""
        self.time += 10
        both = [tuple((16 + UB, region) for region in regions) for regions in (reads, writes)]
        a = Access(8 + pipe, self.time, self.time, self.time, self.time + 5, both[0], both[1])
        self.naive.access(a)
        self.real.access(a)

    def finish(self) -> None:
        """Live bytes agree; the guards hold."""
        self.naive.finish([])
        self.real.finish()
        assert self.real.watch.live == self.naive.live


def one(address: int) -> Region:
    """A single byte."""
    return address, 1, 0, 1, 0, 1


WHOLE: dict[str, list[Region]] = {
    "one run": [(0, 1, 0, 1, 0, BYTES)],
    "unaligned": [(1, 1, 0, 1, 0, BYTES - 2)],
    "runs of bytes": [(0, 1, 0, BYTES, 1, 1)],
    "every other byte, twice": [(0, 2, 1, BYTES // 2, 2, 1)],
    "overlapping runs": [(0, 1, 0, BYTES - 31, 1, 32)],
    "overlapping granules": [(0, 1, 0, 3, 32, 64)],
    "the same again and again": [(0, 1, 0, 7, 0, BYTES), (0, 1, 0, 1, 0, BYTES)],
}


@pytest.mark.parametrize("last", ["read", "write", "both"])
@pytest.mark.parametrize("regions", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("tiny", [False, True])
def test_every_byte_is_a_piece(
    regions: list[Region], last: str, tiny: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte has a writer and two unordered readers of its own."""
    if tiny:
        for name, size in (("RECORDS", 4), ("LEAVES", 2), ("LOG_ROWS", 4)):
            monkeypatch.setattr(watch_module, name, size)
    core = Core()
    for address in range(BYTES):
        core.access(5, [], [one(address)])
        core.access(1, [one(address)], [])
        core.access(4, [one(address)], [])
    core.access(3, regions if last != "write" else [], regions if last != "read" else [])
    core.access(5, [], [(0, 1, 0, 1, 0, BYTES)])
    core.finish()


@pytest.mark.parametrize("pipe", [1, 3])
def test_a_reader_in_place_keeps_one_of_its_own_pipe(pipe: int) -> None:
    """However often it reads what it does not overwrite, its readers do not pile up."""
    core = Core()
    core.access(5, [], [(0, 1, 0, 1, 0, 1024)])
    for _ in range(40):
        core.access(pipe, [(0, 1, 0, 1, 0, 1024)], [(512, 1, 0, 1, 0, 32)])
    assert core.real.watch.header[ar.H_CHAIN] <= 3
    core.finish()
