"""Comparisons (T0 = 0 or 1), their packed bits, and selection by such bits."""

from __future__ import annotations

import numpy as np

from npuemu.jit import view_f32, view_i32, view_i64, view_u8
from npuemu.units.vector.arg import ADDRESS, LANES
from npuemu.units.vector.lanes import TOO_LONG, UB, active_top, lane_active, lane_total, temp


def eq_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 == T1."""
    n = lane_total(ops, arg)
    a, b, out = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = np.int32(a[i] == b[i])
    return 0


def ne_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 != T1; true for NaN."""
    n = lane_total(ops, arg)
    a, b, out = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = np.int32(a[i] != b[i])
    return 0


def lt_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 < T1; false for NaN."""
    n = lane_total(ops, arg)
    a, b, out = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = np.int32(a[i] < b[i])
    return 0


def le_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 <= T1; false for NaN."""
    n = lane_total(ops, arg)
    a, b, out = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = np.int32(a[i] <= b[i])
    return 0


def eq_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 == T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = np.int32(a[i] == b[i])
    return 0


def ne_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 != T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = np.int32(a[i] != b[i])
    return 0


def lt_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 < T1, signed."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = np.int32(a[i] < b[i])
    return 0


def le_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 <= T1, signed."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = np.int32(a[i] <= b[i])
    return 0


def store_bits(ctx: int, ops: int, arg: int) -> int:
    """T0 (0 or 1) as packed bits, L/8 bytes a repeat, contiguous; inactive lanes give 0."""
    n, lanes = lane_total(ops, arg), 1 << ((arg >> LANES) & 15)
    o = view_i64(ops, 32)
    total = (n + lanes - 1) // lanes * lanes
    out = view_u8(view_i64(ctx, 64)[UB] + o[(arg >> ADDRESS) & 255], total >> 3)
    flags = view_i32(temp(ctx, 0), total)
    if o[4] == 1:
        flags[n:] = 0
    elif active_top(ops, arg) != lanes or o[2] != -1 or o[3] != -1:
        for i in range(total):
            if not lane_active(o[2], o[3], i & (lanes - 1)):
                flags[i] = 0
    for byte in range(total >> 3):
        eight = flags[8 * byte : 8 * byte + 8]
        code = np.int32(0)
        for bit in range(8):
            code |= eight[bit] << bit
        out[byte] = code
    return 0


def load_bits(ctx: int, ops: int, arg: int) -> int:
    """Packed bits, L/8 bytes a repeat, contiguous -> T0 = 0 or 1."""
    n = lane_total(ops, arg)
    if n < 0:
        return TOO_LONG
    source = view_u8(
        view_i64(ctx, 64)[UB] + view_i64(ops, 32)[(arg >> ADDRESS) & 255], (n + 7) >> 3
    )
    out = view_i32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = (source[i >> 3] >> (i & 7)) & 1
    return 0


def select(ctx: int, ops: int, arg: int) -> int:
    """T0 ? T1 : T2, bits kept."""
    n = lane_total(ops, arg)
    flags = view_i32(temp(ctx, 0), n)
    a, b = view_i32(temp(ctx, 1), n), view_i32(temp(ctx, 2), n)
    for i in range(n):
        x, y = a[i], b[i]  # both read first: a load under a condition would not vectorise
        flags[i] = x if flags[i] != 0 else y
    return 0
