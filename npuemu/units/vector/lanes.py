"""Where the lanes of an operand are, and moving them between UB and contiguous temporaries.

``n`` is the number of lanes a temporary holds: repeats * L with a bit mask, the element count in
counter mode. Lane i of a temporary is lane i % L of repeat i // L.
"""

from __future__ import annotations

from npuemu.jit import njit, view_i64, view_u8, view_u16, view_u32, view_u64
from npuemu.units.vector.arg import ADDRESS, BLOCK, COUNT, LANES, REPEAT

TEMP_BYTES = 2 << 20
LIMIT = TEMP_BYTES // 4
"""Most lanes of one instruction: a temporary has four bytes a lane."""
TOO_LONG = 118
"""Diagnostic: the element count of counter mode exceeds ``LIMIT``."""
STAGE = 3
"""The temporary in which strided operands are packed."""
UB = 14
"""Index of UB's base address in the context."""


@njit(forceinline=True)
def temp(ctx: int, index: int) -> int:
    """Address of temporary ``index``."""
    return view_i64(ctx, 64)[35] + index * TEMP_BYTES


@njit(forceinline=True)
def lane_total(ops: int, arg: int) -> int:
    """Lanes a temporary holds, n; -1 if there are too many."""
    o = view_i64(ops, 32)
    n = o[2] if o[4] == 1 else o[(arg >> COUNT) & 255] << ((arg >> LANES) & 15)
    return n if 0 <= n <= LIMIT else -1


@njit
def active_top(ops: int, arg: int) -> int:
    """One past the highest lane of a repeat that the mask lets through; L where no mask applies."""
    o = view_i64(ops, 32)
    lanes = 1 << ((arg >> LANES) & 15)
    if o[4] == 1 or lanes == 256 or (o[2] == -1 and (lanes == 64 or o[3] == -1)):
        return lanes
    top = lanes
    while top > 0 and not lane_active(o[2], o[3], top - 1):
        top -= 1
    return top


@njit(forceinline=True)
def lane_active(low: int, high: int, lane: int) -> bool:
    """Mask bit of lane 0..127."""
    return ((low >> lane) if lane < 64 else (high >> (lane - 64))) & 1 != 0


@njit
def has_holes(ops: int, arg: int) -> bool:
    """Is a lane below ``active_top`` inactive?"""
    o = view_i64(ops, 32)
    top = active_top(ops, arg)
    if o[4] == 1 or top == 256 or (top == 64 and o[2] == -1) or (top == 128 and o[2] == o[3] == -1):
        return False
    for lane in range(top):
        if not lane_active(o[2], o[3], lane):
            return True
    return False


@njit(forceinline=True)
def strides(ops: int, arg: int, size_log2: int) -> tuple[int, int]:
    """Block stride and repeat stride in 32-byte blocks."""
    o = view_i64(ops, 32)
    block, repeat = (arg >> BLOCK) & 255, (arg >> REPEAT) & 255
    dense = 1 << (((arg >> LANES) & 15) + size_log2 - 5)
    return (o[block] if block else 1), (o[repeat] if repeat else dense)


@njit
def direct(ctx: int, ops: int, arg: int, size_log2: int) -> int:
    """Address of the operand if its lanes, up to the last, lie as in a temporary; else 0."""
    lanes_log2 = (arg >> LANES) & 15
    block, repeat = strides(ops, arg, size_log2)
    dense = repeat == 1 << (lanes_log2 + size_log2 - 5) or lane_total(ops, arg) <= 1 << lanes_log2
    if block == 1 and dense and active_top(ops, arg) == 1 << lanes_log2:
        return view_i64(ctx, 64)[UB] + view_i64(ops, 32)[(arg >> ADDRESS) & 255]
    return 0


@njit(forceinline=True)
def _copy(target: int, source: int, size: int) -> None:
    if size & 7 == 0:
        to, of = view_u64(target, size >> 3), view_u64(source, size >> 3)
        for i in range(size >> 3):
            to[i] = of[i]
    else:
        to8, of8 = view_u8(target, size), view_u8(source, size)
        for i in range(size):
            to8[i] = of8[i]


@njit
def collect(ctx: int, ops: int, arg: int, size_log2: int) -> int:
    """Address of the operand's n lanes, contiguous: the memory itself or a packed copy.

    Lanes above ``active_top`` are not read and are 0 in the copy.
    """
    address = direct(ctx, ops, arg, size_log2)
    if address:
        return address
    base = view_i64(ctx, 64)[UB] + view_i64(ops, 32)[(arg >> ADDRESS) & 255]
    n, lanes = lane_total(ops, arg), 1 << ((arg >> LANES) & 15)
    block, repeat = strides(ops, arg, size_log2)
    top = active_top(ops, arg)
    run = (lanes << size_log2) if block == 1 else 32
    stage = temp(ctx, STAGE)
    for first in range(0, n, lanes):
        row = base + (first // lanes) * repeat * 32
        width = min(lanes, n - first) << size_log2
        used = min(top << size_log2, width)
        out = stage + (first << size_log2)
        for byte in range(0, used, run):
            _copy(out + byte, row + (byte >> 5) * block * 32, min(run, used - byte))
        rest = view_u8(out + used, width - used)
        for i in range(width - used):
            rest[i] = 0
    return stage


@njit
def target(ctx: int, ops: int, arg: int, size_log2: int) -> int:
    """Where to put the n lanes of the destination; ``scatter`` must follow if that is the stage."""
    address = direct(ctx, ops, arg, size_log2)
    return address if address and not has_holes(ops, arg) else temp(ctx, STAGE)


@njit(forceinline=True)
def _put(to: int, of: int, size_log2: int) -> None:
    if size_log2 == 2:
        view_u32(to, 1)[0] = view_u32(of, 1)[0]
    elif size_log2 == 1:
        view_u16(to, 1)[0] = view_u16(of, 1)[0]
    else:
        view_u8(to, 1)[0] = view_u8(of, 1)[0]


@njit
def scatter(ctx: int, ops: int, arg: int, size_log2: int) -> None:
    """Write the staged lanes to the destination, active lanes only, in ascending order."""
    o = view_i64(ops, 32)
    base = view_i64(ctx, 64)[UB] + o[(arg >> ADDRESS) & 255]
    n, lanes = lane_total(ops, arg), 1 << ((arg >> LANES) & 15)
    block, repeat = strides(ops, arg, size_log2)
    top, holes = active_top(ops, arg), has_holes(ops, arg)
    run = (lanes << size_log2) if block == 1 else 32
    stage = temp(ctx, STAGE)
    for first in range(0, n, lanes):
        row = base + (first // lanes) * repeat * 32
        used = min(top, n - first) << size_log2
        source = stage + (first << size_log2)
        if not holes:
            for byte in range(0, used, run):
                _copy(row + (byte >> 5) * block * 32, source + byte, min(run, used - byte))
            continue
        for byte in range(0, used, 1 << size_log2):
            if lane_active(o[2], o[3], byte >> size_log2):
                _put(row + (byte >> 5) * block * 32 + (byte & 31), source + byte, size_log2)
