"""Correctly rounded float32 exp in NumPy and Python integers: no libm, no emulator code.

Two steps, as in Ziv's method: a float64 value with a proven error bound decides nearly every
argument; where the bound leaves two float32 values possible, integers decide. exp of a rational
number other than 0 is irrational (Lindemann), so no result lies on a float32 value or on a midpoint
between two, and the integer step ends.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_LOWEST, _HIGHEST = -104.0, 89.0  # exp(-104) < 2**-150 rounds to 0, exp(89) > 2**128 to Inf
_BOUND = 2.0**-48  # relative error bound of `_exp64`
_DEGREE = 14
_LN2_HIGH = 3048493539143 / 2**42  # ln 2 rounded to 42 fractional bits
_LN2_LOW = 5.497923018708371e-14  # ln 2 - _LN2_HIGH
_INVERSE_LN2 = 1.4426950408889634
_COEFFICIENTS = [1.0 / math.factorial(n) for n in range(_DEGREE + 1)]


def exp32(x: Array) -> Array:
    """e**x of float32 x, any shape: nearest float32, ties impossible but at exp(0) = 1.

    Subnormal results are kept, overflow is Inf, exp(-Inf) = +0, NaN is canonical.
    """
    nan = np.isnan(x)
    x64 = np.clip(np.where(nan, np.float32(0.0), x).astype(np.float64), _LOWEST, _HIGHEST)
    y = _exp64(x64)
    with np.errstate(over="ignore", under="ignore"):
        out = (y * (1.0 - _BOUND)).astype(np.float32)
        open_ = out != (y * (1.0 + _BOUND)).astype(np.float32)
    if open_.any():
        values, place = np.unique(x64[open_], return_inverse=True)
        exact = np.array([_exp_by_integers(v) for v in values.tolist()], np.float32)
        out[open_] = exact[place.reshape(-1)]
    return np.where(nan, np.float32(np.nan), out)


def _exp64(x: Array) -> Array:
    """e**x for float64 x that hold float32 values in -104 .. 89: relative error below 2**-48.

    x = k ln 2 + r, |r| < 0.35, k = rint(x / ln 2), |k| <= 151.
    - x - k HIGH is exact: where k is not 0, |x| > 1/4, so x is a multiple of 2**-25; HIGH is one of
      2**-42, and the difference is below 1/2.
    - |LOW| < 2**-43, so k LOW and the rounding of its product are below 2**-35 and 2**-88; the
      subtraction rounds once, by at most 2**-55. |error of r| < 2**-54.
    - The terms beyond degree 14 are below 2 * 0.35**15 / 15! < 2**-61.
    - Horner: let q be the value that is multiplied by r at last, |q| < 1.21. Each of its steps is
      r times the one before, plus a coefficient, so the errors of earlier steps shrink by 0.35:
      error of q < 2**-53 / (1 - 0.35) * 2 < 2**-51. r q then has an error below
      0.35 * 2**-51 + 2**-54 * 1.21 + 2**-54, and the last addition, below 2, adds 2**-53.
    The sum is below 2**-50.5; e**r > 0.70, so the relative error stays below 2**-49. 2**k
    is an exact factor (normal range of float64).
    """
    k = np.rint(x * _INVERSE_LN2)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    value = np.full(x.shape, _COEFFICIENTS[-1])
    for coefficient in reversed(_COEFFICIENTS[:-1]):
        value = value * r + coefficient
    power = (k.astype(np.int64) + 1023) << 52
    return value * power.view(np.float64)


def _exp_by_integers(x: float) -> float:
    """float32 value (as a float) nearest to e**x, for a float32 x in -104 .. 89 other than 0."""
    precision = 96
    while True:
        low, high, exponent = _enclosure(x, precision)
        if (found := _round32(low, exponent)) == _round32(high, exponent):
            return found
        precision *= 2


def _enclosure(x: float, precision: int) -> tuple[int, int, int]:
    """(low, high, exponent): low * 2**exponent < e**x < high * 2**exponent, in fixed point.

    x = k ln 2 + r with k = floor(x / ln 2) up to one. In units of 2**-precision: r is off by less
    than 2 |k| + 1 < 512, and e**r < 3 multiplies that. Every term adds at most two units
    of its own, which the terms after it at most double; there are fewer than precision / 2 terms.
    """
    numerator, denominator = x.as_integer_ratio()
    fixed = (numerator << precision) // denominator
    ln2 = _ln2(precision)
    k = fixed // ln2
    r = fixed - k * ln2
    term = total = 1 << precision
    n = 0
    while term:
        n += 1
        term = ((term * r) >> precision) // n
        total += term
    slack = 3 * 512 + 2 * precision + 8
    return total - slack, total + slack, k - precision


@lru_cache
def _ln2(precision: int) -> int:
    """ln 2 * 2**precision, off by less than two units: the sum of 1 / (n 2**n)."""
    guard = precision + 16
    return sum((1 << (guard - n)) // n for n in range(1, guard)) >> 16


def _round32(significand: int, exponent: int) -> float:
    """Positive significand * 2**exponent -> nearest float32 (ties to even) as a float, or Inf."""
    lsb = max(significand.bit_length() + exponent - 24, -149)
    drop = lsb - exponent
    kept, rest = significand >> drop, significand & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    kept += rest > half or (rest == half and kept & 1)
    return math.inf if kept.bit_length() + lsb > 128 else math.ldexp(kept, lsb)
