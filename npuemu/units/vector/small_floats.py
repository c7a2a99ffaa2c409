"""Steps of ``vconv`` for the formats of MX tensors: e4m3, e5m2, e2m1 and the scale e8m0.

value = the format (``arg.SMALL_FORMATS``), extra = the rounding mode. Two e2m1 lanes share a byte.
"""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit, view_f32, view_i32, view_i64, view_u8
from npuemu.units.vector.arg import ADDRESS, AWAY, CEIL, EXTRA, FLOOR, LANES, ODD, RINT, TEMP, VALUE
from npuemu.units.vector.bits import bits_f32, f32_bits
from npuemu.units.vector.codes import F32_NAN
from npuemu.units.vector.lanes import TOO_LONG, UB, lane_total, strides, temp

_BIAS, _MANTISSA = (7, 15, 1), (3, 2, 1)
_SIGN = (0x80, 0x80, 8)
_LARGEST = (0x7E, 0x7B, 7)
_INFINITY = (0x7F, 0x7C, 8)
"""Magnitude codes above the largest finite one; e4m3 has only its NaN there, e2m1 nothing."""
_NAN = (0x7F, 0x7E, 0)


@njit(forceinline=True)
def _flag(condition: bool) -> int:
    """All ones or zero."""
    return np.int32(-1) if condition else np.int32(0)


def widen_small(ctx: int, ops: int, arg: int) -> int:
    """T0 codes -> float32, exact; NaN to some NaN."""
    n, kind = lane_total(ops, arg), (arg >> VALUE) & 255
    mantissa, sign, top = np.int32(_MANTISSA[kind]), _SIGN[kind], _INFINITY[kind]
    rebias, shift = np.int32((127 - _BIAS[kind]) << 23), np.int32(23 - _MANTISSA[kind])
    step = bits_f32(np.int32((128 - _BIAS[kind] - _MANTISSA[kind]) << 23))
    end = bits_f32(np.int32(0x7F800000)) if kind == 1 else bits_f32(np.int32(F32_NAN))
    codes, out = view_i32(temp(ctx, 0), n), view_f32(temp(ctx, 0), n)
    for i in range(n):
        word = codes[i]
        magnitude = np.int32(word & (sign - 1))
        small = np.float32(np.float32(magnitude) * step)
        value = bits_f32(np.int32((magnitude << shift) + rebias))
        value = small if (magnitude >> mantissa) == 0 else value
        if magnitude >= top:
            value = end if magnitude == top else bits_f32(np.int32(F32_NAN))
        out[i] = -value if (word & sign) != 0 else value
    return 0


def narrow_small(ctx: int, ops: int, arg: int) -> int:
    """T0 float32 -> codes, any rounding mode; beyond the largest value it is that value."""
    n, kind, mode = lane_total(ops, arg), (arg >> VALUE) & 255, (arg >> EXTRA) & 255
    nearest, away, odd = _flag(mode == RINT), _flag(mode == AWAY), _flag(mode == ODD)
    up_negative, up_positive = _flag(mode == FLOOR), _flag(mode == CEIL)
    base, least = np.int32(127 - _BIAS[kind]), np.int32(23 - _MANTISSA[kind])
    largest, sign, nan = np.int32(_LARGEST[kind]), np.int32(_SIGN[kind]), np.int32(_NAN[kind])
    a, out = view_f32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        word = f32_bits(a[i])
        magnitude = np.int32(word & 0x7FFFFFFF)
        exponent = np.int32(magnitude >> 23)
        # Below the normal numbers the grid is even; far below only "not zero" is left: 30 bits do.
        drop = np.int32(min(max(least + base + 1 - exponent, least), np.int32(30)))
        significand = np.int32((magnitude & 0x7FFFFF) | 0x800000)
        small = significand if exponent > 0 else magnitude
        fixed = np.int32(magnitude - (base << 23)) if exponent > base else small
        half = np.int32(np.int32(1) << (drop - np.int32(1)))
        fraction = np.int32(half + half - np.int32(1))
        even = np.int32((fixed >> drop) & np.int32(1))
        directed = up_negative if word < 0 else up_positive
        bias = (nearest & (half - 1 + even)) | (away & half) | (directed & fraction)
        code = np.int32(np.int32(fixed + bias) >> drop)
        code = np.int32(code | (odd & np.int32(1 if (fixed & fraction) != 0 else 0)))
        code = np.int32(min(code, largest))
        code = np.int32(code | (sign if word < 0 else np.int32(0)))
        out[i] = nan if magnitude > 0x7F800000 else code
    return 0


def widen_e8m0(ctx: int, ops: int, arg: int) -> int:
    """T0 scale codes -> float32 powers of two; 255 to NaN."""
    n = lane_total(ops, arg)
    a, out = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        code = a[i]
        word = np.int32(code << 23) if code > 0 else np.int32(0x00400000)
        out[i] = np.int32(F32_NAN) if code == 255 else word
    return 0


def narrow_e8m0(ctx: int, ops: int, arg: int) -> int:
    """T0 float32 -> scale codes: the exponent field, the largest finite one for Inf."""
    n = lane_total(ops, arg)
    a, out = view_i32(temp(ctx, 0), n), view_i32(temp(ctx, 0), n)
    for i in range(n):
        magnitude = np.int32(a[i] & 0x7FFFFFFF)
        code = np.int32(magnitude >> 23)
        out[i] = np.int32(254) if magnitude == 0x7F800000 else code
    return 0


@njit(forceinline=True)
def _row(ctx: int, ops: int, arg: int, first: int) -> tuple[int, int]:
    """Address of the repeat that begins with lane ``first``, and bytes between its blocks."""
    block, repeat = strides(ops, arg, -1)
    base = view_i64(ctx, 64)[UB] + view_i64(ops, 32)[(arg >> ADDRESS) & 255]
    return base + (first >> ((arg >> LANES) & 15)) * repeat * 32, block * 32


def load_b4(ctx: int, ops: int, arg: int) -> int:
    """Operand lanes, two a byte, the even one low; all lanes of a byte are active."""
    n, lanes = lane_total(ops, arg), 1 << ((arg >> LANES) & 15)
    if n < 0:
        return TOO_LONG
    out = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for first in range(0, n, lanes):
        row, step = _row(ctx, ops, arg, first)
        for block in range(0, min(lanes, n - first), 64):
            count = min(64, n - first - block)
            source = view_u8(row + (block >> 6) * step, 32)
            for i in range(0, count, 2):
                pair = source[i >> 1]
                out[first + block + i] = pair & 15
                out[first + block + i + 1] = pair >> 4
    return 0


def store_b4(ctx: int, ops: int, arg: int) -> int:
    """Destination lanes, two a byte: the low four bits of each."""
    n, lanes = lane_total(ops, arg), 1 << ((arg >> LANES) & 15)
    codes = view_i32(temp(ctx, (arg >> TEMP) & 15), n)
    for first in range(0, n, lanes):
        row, step = _row(ctx, ops, arg, first)
        for block in range(0, min(lanes, n - first), 64):
            count = min(64, n - first - block)
            out = view_u8(row + (block >> 6) * step, 32)
            for i in range(0, count, 2):
                at = first + block + i
                out[i >> 1] = np.uint8((codes[at] & 15) | (codes[at + 1] & 15) << 4)
    return 0
