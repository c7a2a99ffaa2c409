"""int32 lanes: T0 = f(T0, T1), modulo 2^32.

Narrower types come sign-extended or raw, and their low bits are stored.
"""

from __future__ import annotations

import numpy as np

from npuemu.jit import view_i32, view_i64, view_u32
from npuemu.units.vector.arg import VALUE
from npuemu.units.vector.lanes import lane_total, temp


def add_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 + T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] + b[i]
    return 0


def sub_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 - T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] - b[i]
    return 0


def mul_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 * T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] * b[i]
    return 0


def max_i32(ctx: int, ops: int, arg: int) -> int:
    """Larger of T0 and T1, signed."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] if a[i] > b[i] else b[i]
    return 0


def min_i32(ctx: int, ops: int, arg: int) -> int:
    """Smaller of T0 and T1, signed."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] if a[i] < b[i] else b[i]
    return 0


def abs_i32(ctx: int, ops: int, arg: int) -> int:
    """|T0|; the most negative value stays."""
    n = lane_total(ops, arg)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = a[i] if a[i] >= 0 else -a[i]
    return 0


def neg_i32(ctx: int, ops: int, arg: int) -> int:
    """-T0; the most negative value stays."""
    n = lane_total(ops, arg)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = -a[i]
    return 0


def relu_i32(ctx: int, ops: int, arg: int) -> int:
    """max(T0, 0)."""
    n = lane_total(ops, arg)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = a[i] if a[i] > 0 else np.int32(0)
    return 0


def and_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 & T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] & b[i]
    return 0


def or_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 | T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] | b[i]
    return 0


def xor_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 ^ T1."""
    n = lane_total(ops, arg)
    a, b = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] ^ b[i]
    return 0


def not_i32(ctx: int, ops: int, arg: int) -> int:
    """~T0."""
    n = lane_total(ops, arg)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = ~a[i]
    return 0


def shl_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 << count; the count is an unsigned 64-bit operand, 32 and more give 0."""
    n = lane_total(ops, arg)
    count = view_i64(ops, 32)[(arg >> VALUE) & 255]
    keep = np.int32(-1 if 0 <= count < 32 else 0)
    shift = np.int32(count & 31)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = (a[i] << shift) & keep
    return 0


def shr_u32(ctx: int, ops: int, arg: int) -> int:
    """T0 >> count, zeros shifted in; 32 and more give 0."""
    n = lane_total(ops, arg)
    count = view_i64(ops, 32)[(arg >> VALUE) & 255]
    keep = np.uint32(0xFFFFFFFF if 0 <= count < 32 else 0)
    shift = np.uint32(count & 31)
    a = view_u32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = (a[i] >> shift) & keep
    return 0


def shr_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 >> count, the sign shifted in; 32 and more leave the sign alone."""
    n = lane_total(ops, arg)
    count = view_i64(ops, 32)[(arg >> VALUE) & 255]
    shift = np.int32(count if 0 <= count < 32 else 31)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = a[i] >> shift
    return 0
