"""Rounding to a small format by table look-up: between which two codes does a value lie?

Built from the scalar reference's decoded values only. float64 holds every float32 value, every code
of a 16-bit format and every midpoint between two codes exactly, so all comparisons are exact.
"""

from __future__ import annotations

import functools

import numpy as np

from npuemu.formats import scalar
from npuemu.formats.format import Format
from npuemu.formats.scalar import Special


def to_float(value: scalar.Number) -> float:
    """A decoded value as a float64."""
    return float(value.value) if isinstance(value, Special) else float(value)


def to_number(value: float) -> scalar.Number:
    """A float64 as the scalar reference takes it."""
    if np.isnan(value):
        return Special.NAN
    if np.isinf(value):
        return Special.POSITIVE_INF if value > 0 else Special.NEGATIVE_INF
    if value == 0 and np.signbit(value):
        return Special.NEGATIVE_ZERO
    return scalar.Fraction(value)


@functools.cache
def magnitudes(fmt: Format) -> np.ndarray:
    """Finite non-negative values in code order, and where overflow begins to round as the last."""
    values = [to_float(scalar.decode(fmt, c)) for c in range(fmt.max_finite_code + 1)]
    return np.array([*values, 2 * values[-1] - values[-2]])


def encode(fmt: Format, values: np.ndarray, rounding: str) -> np.ndarray:
    """Codes of float32 values in a float format with the format's own overflow rule."""
    with np.errstate(invalid="ignore"):
        x = values.astype(np.float64)
    negative = np.signbit(x)
    table = magnitudes(fmt)
    last = table.size - 2
    with np.errstate(invalid="ignore"):
        magnitude = np.minimum(np.abs(np.nan_to_num(x, nan=0.0, posinf=np.inf)), table[-1])
    low = np.minimum(np.searchsorted(table, magnitude, side="right") - 1, last)
    up = _rounds_up(magnitude, table[low], table[low + 1], low % 2 == 1, negative, rounding)
    code = low + up
    over = (magnitude >= table[-1]) & np.isin(rounding, ("rint", "round"))
    toward = {"floor": negative, "ceil": ~negative}.get(rounding, np.zeros_like(negative))
    code = np.where(over | (toward & (magnitude > table[last])) | np.isinf(x), last + 1, code)
    if fmt.saturates:
        code = np.minimum(code, last)
    return np.where(np.isnan(x), fmt.nan_code, code + negative * fmt.sign_bit)


def _rounds_up(magnitude, low, high, odd, negative, rounding):  # type: ignore[no-untyped-def]
    middle = (low + high) / 2
    inexact = magnitude > low
    return {
        "rint": (magnitude > middle) | ((magnitude == middle) & odd),
        "round": inexact & (magnitude >= middle),
        "floor": inexact & negative,
        "ceil": inexact & ~negative,
        "trunc": np.zeros_like(negative),
        "odd": inexact & ~odd,
    }[rounding]
