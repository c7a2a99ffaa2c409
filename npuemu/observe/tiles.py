"""Regions that are used over and over as a whole.

Kernels use the same regions again and again (an accumulator, a tile of L0). The last few regions
of a memory that were written as a whole are kept as *tiles*: their granules share the two record
numbers, which are spread over the granules only when another access touches a part of them.
"""

from __future__ import annotations

from npuemu.jit import njit
from npuemu.observe import areas as area
from npuemu.observe.areas import (
    FULL_CREDIT,
    GRANULE_SHIFT,
    R_STATE,
    TAINTED,
    TILE_CREDIT,
    TILE_FIRST,
    TILE_HIGH,
    TILE_NEXT,
    TILE_READ,
    TILE_SHAPE,
    TILE_VALID,
    TILE_WORDS,
    TILE_WRITTEN,
    TILES,
)
from npuemu.observe.shadow import mark_run, touch, touch_run

SMALLEST_TILE = 512


@njit(forceinline=True)
def _same(tiles, at, region):
    """Whether the tile at ``at`` is exactly this region."""
    if tiles[at + TILE_VALID] == 0 or tiles[at] != region[2]:
        return False
    for i in range(1, TILE_SHAPE):
        if tiles[at + i] != region[2 + i]:
            return False
    return True


@njit(forceinline=True)
def _defined(w, tiles, at, write):
    """Whether no byte of a tile that is read carries a mark; marks are looked at byte by byte."""
    return write == 1 or area.record(w, tiles[at + TILE_WRITTEN])[R_STATE] & TAINTED == 0


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
def _spread(w, tiles, at, first):
    """Give a tile back to its granules."""
    written, read = area.written(w), area.read(w)
    for i in range(tiles[at + 1]):
        for j in range(tiles[at + 3]):
            start = first + ((tiles[at] + i * tiles[at + 2] + j * tiles[at + 4]) >> GRANULE_SHIFT)
            stop = start + (tiles[at + 5] >> GRANULE_SHIFT)
            written[start:stop] = tiles[at + TILE_WRITTEN]
            read[start:stop] = tiles[at + TILE_READ]
    tiles[at + TILE_VALID] = 0


@njit
def _spread_overlapping(w, tiles, low, high, first):
    """Give back all tiles that share bytes with ``low .. high``; parts of tiles cost their
    credit.
    """
    for i in range(TILES):
        at = TILE_FIRST + i * TILE_WORDS
        if tiles[at + TILE_VALID] == 1 and tiles[at] < high and low < tiles[at + TILE_HIGH]:
            _spread(w, tiles, at, first)
            tiles[TILE_CREDIT] -= 2


@njit
def _keep(w, tiles, region, high, current, first):
    """Make a region that has just been written a tile, in place of the oldest one."""
    at = TILE_FIRST + tiles[TILE_NEXT] * TILE_WORDS
    tiles[TILE_NEXT] = (tiles[TILE_NEXT] + 1) % TILES
    if tiles[at + TILE_VALID] == 1:
        _spread(w, tiles, at, first)
    for i in range(TILE_SHAPE):
        tiles[at + i] = region[2 + i]
    tiles[at + TILE_HIGH] = high
    tiles[at + TILE_WRITTEN], tiles[at + TILE_READ], tiles[at + TILE_VALID] = current, 0, 1


@njit
def _touch_tile(w, slot, tiles, at, marks, write, current):
    """A tile is read or written as a whole."""
    tiles[TILE_CREDIT] = min(tiles[TILE_CREDIT] + 1, FULL_CREDIT)
    size = tiles[at + 1] * tiles[at + 3] * tiles[at + 5]
    low, high = tiles[at], tiles[at + TILE_HIGH]
    tiles[at + TILE_READ] = touch(
        w,
        slot,
        low,
        high,
        size,
        tiles[at + TILE_WRITTEN],
        tiles[at + TILE_READ],
        marks,
        write,
        current,
    )
    if write == 1:
        tiles[at + TILE_WRITTEN] = current


@njit(forceinline=True)
def _counts(region):
    """Repetitions of a region's two levels: a stride of 0 touches the same bytes again."""
    n1 = region[3] if region[4] != 0 else 1
    n0 = region[5] if region[6] != 0 else 1
    return n1, n0


@njit
def touch_region(w, place, region, current):
    """``current`` reads or writes one region row of a memory with tiles."""
    first, slot, marks = place[0], place[1], place[2]
    tiles = area.tiles(w, slot)
    for i in range(TILES):
        at = TILE_FIRST + i * TILE_WORDS
        if _same(tiles, at, region) and _defined(w, tiles, at, region[1]):
            _touch_tile(w, slot, tiles, at, marks, region[1], current)
            return
    n1, n0 = _counts(region)
    high = region[2] + (n1 - 1) * region[4] + (n0 - 1) * region[6] + region[7]
    _spread_overlapping(w, tiles, region[2], high, first)
    touch_runs(w, place, region, current)
    if region[1] == 1 and tiles[TILE_CREDIT] > 0 and _is_tile(region):
        _keep(w, tiles, region, high, current, first)


@njit
def touch_runs(w, place, region, current):
    """``current`` reads or writes the runs of one region row."""
    n1, n0 = _counts(region)
    for i in range(n1):
        for j in range(n0):
            start = region[2] + i * region[4] + j * region[6]
            touch_run(w, place[1], place[0], start, start + region[7], place[2], region[1], current)


@njit
def mark_region(w, place, region):
    """Bring the marks of a region up to date, see `mark_run`."""
    n1, n0 = _counts(region)
    high = region[2] + (n1 - 1) * region[4] + (n0 - 1) * region[6] + region[7]
    if place[1] > 0:
        _spread_overlapping(w, area.tiles(w, place[1]), region[2], high, place[0])
    for i in range(n1):
        for j in range(n0):
            start = region[2] + i * region[4] + j * region[6]
            mark_run(w, place[0], start, start + region[7], place[2])
