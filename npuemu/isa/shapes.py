"""Memory regions: the vocabulary in which the tables say what an instruction touches.

Plain Python integers, no imports from numba: the engine compiles these same functions, the
assembler,
the models and the documentation call them as they are.

A region is seven integers ``(mem, base, n1, s1, n0, s0, length)``: the bytes
``base + i*s1 + j*s0 .. + length`` for ``i < n1``, ``j < n0``. Each function appends regions to
``out``
from row ``at`` and returns the next free row; empty regions are left out. Only ``put`` knows
what ``out`` is:
a list here, the address of int64 rows where the engine compiles these functions.
"""

from __future__ import annotations

from typing import Any

COLUMNS = 8  # mem, write, base, n1, s1, n0, s0, length
MAX_REGIONS = 16
MAX_ACTIVE_REGIONS = 288
"""Regions of a vector instruction whose mask has holes: four operands, 64 runs of lanes each, and
what has no lanes."""


def store(out, at, write, mem, base, n1, s1, n0, s0, length):
    """Append one region row to a list."""
    out.append((mem, write, base, n1, s1, n0, s0, length))
    return at + 1


def put(out, at, write, mem, base, n1, s1, n0, s0, length):
    """One region; nothing if it is empty. Contiguous levels are merged so that a dense tile is
    one run.
    """
    if n1 <= 0 or n0 <= 0 or length <= 0:
        return at
    if n0 == 1 or s0 == length:
        length, n0, s0 = length * n0, 1, 0
        if n1 == 1 or s1 == length:
            length, n1, s1 = length * n1, 1, 0
    if n0 == 1 and n1 > 1:
        n0, s0, n1, s1 = n1, s1, 1, 0
    return store(out, at, write, mem, base, n1, s1, n0, s0, length)


def linear(out, at, write, mem, base, length):
    """``length`` contiguous bytes."""
    return put(out, at, write, mem, base, 1, 0, 1, 0, length)


def strided(out, at, write, mem, base, count, length, stride):
    """``count`` runs of ``length`` bytes, ``stride`` apart."""
    return put(out, at, write, mem, base, 1, 0, count, stride, length)


def nest(out, at, write, mem, base, n1, s1, n0, s0, length):
    """``n1`` x ``n0`` runs of ``length`` bytes."""
    return put(out, at, write, mem, base, n1, s1, n0, s0, length)


def fractal_tile(out, at, write, mem, base, rows, kf, row_bytes, nz):
    """``rows`` x ``kf`` columns of ``row_bytes``-byte fractal rows: zZ (nz = 0) or NZ (nz = 1)
    order of 16-row fractals.
    """
    fractal = 16 * row_bytes
    if nz:
        return put(
            out, at, write, mem, base, 1, 0, kf, (rows + 15) // 16 * fractal, rows * row_bytes
        )
    full = rows // 16
    at = put(out, at, write, mem, base, 1, 0, 1, 0, full * kf * fractal)
    return put(
        out, at, write, mem, base + full * kf * fractal, 1, 0, kf, fractal, rows % 16 * row_bytes
    )


def l0c_tile(out, at, write, mem, base, m, n, stride):
    """``m`` x ``n`` 4-byte words of L0C in NZ order; ``stride`` = 16-row fractals of a 16-column
    block.
    """
    live = 1 if m > 0 else 0
    at = put(out, at, write, mem, base, 1, 0, live * (n // 16), stride * 1024, m * 64)
    return put(out, at, write, mem, base + n // 16 * stride * 1024, 1, 0, m, 64, n % 16 * 4)


def nz_out(out, at, write, mem, base, m, n, c0, size, stride):
    """``m`` x ``n`` elements in NZ order with column blocks of ``c0`` elements, ``stride`` bytes
    apart.
    """
    live = 1 if m > 0 else 0
    at = put(out, at, write, mem, base, 1, 0, live * (n // c0), stride, m * c0 * size)
    return put(out, at, write, mem, base + n // c0 * stride, 1, 0, m, c0 * size, n % c0 * size)


def vlanes(out, at, write, mem, base, blk, rep, size, lanes, reps, last, counter):
    """Active lanes of a vector operand.

    ``lanes`` of ``size`` bytes per repeat; ``last`` = lanes of a repeat up to the highest
    active one
    (bit mask: in every repeat; counter mode: in the final repeat only). Strides in 32-byte blocks.
    """
    full = reps - 1 if counter else 0
    at = put(out, at, write, mem, base, full, rep * 32, lanes * size // 32, blk * 32, 32)
    base += full * rep * 32
    reps -= full
    blocks = last * size // 32
    at = put(out, at, write, mem, base, reps, rep * 32, blocks, blk * 32, 32)
    return put(
        out, at, write, mem, base + blocks * blk * 32, 1, 0, reps, rep * 32, last * size % 32
    )


def active_lanes(out, at, write, mem, base, blk, rep, size, lanes, reps, low, high):
    """The same under a bit mask with holes: a region for every run of active lanes in a block."""
    lane = 0
    while lane < lanes:
        first, block = lane, lane * size // 32
        while lane < lanes and lane * size // 32 == block:
            word = low if lane < 64 else high
            if (word >> (lane & 63)) & 1 == 0:
                break
            lane += 1
        if lane > first:
            start = base + block * blk * 32 + first * size % 32
            at = put(out, at, write, mem, start, 1, 0, reps, rep * 32, (lane - first) * size)
        if lane < lanes and lane * size // 32 == block:
            lane += 1
    return at


def extent(region: Any) -> tuple[int, int]:
    """First byte and one past the last byte of a region row."""
    base, n1, s1, n0, s0, length = (int(v) for v in region[2:8])
    return base, base + (n1 - 1) * s1 + (n0 - 1) * s0 + length
