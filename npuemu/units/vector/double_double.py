"""exp and ln of one float32 in double-double arithmetic (106 bits), for the rare hard cases.

Only additions and multiplications of float64 (exact products by Dekker's splitting, no fma),
so every host computes the same bits. The relative error is below 2^-70, while no float32 but the
exact cases exp(0) and ln(1) has its exp or ln within 2^-58 of the middle of two float32.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from npuemu.jit import njit
from npuemu.units.vector.bits import bits_f64, f64_bits

# ln 2 in three parts; the first two have 33 bits, so their products with |k| < 2^20 are exact.
LN2_A = float.fromhex("0x1.62e42fef00000p-1")
LN2_B = float.fromhex("0x1.473de6af00000p-34")
LN2_C = float.fromhex("0x1.3c7673007e5edp-69")
INV_LN2 = float.fromhex("0x1.71547652b82fep+0")
TERMS = 26


def _inverse_factorials() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """1/i! for i < TERMS as unevaluated sums of two float64."""
    exact = [Fraction(1)]
    for i in range(1, TERMS):
        exact.append(exact[-1] / i)
    high = tuple(float(f) for f in exact)
    return high, tuple(float(f - Fraction(h)) for f, h in zip(exact, high, strict=True))


FACTORIAL_HIGH, FACTORIAL_LOW = _inverse_factorials()


@njit
def two_sum(a: float, b: float) -> tuple[float, float]:
    """a + b and its rounding error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


@njit
def two_product(a: float, b: float) -> tuple[float, float]:
    """a * b and its rounding error; |a|, |b| well inside the float64 range."""
    p = a * b
    t = 134217729.0 * a
    ah = t - (t - a)
    al = a - ah
    t = 134217729.0 * b
    bh = t - (t - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


@njit
def _multiply(a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """(a + b) * (c + d)."""
    high, low = two_product(a, c)
    return two_sum(high, low + (a * d + b * c))


@njit
def _add(a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """(a + b) + (c + d)."""
    high, low = two_sum(a, c)
    low2, rest = two_sum(b, d)
    high, low = two_sum(high, low + low2)
    return two_sum(high, low + rest)


@njit
def _exp(x: float) -> tuple[float, float, int]:
    """exp(x) = (high + low) * 2^k for |x| < 200."""
    k = np.floor(x * INV_LN2 + 0.5)
    high, low = two_sum(x, -k * LN2_A)
    high, low = _add(high, low, -k * LN2_B, -k * LN2_C)
    p, q = FACTORIAL_HIGH[TERMS - 1], FACTORIAL_LOW[TERMS - 1]
    for i in range(TERMS - 2, -1, -1):
        p, q = _multiply(p, q, high, low)
        p, q = _add(FACTORIAL_HIGH[i], FACTORIAL_LOW[i], p, q)
    return p, q, np.int64(k)


@njit
def _round_odd(high: float, low: float) -> float:
    """high + low in float64, rounded to odd: a second rounding to float32 is then harmless."""
    word = f64_bits(high)
    if low == 0.0 or word & 1:
        return high
    return bits_f64(word + 1 if (low > 0.0) == (high > 0.0) else word - 1)


@njit
def exp_exact(x: float) -> float:
    """float32 exp of a float32 (as float64), |x| < 200, correctly rounded."""
    high, low, k = _exp(x)
    return np.float32(bits_f64(f64_bits(_round_odd(high, low)) + (k << 52)))


@njit
def ln_exact(x: float, estimate: float) -> float:
    """float32 ln of a positive finite float32 (as float64), correctly rounded.

    ``estimate`` is ln x within 2^-45; one Newton step on exp doubles its digits.
    """
    high, low, k = _exp(-estimate)
    scaled = bits_f64(f64_bits(x) + (k << 52))
    high, low = _multiply(high, low, scaled, 0.0)
    t = (high - 1.0) + low
    high, low = two_sum(estimate, t - 0.5 * t * t)
    return np.float32(_round_odd(high, low))
