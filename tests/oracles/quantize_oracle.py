"""MXFP4 and int8 quantisation from their definitions, in exact arithmetic; shares no code.

Powers of two times float32 values are exact in float64, and so is every comparison with a
midpoint, so the array oracle is exact; `block_by_fractions` does one block in rationals.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def scale_codes(amax: np.ndarray, rule: str) -> np.ndarray:
    """Scale code of every block from its largest magnitude (finite, float32)."""
    x = amax.astype(np.float64)
    powers = np.ldexp(1.0, np.arange(-127, 128))  # every X, ascending; index = code
    if rule == "floor":  # the largest X with 4X <= amax
        code = np.searchsorted(4.0 * powers, x, side="right") - 1
    elif rule == "ceil":  # the smallest X with 4X >= amax
        code = np.searchsorted(4.0 * powers, x, side="left")
    elif rule == "round_up":  # the smallest X with 6X >= amax
        code = np.searchsorted(6.0 * powers, x, side="left")
    else:  # floor of amax rounded to two significant bits, nearest even
        mantissa, exponent = np.frexp(x)
        rounded = np.ldexp(np.rint(mantissa * 4.0) / 4.0, exponent)
        code = np.searchsorted(4.0 * powers, rounded, side="right") - 1
    return np.maximum(code, 0).astype(np.uint8)


def element_codes(scaled: np.ndarray, rounding: str) -> np.ndarray:
    """Codes of |v| / X with the sign of v, by the nearest of eight values."""
    magnitude = np.minimum(np.abs(scaled), 6.0)
    low = np.searchsorted(VALUES, magnitude, side="right") - 1
    high = np.minimum(low + 1, 7)
    table = np.array(VALUES)
    middle = (table[low] + table[high]) / 2.0
    tie_up = {"rint": low % 2 == 1, "round": True, "floor": False}[rounding]
    up = (magnitude > middle) | ((magnitude == middle) & tie_up)
    if rounding == "floor":
        up = np.zeros_like(up)
    code = np.where(up & (magnitude != table[low]), high, low)
    return (code + 8 * np.signbit(scaled)).astype(np.uint8)


def quantize_mxfp4(values: np.ndarray, rule: str, rounding: str) -> tuple[np.ndarray, np.ndarray]:
    """Codes [rows, K] and scales [rows, K/32]."""
    rows, k = values.shape
    blocks = values.reshape(rows, k // 32, 32)
    bad = ~np.isfinite(blocks).all(axis=2)
    clean = np.where(bad[:, :, None], np.float32(0), blocks)
    scales = scale_codes(np.abs(clean).max(axis=2), rule)
    with np.errstate(invalid="ignore"):
        wide = clean.astype(np.float64)
    scaled = np.ldexp(wide, 127 - scales.astype(np.int64)[:, :, None])
    codes = np.where(bad[:, :, None], 0, element_codes(scaled, rounding)).astype(np.uint8)
    return codes.reshape(rows, k), np.where(bad, 255, scales).astype(np.uint8)


def block_by_fractions(block: list[float], rule: str, rounding: str) -> tuple[list[int], int]:
    """One finite block, with rationals only."""
    exact = [Fraction(v) for v in block]
    amax = max(abs(v) for v in exact)
    if rule == "even" and amax:
        step = Fraction(1, 1 << 200)
        while not step * 2 <= amax < step * 4:  # two significant bits: amax / step in [2, 4)
            step *= 2
        amax = step * round(amax / step)  # Python rounds ties to even
    fits = {
        "floor": lambda x: 4 * x * 2 > amax,
        "even": lambda x: 4 * x * 2 > amax,
        "ceil": lambda x: 4 * x >= amax,
        "round_up": lambda x: 6 * x >= amax,
    }[rule]
    code = next(c for c in range(255) if fits(Fraction(2) ** (c - 127)))
    x = Fraction(2) ** (code - 127)
    return [
        _element(v / x, rounding) + 8 * _negative(f) for v, f in zip(exact, block, strict=True)
    ], code


def _negative(value: float) -> bool:
    return bool(np.signbit(value))


def _element(value: Fraction, rounding: str) -> int:
    magnitude = min(abs(value), Fraction(6))
    table = [Fraction(v) for v in VALUES]
    if rounding == "floor":
        return max(i for i, v in enumerate(table) if v <= magnitude)
    distance = min(abs(v - magnitude) for v in table)
    nearest = [i for i, v in enumerate(table) if abs(v - magnitude) == distance]
    if rounding == "round":
        return max(nearest)
    return next(i for i in nearest if i % 2 == 0) if len(nearest) == 2 else nearest[0]


def quantize_int8_row(row: np.ndarray) -> tuple[list[int], np.float32]:
    """One finite row with a scale that is no underflow: exact rationals rounded to float32."""
    amax = max(abs(Fraction(float(v))) for v in row)
    scale = nearest_float32(amax / 127)
    codes = []
    for v in row:
        ratio = Fraction(float(nearest_float32(Fraction(float(v)) / Fraction(float(scale)))))
        codes.append(max(-127, min(127, round(ratio))))
    return codes, scale


def nearest_float32(value: Fraction) -> np.float32:
    """Round a rational to float32, nearest even, by comparing the two neighbours exactly."""
    guess = np.float32(float(value))
    around = [
        np.nextafter(guess, np.float32(-np.inf)),
        guess,
        np.nextafter(guess, np.float32(np.inf)),
    ]
    distance = [abs(Fraction(float(g)) - value) for g in around]
    best = [g for g, d in zip(around, distance, strict=True) if d == min(distance)]
    even = [g for g in best if int(g.view(np.uint32)) % 2 == 0]
    return (even or best)[0]
