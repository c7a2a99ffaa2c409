"""float32 lanes: T0 = f(T0, T1, T2), each step one correctly rounded operation.

binary16 and bfloat16 instructions run the same steps; their store rounds once more.
"""

from __future__ import annotations

import numpy as np

from npuemu.jit import view_f32
from npuemu.units.vector import bits
from npuemu.units.vector.bits import bits_f32, f32_bits
from npuemu.units.vector.lanes import lane_total, temp


def add_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 + T1."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] + b[i]
    return 0


def sub_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 - T1."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] - b[i]
    return 0


def mul_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 * T1."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] * b[i]
    return 0


def div_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 / T1."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        a[i] = a[i] / b[i]
    return 0


def max_f32(ctx: int, ops: int, arg: int) -> int:
    """Larger of T0 and T1; +0 above -0; NaN if either is."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        x, y = a[i], b[i]
        # Equal values differ at most in the sign of zero: AND keeps plus.
        equal = bits_f32(f32_bits(x) & f32_bits(y))
        larger = x if x > y else (y if y > x else equal)
        a[i] = larger if x == x and y == y else np.float32(np.nan)
    return 0


def min_f32(ctx: int, ops: int, arg: int) -> int:
    """Smaller of T0 and T1; -0 below +0; NaN if either is."""
    n = lane_total(ops, arg)
    a, b = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n)
    for i in range(n):
        x, y = a[i], b[i]
        equal = bits_f32(f32_bits(x) | f32_bits(y))
        smaller = x if x < y else (y if y < x else equal)
        a[i] = smaller if x == x and y == y else np.float32(np.nan)
    return 0


def fma_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 * T1 + T2, rounded once."""
    n = lane_total(ops, arg)
    a, b, c = view_f32(temp(ctx, 0), n), view_f32(temp(ctx, 1), n), view_f32(temp(ctx, 2), n)
    for i in range(n):
        a[i] = bits.fma_f32(a[i], b[i], c[i])
    return 0


def abs_f32(ctx: int, ops: int, arg: int) -> int:
    """|T0|."""
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = bits_f32(f32_bits(a[i]) & np.int32(0x7FFFFFFF))
    return 0


def neg_f32(ctx: int, ops: int, arg: int) -> int:
    """-T0, zeros included."""
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = bits_f32(f32_bits(a[i]) ^ np.int32(-0x80000000))
    return 0


def relu_f32(ctx: int, ops: int, arg: int) -> int:
    """max(T0, 0): -0 becomes +0, NaN stays."""
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        x = a[i]
        a[i] = np.float32(0.0) if x <= np.float32(0.0) else x
    return 0


def sqrt_f32(ctx: int, ops: int, arg: int) -> int:
    """Square root of T0; -0 stays, below zero NaN."""
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = bits.sqrt_f32(a[i])
    return 0


def rec_f32(ctx: int, ops: int, arg: int) -> int:
    """1 / T0."""
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = np.float32(1.0) / a[i]
    return 0


def rsqrt_f32(ctx: int, ops: int, arg: int) -> int:
    """1 / sqrt(T0), correctly rounded; +-0 gives +-inf.

    The float64 quotient of a float64 root errs by at most 1.5 units in its last place. It depends
    on the significand and the parity of the exponent alone: of these 2^24 cases all but one stay
    farther than that from the middle of two float32, and that one falls on its right side (a test
    visits them all), so rounding to float32 is exact.
    """
    n = lane_total(ops, arg)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = np.float32(1.0 / bits.sqrt_f64(np.float64(a[i])))
    return 0
