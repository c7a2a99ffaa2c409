"""Reference conversions, one code at a time, with Python integers and exact rationals.

Slow and plain on purpose: this module is the written definition in executable form, and the fast
conversions are tested against it. The sign of zero, infinities and NaN are `Special` values,
because a rational number cannot carry them.
"""

from __future__ import annotations

import enum
from fractions import Fraction

from npuemu.formats.format import Format

ROUNDINGS = ("rint", "floor", "ceil", "round", "trunc", "odd")
"""Rounding modes: ``rint`` nearest, ties to even; ``floor`` down; ``ceil`` up; ``round`` nearest,
ties away from zero; ``trunc`` toward zero; ``odd`` toward zero, then the last bit set if anything
was lost."""


class Special(enum.Enum):
    """Values that no rational number stands for."""

    NAN = "nan"
    POSITIVE_INF = "inf"
    NEGATIVE_INF = "-inf"
    NEGATIVE_ZERO = "-0"


Number = Fraction | Special


def decode(fmt: Format, code: int) -> Number:
    """The value of ``code`` (0 <= code < 2**bits)."""
    if not 0 <= code < fmt.code_count:
        raise ValueError(f"{fmt.name} has no code {code}")
    if fmt.kind == "int":
        return Fraction(code - (fmt.code_count if code & fmt.sign_bit else 0))
    magnitude = code & ~fmt.sign_bit
    if _is_nan(fmt, magnitude):
        return Special.NAN
    negative = bool(code & fmt.sign_bit)
    if magnitude > fmt.max_finite_code:
        return Special.NEGATIVE_INF if negative else Special.POSITIVE_INF
    if negative and magnitude == 0:
        return Special.NEGATIVE_ZERO
    value = _magnitude_value(fmt, magnitude)
    return -value if negative else value


def _is_nan(fmt: Format, magnitude: int) -> bool:
    if fmt.nan == "ieee":
        return magnitude > fmt.inf_code
    return fmt.nan == "all_ones" and magnitude == fmt.code_count - 1 - fmt.sign_bit


def _magnitude_value(fmt: Format, magnitude: int) -> Fraction:
    """Value of a finite code without its sign."""
    if fmt.kind == "exponent":
        return Fraction(2) ** (magnitude - fmt.bias)
    field = magnitude >> fmt.mantissa_bits
    mantissa = Fraction(magnitude & ((1 << fmt.mantissa_bits) - 1), 1 << fmt.mantissa_bits)
    if field == 0:
        return mantissa * Fraction(2) ** (1 - fmt.bias)
    return (1 + mantissa) * Fraction(2) ** (field - fmt.bias)


def encode(
    fmt: Format, value: Number | int, rounding: str = "rint", saturate: bool | None = None
) -> int:
    """The code of ``value`` rounded to ``fmt``.

    ``saturate`` (default: the format's own rule): an overflow, Inf included, gives the largest
    finite value of its sign. Otherwise Inf gives Inf, or NaN where there is no Inf; so does an
    overflow, except where the mode rounds toward zero (``trunc``, ``odd``, ``floor`` of positive
    and ``ceil`` of negative values), which stays finite. A format with neither Inf nor NaN always
    saturates; an integer that does not saturate wraps, Inf giving its end of the range.

    NaN gives ``nan_code``. ``e8m0`` has neither sign nor zero: zero and negative values give NaN,
    a positive value below 2**-127 gives code 0.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"no rounding mode '{rounding}' (all: {', '.join(ROUNDINGS)})")
    saturate = fmt.saturates if saturate is None else saturate
    if value is Special.NAN:
        return fmt.nan_code
    if fmt.kind == "int":
        return _encode_int(fmt, value, rounding, saturate)
    negative, magnitude = _split(value)
    if fmt.kind == "exponent" and (negative or magnitude == 0 or value is Special.NEGATIVE_ZERO):
        return fmt.nan_code
    if magnitude is None:
        return _overflow(fmt, negative, "rint", saturate)
    code = _encode_magnitude(fmt, magnitude, negative, rounding)
    if code > fmt.max_finite_code:
        return _overflow(fmt, negative, rounding, saturate)
    return code | (fmt.sign_bit if negative else 0)


def _split(value: Number | int) -> tuple[bool, Fraction | None]:
    """Sign and magnitude; the magnitude of an infinity is None."""
    if value is Special.NEGATIVE_ZERO:
        return True, Fraction(0)
    if isinstance(value, Special):
        return value is Special.NEGATIVE_INF, None
    exact = Fraction(value)
    return exact < 0, abs(exact)


def _encode_magnitude(fmt: Format, magnitude: Fraction, negative: bool, rounding: str) -> int:
    """Round a magnitude as if the exponent had no upper end; the result may exceed the largest
    code."""
    if magnitude == 0:
        return 0
    exponent = max(_floor_log2(magnitude), fmt.min_exponent)
    quantum = Fraction(2) ** (exponent - fmt.mantissa_bits)
    significand = _round_magnitude(magnitude / quantum, negative, rounding)
    code = ((exponent - fmt.min_exponent) << fmt.mantissa_bits) + significand
    return code if fmt.kind == "float" else max(code - 1, 0)


def _floor_log2(value: Fraction) -> int:
    """Largest e with 2**e <= value, for value > 0."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def _round_magnitude(value: Fraction, negative: bool, rounding: str) -> int:
    """Round a non-negative rational, the magnitude of a number of the given sign, to an integer."""
    low = value.numerator // value.denominator
    rest = value - low
    if rest == 0:
        return low
    half = Fraction(1, 2)
    up = {
        "rint": rest > half or (rest == half and low % 2 == 1),
        "round": rest >= half,
        "floor": negative,
        "ceil": not negative,
        "trunc": False,
        "odd": low % 2 == 0,
    }[rounding]
    return low + up


def _overflow(fmt: Format, negative: bool, rounding: str, saturate: bool) -> int:
    """Code of a magnitude above the largest finite one."""
    stays = {"trunc": True, "odd": True, "floor": not negative, "ceil": negative}
    sign = fmt.sign_bit if negative else 0
    if saturate or stays.get(rounding, False) or (fmt.nan == "none" and not fmt.has_inf):
        return sign | fmt.max_finite_code
    return sign | fmt.inf_code if fmt.has_inf else fmt.nan_code


def _encode_int(fmt: Format, value: Number | int, rounding: str, saturate: bool) -> int:
    negative, magnitude = _split(value)
    low = -fmt.sign_bit
    if magnitude is None:
        return (low if negative else fmt.max_finite_code) & (fmt.code_count - 1)
    rounded = _round_magnitude(magnitude, negative, rounding)
    exact = -rounded if negative else rounded
    if saturate:
        exact = min(max(exact, low), fmt.max_finite_code)
    return exact & (fmt.code_count - 1)
