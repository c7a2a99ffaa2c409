"""exp and ln of float32 lanes (T1 -> T0), correctly rounded, by polynomials of our own.

A float64 polynomial has relative error below 2^-50 (rounding below 1.6 units of 2^-52, truncation
below 2^-56). If the ends of that interval round to the same float32, so does the true value.
Otherwise (8 of the 2^32 words for exp, 46 for ln) the lane is redone in double-double arithmetic.
"""

from __future__ import annotations

import numpy as np

from npuemu.jit import njit, view_f32
from npuemu.units.vector.bits import bits_f64, f64_bits
from npuemu.units.vector.double_double import exp_exact, ln_exact
from npuemu.units.vector.lanes import lane_total, temp

ERROR = 2.0**-50
INV_LN2 = float.fromhex("0x1.71547652b82fep+0")
# ln 2 in two parts; the first has 32 bits, so its products with an exponent are exact.
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
MAGIC = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer in the low bits
MAGIC_BITS = 0x4338000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_F = [1.0]
for _i in range(1, 14):
    _F.append(_F[-1] * _i)
E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13 = (1.0 / f for f in _F[2:])


@njit(forceinline=True)
def _exp(value: float) -> float:
    """float64 exp of a float32, |value| < 120, relative error below 2^-50."""
    x = np.float64(value)
    shifted = x * INV_LN2 + MAGIC
    k = shifted - MAGIC
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    tail = E8 + r * (E9 + r * (E10 + r * (E11 + r * (E12 + r * E13))))
    p = E2 + r * (E3 + r * (E4 + r * (E5 + r * (E6 + r * (E7 + r * tail)))))
    scale = bits_f64((f64_bits(shifted) - MAGIC_BITS + 1023) << 52)
    return (1.0 + (r + r * r * p)) * scale


@njit(forceinline=True)
def _clamped(x: float) -> float:
    """x moved into the range where exp is neither 0 nor infinite in float64; NaN stays."""
    x = np.float32(-110.0) if x < np.float32(-110.0) else x
    return np.float32(90.0) if x > np.float32(90.0) else x


def exp_f32(ctx: int, ops: int, arg: int) -> int:
    """exp(T1); exp(-inf) = +0."""
    n = lane_total(ops, arg)
    a, out = view_f32(temp(ctx, 1), n), view_f32(temp(ctx, 0), n)
    hard = 0
    for i in range(n):
        y = _exp(_clamped(a[i]))
        low, high = np.float32(y - y * ERROR), np.float32(y + y * ERROR)
        out[i] = low
        hard |= low < high
    if hard:
        for i in range(n):
            y = _exp(_clamped(a[i]))
            if np.float32(y - y * ERROR) < np.float32(y + y * ERROR):
                out[i] = exp_exact(np.float64(_clamped(a[i])))
    return 0


@njit(forceinline=True)
def _ln(value: float) -> float:
    """float64 ln of a positive finite float32, relative error below 2^-50."""
    word = f64_bits(np.float64(value))
    e = (word - SQRT_HALF_BITS) >> 52
    f = bits_f64(word - (e << 52)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    tail = 2.0 / 15.0 + z * (2.0 / 17.0 + z * (2.0 / 19.0 + z * (2.0 / 21.0 + z * (2.0 / 23.0))))
    r = 2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * (2.0 / 13.0 + z * tail)))
    r = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * r))
    k = np.float64(e)
    return k * LN2_HIGH - ((s * (f - r) - k * LN2_LOW) - f)


@njit(forceinline=True)
def _special(x: float, y: float) -> float:
    """ln x where it is not a number in (0, inf); else y."""
    y = np.float32(-np.inf) if x == np.float32(0.0) else y
    y = x if x == np.float32(np.inf) else y
    return y if x >= np.float32(0.0) else np.float32(np.nan)


def ln_f32(ctx: int, ops: int, arg: int) -> int:
    """ln(T1); -inf at +-0, NaN below."""
    n = lane_total(ops, arg)
    a, out = view_f32(temp(ctx, 1), n), view_f32(temp(ctx, 0), n)
    hard = 0
    for i in range(n):
        y = _ln(a[i])
        error = abs(y) * ERROR
        low, high = np.float32(y - error), np.float32(y + error)
        out[i] = _special(a[i], low)
        hard |= low < high
    if hard:
        for i in range(n):
            y = _ln(a[i])
            error = abs(y) * ERROR
            if np.float32(y - error) < np.float32(y + error) and np.float32(0.0) < a[i] < np.inf:
                out[i] = ln_exact(np.float64(a[i]), y)
    return 0
