"""MXFP8 products in plain Numba: for any CPU, and on every CPU for operands with NaN or Inf.

An element is an integer times 2^-9 (e4m3) or 2^-16 (e5m2), below 2^32: in two halves of 16 bits the
dot of a 32-block is three exact int64 sums, then two doubles. Their sum with the start value is
exact until it is rounded, once.
"""

from __future__ import annotations

import math

import numpy as np

from npuemu.jit import njit, view_f32, view_f64, view_i32, view_i64, view_u8, view_u32
from npuemu.units.cube.layout import (
    L0A,
    L0A_MX,
    L0B,
    L0B_MX,
    SCRATCH,
    TYPE,
    addresses,
    fractal_steps,
    start_values,
)
from npuemu.units.vector.bits import bits_f64, f64_bits

NAN = 0x7FC00000
E4M3, E5M2, E4M3_E5M2, E5M2_E4M3 = range(4, 8)
"""Numbers of the operand types."""
FINITE, INFINITE, NOT_A_NUMBER = 0, 1, 2
SUMS, ROW, ROW_PLANE, PANEL, PANEL_PLANE = 0, 1 << 16, 1 << 15, 1 << 18, 1 << 19
"""Scratch offsets: sums of 16 columns; the three planes (upper half, lower half, class: int32) of a
row of A, and of a panel of 16 columns of B, ``[16][k]``."""


@njit(inline="always")
def formats_of(kind):  # type: ignore[no-untyped-def]
    """Whether A and whether B of an operand type is e5m2."""
    return kind == E5M2 or kind == E5M2_E4M3, kind == E5M2 or kind == E4M3_E5M2


@njit(inline="always")
def unit_exponent(is_e5m2):  # type: ignore[no-untyped-def]
    """Elements are integers times two to this."""
    return -16 if is_e5m2 else -9


@njit
def element(code, is_e5m2):  # type: ignore[no-untyped-def]
    """(integer in units, class) of a code; an infinity has the value 1 or -1."""
    mantissa = 2 if is_e5m2 else 3
    magnitude = np.int64(code & 0x7F)
    field, value = magnitude >> mantissa, magnitude & ((1 << mantissa) - 1)
    kind = FINITE
    if field > 0:
        value = (value | 1 << mantissa) << (field - 1)
    if is_e5m2 and magnitude >= 0x7C:
        value, kind = 1, INFINITE if magnitude == 0x7C else NOT_A_NUMBER
    if not is_e5m2 and magnitude == 0x7F:
        value, kind = 1, NOT_A_NUMBER
    return (-value if code & 0x80 else value), kind


@njit
def _decode(base, step, row, fractals, is_e5m2, at, plane):  # type: ignore[no-untyped-def]
    """One row of fractals into the planes at ``at``; whether an element is not finite."""
    count, special = fractals * 32, False
    upper, lower = view_i32(at, count), view_i32(at + plane, count)
    classes = view_i32(at + 2 * plane, count)
    for f in range(fractals):
        codes = view_u8(base + f * step + row * 32, 32)
        for q in range(32):
            value, kind = element(codes[q], is_e5m2)
            place = f * 32 + q
            upper[place], lower[place], classes[place] = value >> 16, value & 0xFFFF, kind
            special = special or kind != FINITE
    return special


@njit(inline="always")
def _two_sum(x, y):  # type: ignore[no-untyped-def]
    """The sum of two doubles, and exactly what its rounding lost."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


@njit(inline="always")
def round_once(high, low, start):  # type: ignore[no-untyped-def]
    """``high + low + start`` (finite doubles) as float32, rounded once, to nearest even.

    The sum becomes doubles that do not overlap. What the first one lacks makes it odd: 29 bits
    further up, where the float32 ends, that is neither a tie nor the wrong side of one.
    """
    first, lost = _two_sum(high, start)
    second, rest = _two_sum(lost, low)
    first, lost = _two_sum(first, second)
    lost, rest = _two_sum(lost, rest)
    first, lost = _two_sum(first, lost)
    lost = lost if lost != 0.0 else rest
    word = f64_bits(first)
    step = 1 if (lost > 0.0) == (first > 0.0) else -1
    word += step if lost != 0.0 and word & 1 == 0 else 0
    return np.float32(bits_f64(word))


@njit
def _special_block(left, left_class, right, right_class, g, j, k):  # type: ignore[no-untyped-def]
    """The dot of block g, column j, as far as NaN and Inf decide it; 0 if they do not."""
    total = 0.0
    for q in range(g * 32, g * 32 + 32):
        x, y = left_class[q], right_class[j * k + q]
        if x == NOT_A_NUMBER or y == NOT_A_NUMBER:
            return math.nan
        if x == INFINITE or y == INFINITE:
            # A high half has the sign; both halves of a zero are zero.
            a = left[q] * 65536.0 + left[q + ROW_PLANE // 4]
            b = right[j * k + q] * 65536.0 + right[j * k + q + PANEL_PLANE // 4]
            total += math.inf * np.sign(a) * np.sign(b)
    return total


@njit
def _add_block(scratch, g, k, sums):  # type: ignore[no-untyped-def]
    """Three sums of the g-th block for 16 columns: upper, mixed and lower products of halves."""
    left = scratch + ROW + g * 128
    a_upper, a_lower = view_i32(left, 32), view_i32(left + ROW_PLANE, 32)
    for j in range(16):
        right = scratch + PANEL + (j * k + g * 32) * 4
        b_upper, b_lower = view_i32(right, 32), view_i32(right + PANEL_PLANE, 32)
        upper, mixed, lower = np.int64(0), np.int64(0), np.int64(0)
        for q in range(32):
            x, y = np.int64(a_upper[q]), np.int64(a_lower[q])
            u, v = np.int64(b_upper[q]), np.int64(b_lower[q])
            upper += x * u
            mixed += x * v + y * u
            lower += y * v
        sums[j], sums[16 + j] = np.float64(upper * 65536 + mixed), np.float64(lower)


@njit
def _add_row(words, columns, scales, step, others, others_step, scratch, k, special, units):  # type: ignore[no-untyped-def]
    """Add the row in scratch times the panel to ``columns`` float32 words, block by block.

    scales, others: addresses of the first scale pairs of the row and of the panel; step: bytes to
    the next; units: exponent of a product of two element units.
    """
    sums, values = view_f64(scratch + SUMS, 32), view_f32(words, 16)
    left, right = view_i32(scratch + ROW, ROW_PLANE), view_i32(scratch + PANEL, PANEL_PLANE)
    left_class = view_i32(scratch + ROW + 2 * ROW_PLANE, k)
    right_class = view_i32(scratch + PANEL + 2 * PANEL_PLANE, k * 16)
    decided = view_f64(scratch + SUMS + 1024, 16)
    for g in range(k >> 5):
        _add_block(scratch, g, k, sums)
        scale = np.int64(view_u8(scales + (g >> 1) * step + (g & 1), 1)[0])
        codes = view_u8(others + (g >> 1) * others_step, 32)
        decided[:] = math.nan if scale == 255 else 0.0
        if special:
            for j in range(columns):
                decided[j] += _special_block(left, left_class, right, right_class, g, j, k)
        for j in range(columns):
            other = np.int64(codes[2 * j + (g & 1)])
            factor = bits_f64((scale + other + units + (1023 - 254)) << 52)
            high = sums[j] * (65536.0 * factor)
            total, outside = np.float64(values[j]), math.nan if other == 255 else decided[j]
            rounded = round_once(high, sums[16 + j] * factor, total)
            # Inf - Inf and NaN are not 0; then the plain sum says what comes.
            plain = outside == 0.0 and total - total == 0.0
            values[j] = rounded if plain else np.float32(total + outside)


@njit
def _canonical(out, columns):  # type: ignore[no-untyped-def]
    """Every NaN of a row as the canonical one."""
    for j in range(columns):
        if (out[j] & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000):
            out[j] = np.uint32(NAN)


@njit
def mx8_range(ctx, ops, scratch, n_lo, n_hi):  # type: ignore[no-untyped-def]
    """Columns [n_lo, n_hi) (multiples of 16) of an MXFP8 product (k a multiple of 64)."""
    dst, a, b, m, n, k = addresses(ctx, ops)
    c = view_i64(ctx, 64)
    mf, nf, kf = (m + 15) >> 4, (n + 15) >> 4, k >> 5
    step_m, step_k = fractal_steps(ctx, mf, kf)
    scale_m, scale_k = fractal_steps(ctx, mf, k >> 6)
    start, step, _, start_panel, started = start_values(ctx, ops, dst, mf)
    a_scales = c[2 * L0A_MX] + ((a - c[2 * L0A]) >> 4)
    b_scales = c[2 * L0B_MX] + ((b - c[2 * L0B]) >> 4)
    a_e5m2, b_e5m2 = formats_of(view_i64(ops, 32)[TYPE])
    units = unit_exponent(a_e5m2) + unit_exponent(b_e5m2)
    for p in range(n_lo >> 4, n_hi >> 4):
        columns, panel_special = min(16, n - p * 16), False
        for j in range(columns):
            at = scratch + PANEL + 4 * j * k
            special = _decode(b + p * 512, nf * 512, j, kf, b_e5m2, at, PANEL_PLANE)
            panel_special = panel_special or special
        for i in range(m):
            base, h = a + (i >> 4) * step_m, i & 15
            special = _decode(base, step_k, h, kf, a_e5m2, scratch + ROW, ROW_PLANE)
            words = dst + (p * mf + (i >> 4)) * 1024 + h * 64
            first = view_u32(start + p * start_panel + (i >> 4) * 16 * step + h * step, 16)
            out = view_u32(words, 16)
            for j in range(columns):
                out[j] = first[j] if started else np.uint32(0)
            _add_row(
                words, columns, a_scales + ((i >> 4) * scale_m >> 4) + 2 * h, scale_k >> 4,
                b_scales + p * 32, nf * 32, scratch, k, special or panel_special, units,
            )  # fmt: skip
            _canonical(out, columns)
    return 0


def mmad_mxfp8_e4m3(ctx, ops, arg):  # type: ignore[no-untyped-def]
    """Unit: the whole product, any of the four operand types."""
    sizes = view_i64(ops, 32)
    if sizes[11] > 0 and sizes[12] > 0 and sizes[13] > 0:
        mx8_range(ctx, ops, view_i64(ctx, 64)[SCRATCH], 0, (sizes[12] + 15) & -16)
    return 0


mmad_mxfp8_e5m2 = mmad_mxfp8_e4m3_e5m2 = mmad_mxfp8_e5m2_e4m3 = mmad_mxfp8_e4m3
