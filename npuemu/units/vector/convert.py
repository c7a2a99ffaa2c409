"""Rounding and type steps of ``vconv``; extra = rounding mode or integer range (arg.py)."""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit, view_f32, view_i32
from npuemu.units.vector.arg import AWAY, CEIL, EXTRA, FLOOR, ODD, RINT
from npuemu.units.vector.bits import bits_f32, f32_bits
from npuemu.units.vector.codes import BF16_NAN, F16_NAN, parts_f16
from npuemu.units.vector.lanes import lane_total, temp

_SIGN = np.int32(-0x80000000)


@njit(forceinline=True)
def _flag(condition: bool) -> int:
    """All ones or zero: loop-invariant masks keep the lane loops free of branches."""
    return np.int32(-1) if condition else np.int32(0)


def round_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 rounded to an integral value; the sign of zero stays.

    Odd: an inexact value goes to the odd one of its two neighbours.
    """
    n, mode = lane_total(ops, arg), (arg >> EXTRA) & 255
    nearest, away, odd = _flag(mode == RINT), _flag(mode == AWAY), _flag(mode == ODD)
    up_negative, up_positive = _flag(mode == FLOOR), _flag(mode == CEIL)
    a = view_f32(temp(ctx, 0), n)
    for i in range(n):
        x = a[i]
        magnitude = bits_f32(f32_bits(x) & np.int32(0x7FFFFFFF))
        even = np.float32(np.float32(magnitude + np.float32(8388608.0)) - np.float32(8388608.0))
        low = np.float32(even - np.float32(1.0)) if even > magnitude else even
        rest = np.float32(magnitude - low)
        # 2^23 and more has no fraction (and inf - inf would be NaN).
        inexact = _flag(rest > np.float32(0.0) and magnitude < np.float32(8388608.0))
        is_odd = _flag(
            (np.int32(low if magnitude < np.float32(8388608.0) else np.float32(0.0)) & 1) != 0
        )
        directed = up_negative if f32_bits(x) < 0 else up_positive
        ups = (nearest & _flag(even > low)) | (away & _flag(rest >= np.float32(0.5))) | directed
        ups = (ups | (odd & ~is_odd)) & inexact
        value = np.float32(low + np.float32(1.0)) if ups != 0 else low
        value = value if magnitude < np.float32(8388608.0) else magnitude
        a[i] = bits_f32(f32_bits(value) | (f32_bits(x) & _SIGN))
    return 0


def narrow_f16(ctx: int, ops: int, arg: int) -> int:
    """T0 float32 -> binary16 codes, any rounding mode; IEEE overflow rules of the mode."""
    n, mode = lane_total(ops, arg), (arg >> EXTRA) & 255
    nearest, away, odd = _flag(mode == RINT), _flag(mode == AWAY), _flag(mode == ODD)
    up_negative, up_positive = _flag(mode == FLOOR), _flag(mode == CEIL)
    a, out = view_f32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        word = f32_bits(a[i])
        fixed, drop = parts_f16(word)
        half = np.int32(np.int32(1) << (drop - np.int32(1)))
        fraction = np.int32(half + half - np.int32(1))
        even = np.int32((fixed >> drop) & np.int32(1))
        directed = up_negative if word < 0 else up_positive
        bias = (nearest & (half - 1 + even)) | (away & half) | (directed & fraction)
        code = np.int32(np.int32(fixed + bias) >> drop)
        code |= odd & np.int32(1 if (fixed & fraction) != 0 else 0)
        to_infinity = (nearest | away | directed) != 0 or (word & 0x7FFFFFFF) == 0x7F800000
        largest = np.int32(0x7C00 if to_infinity else 0x7BFF)
        code = np.int32(min(code, largest) | ((word >> 16) & 0x8000))
        out[i] = np.int32(F16_NAN if (word & 0x7FFFFFFF) > 0x7F800000 else code)
    return 0


def narrow_bf16(ctx: int, ops: int, arg: int) -> int:
    """T0 float32 -> bfloat16 codes, any rounding mode; the carry gives IEEE overflow by itself."""
    n, mode = lane_total(ops, arg), (arg >> EXTRA) & 255
    nearest, away, odd = _flag(mode == RINT), _flag(mode == AWAY), _flag(mode == ODD)
    up_negative, up_positive = _flag(mode == FLOOR), _flag(mode == CEIL)
    a, out = view_f32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        word = f32_bits(a[i])
        magnitude = np.int32(word & 0x7FFFFFFF)
        even = np.int32((magnitude >> 16) & 1)
        directed = up_negative if word < 0 else up_positive
        bias = (nearest & (0x7FFF + even)) | (away & 0x8000) | (directed & 0xFFFF)
        # Infinity has no fraction, so no bias reaches the code; NaN is replaced below.
        code = np.int32((np.int64(magnitude) + bias) >> 16)
        code |= odd & np.int32(1 if (magnitude & 0xFFFF) != 0 else 0)
        code |= np.int32((word >> 16) & 0x8000)
        out[i] = np.int32(BF16_NAN if magnitude > 0x7F800000 else code)
    return 0


def float_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 int32 -> float32, nearest even."""
    n = lane_total(ops, arg)
    a, out = view_i32(temp(ctx, 0), n), view_f32(temp(ctx, 0), n)
    for i in range(n):
        out[i] = np.float32(a[i])
    return 0


def float_i32_directed(ctx: int, ops: int, arg: int) -> int:
    """T0 int32 -> float32, any rounding mode."""
    n, mode = lane_total(ops, arg), (arg >> EXTRA) & 255
    a, out = view_i32(temp(ctx, 0), n), view_f32(temp(ctx, 0), n)
    for i in range(n):
        value = np.int64(a[i])
        size = np.float64(abs(value))
        nearest = np.float32(size)
        low = f32_bits(nearest) - np.int32(1 if np.float64(nearest) > size else 0)
        below = np.float64(bits_f32(np.int32(low)))
        above = np.float64(bits_f32(np.int32(low + 1)))
        up = mode == (FLOOR if value < 0 else CEIL) or (
            mode == AWAY and size - below >= above - size
        )
        up = (
            up or (mode == RINT and np.float64(nearest) > below) or (mode == ODD and (low & 1) == 0)
        )
        code = np.int32(low + 1) if up and below != size else np.int32(low)
        out[i] = bits_f32(code | (_SIGN if value < 0 else np.int32(0)))
    return 0


def saturate_f32(ctx: int, ops: int, arg: int) -> int:
    """T0 integral float32 -> int32 within the range of the type; NaN gives 0."""
    n, kind = lane_total(ops, arg), (arg >> EXTRA) & 255
    bottom, top, last = np.float32(-(2.0**31)), np.float32(2.0**31 - 128.0), np.int32(0x7FFFFFFF)
    if kind == 1:
        bottom, top, last = np.float32(-32768.0), np.float32(32767.0), np.int32(32767)
    elif kind == 2:
        bottom, top, last = np.float32(-128.0), np.float32(127.0), np.int32(127)
    elif kind == 3:
        bottom, top, last = np.float32(0.0), np.float32(255.0), np.int32(255)
    a, out = view_f32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        x = a[i]
        inside = x if x == x else np.float32(0.0)
        inside = bottom if inside < bottom else inside
        inside = top if inside > top else inside
        out[i] = last if x > top else np.int32(inside)
    return 0


def saturate_i32(ctx: int, ops: int, arg: int) -> int:
    """T0 int32 limited to the range of int16."""
    n = lane_total(ops, arg)
    a = view_i32(temp(ctx, 0), n)
    for i in range(n):
        a[i] = min(max(a[i], np.int32(-32768)), np.int32(32767))
    return 0
