"""Conversions over NumPy arrays, by integer arithmetic on the bits: the fast twin of ``scalar``.

Codes travel as arrays of the format's storage type (``uint8`` ... ``uint32``), values as
``float32`` or ``float64``. Every mode rounds once, from the exact value; NaN results are canonical.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.formats.format import BF16, F16, F32, Format
from npuemu.formats.scalar import ROUNDINGS

Array = npt.NDArray[Any]
_CHUNK = 1 << 15  # elements a pass: the temporaries stay in cache
_CANONICAL_F32 = np.uint32(F32.nan_code)


def decode(fmt: Format, codes: Array) -> Array:
    """Values of an array of codes.

    ``codes``: unsigned integers below 2**bits, any shape. Returns ``float32`` of that shape for
    float and exponent formats (exact), the two's complement or unsigned integers for integer
    formats.
    """
    codes = np.asarray(codes)
    if codes.dtype.kind != "u":
        raise TypeError(f"codes of {fmt.name} are unsigned integers, not {codes.dtype}")
    stored = codes.astype(fmt.storage, copy=False)
    if fmt.kind == "int":
        return np.ascontiguousarray(stored).view(fmt.value_type).reshape(codes.shape)
    if fmt.bits == 32:
        bits = np.where((stored & 0x7FFFFFFF) > 0x7F800000, _CANONICAL_F32, stored)
        return np.asarray(bits, np.uint32).view(np.float32)
    return np.asarray(_table(fmt)[stored])


@functools.cache
def _table(fmt: Format) -> Array:
    """``float32`` value of every code of a format of at most 16 bits."""
    codes = np.arange(fmt.code_count, dtype=np.int64)
    magnitude = codes & ~fmt.sign_bit
    if fmt.kind == "exponent":
        values = np.ldexp(1.0, codes - fmt.bias)
        top = fmt.code_count - 1
    else:
        field = magnitude >> fmt.mantissa_bits
        hidden = (field > 0).astype(np.int64) << fmt.mantissa_bits
        significand = (magnitude & ((1 << fmt.mantissa_bits) - 1)) | hidden
        values = np.ldexp(
            significand.astype(np.float64), np.maximum(field, 1) - fmt.bias - fmt.mantissa_bits
        )
        values[magnitude == fmt.max_finite_code + 1] = np.inf
        values[(codes & fmt.sign_bit) != 0] *= -1.0
        top = fmt.max_finite_code + fmt.has_inf + 1
    with np.errstate(over="ignore"):  # the codes of NaN, replaced below
        bits = values.astype(np.float32).view(np.uint32)
    if fmt.nan != "none":
        bits[magnitude >= top] = _CANONICAL_F32
    table = bits.view(np.float32)
    table.flags.writeable = False
    return table


def encode(
    fmt: Format, values: Array, rounding: str = "rint", saturate: bool | None = None
) -> Array:
    """Codes of an array of values, in the format's storage type.

    ``values``: ``float32``, ``float64``, or integers of at most 32 bits; any shape. Modes,
    overflow, NaN and zero behave as `scalar.encode` defines them.
    """
    if rounding not in ROUNDINGS:
        raise ValueError(f"no rounding mode '{rounding}' (all: {', '.join(ROUNDINGS)})")
    values = _carrier(fmt, np.asarray(values))
    saturate = fmt.saturates if saturate is None else saturate
    flat = np.ascontiguousarray(values).reshape(-1)
    out = np.empty(flat.size, fmt.storage)
    if rounding == "rint" and not saturate and flat.dtype == np.float32 and fmt in (BF16, F16):
        return (_to_bf16 if fmt is BF16 else _to_f16)(flat).reshape(values.shape)
    one = _encode_int if fmt.kind == "int" else _encode_chunk
    for start in range(0, flat.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        out[part] = one(fmt, flat[part], rounding, saturate)
    return out.reshape(values.shape)


def round_to(
    fmt: Format, values: Array, rounding: str = "rint", saturate: bool | None = None
) -> Array:
    """Values rounded to the format and back: ``decode(encode(values))``."""
    return decode(fmt, encode(fmt, values, rounding, saturate))


def _carrier(fmt: Format, values: Array) -> Array:
    """The values in a float type whose exponent and mantissa contain those of the target."""
    if values.dtype == np.float32 and fmt.kind != "exponent":
        return values
    if values.dtype in (np.float16, np.float32, np.float64) or (
        values.dtype.kind in "iu" and values.dtype.itemsize <= 4
    ):
        with np.errstate(invalid="ignore"):  # signalling NaN
            return values.astype(np.float64)
    raise TypeError(
        f"cannot convert {values.dtype} to {fmt.name}: "
        "give float32, float64 or integers of up to 32 bits"
    )


def _to_bf16(values: Array) -> Array:
    """float32 -> bf16, nearest even: add half an ulp, less one where the kept part is even."""
    bits = values.view(np.uint32)
    code = ((bits + (np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1)))) >> 16).astype(np.uint16)
    code[(bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)] = BF16.nan_code
    return code


def _to_f16(values: Array) -> Array:
    """float32 -> f16, nearest even: NumPy's own cast, with NaN made canonical."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        code = values.astype(np.float16).view(np.uint16)
    code[(code & np.uint16(0x7FFF)) > np.uint16(F16.inf_code)] = F16.nan_code
    return code


def _encode_chunk(fmt: Format, values: Array, rounding: str, saturate: bool) -> Array:
    """float32 or float64 -> codes of a float or exponent format, as int64."""
    width, mantissa, bias = (32, 23, 127) if values.dtype == np.float32 else (64, 52, 1023)
    integer: Any = np.int32 if width == 32 else np.int64
    bits: Array = values.view(integer)
    negative = bits < 0
    magnitude = bits & integer((1 << (width - 1)) - 1)
    infinite = ((1 << (width - 1 - mantissa)) - 1) << mantissa
    field = magnitude >> mantissa
    hidden = (field > 0).astype(integer) << mantissa
    significand = (magnitude & integer((1 << mantissa) - 1)) | hidden
    place = np.maximum(field, 1) - bias  # value = significand * 2**(place - mantissa)
    exponent = np.maximum(place, fmt.min_exponent)
    # Beyond two bits more than the source has, every rest is less than half: shift no further.
    shift = np.clip(exponent - place + (mantissa - fmt.mantissa_bits), 0, mantissa + 2)
    kept = _round_shift(significand, shift, negative, rounding)
    # A larger exponent only says "overflow" more loudly, and must not wrap around.
    step = np.minimum(exponent - fmt.min_exponent, (fmt.max_finite_code >> fmt.mantissa_bits) + 1)
    code = (step.astype(np.int64) << fmt.mantissa_bits) + kept
    if fmt.kind == "exponent":
        code = np.maximum(code - 1, 0)
    over = code > fmt.max_finite_code
    if over.any():
        finite = _overflow_is_finite(fmt, negative, rounding, saturate) & (magnitude < infinite)
        beyond = fmt.inf_code if fmt.has_inf else -1
        beyond = fmt.max_finite_code if _always_finite(fmt, saturate) else beyond
        code[over] = np.where(finite, fmt.max_finite_code, beyond)[over]
    nan = (magnitude > infinite) | (code < 0)
    if fmt.kind == "exponent":
        nan |= negative | (magnitude == 0)
    code |= negative.astype(np.int64) * fmt.sign_bit
    code[nan] = fmt.nan_code
    return np.asarray(code)


def _always_finite(fmt: Format, saturate: bool) -> bool:
    return saturate or (fmt.nan == "none" and not fmt.has_inf)


def _overflow_is_finite(fmt: Format, negative: Array, rounding: str, saturate: bool) -> Any:
    """Where an overflow of a finite value stays at the largest finite one."""
    if _always_finite(fmt, saturate) or rounding in ("trunc", "odd"):
        return np.ones_like(negative)
    if rounding in ("floor", "ceil"):
        return negative == (rounding == "ceil")
    return np.zeros_like(negative)


def _round_shift(significand: Array, shift: Array, negative: Array, rounding: str) -> Any:
    """Divide non-negative integers by 2**shift, rounding as the numbers of the given signs."""
    one = significand.dtype.type(1)
    kept = significand >> shift
    rest = significand & ((one << shift) - one)
    if rounding == "trunc":
        return kept
    if rounding == "odd":
        return kept | (rest != 0)
    if rounding in ("floor", "ceil"):
        return kept + ((rest != 0) & (negative == (rounding == "floor")))
    half = (one << shift) >> one
    enough = rest > half
    tie = (rest == half) & (rest != 0)
    if rounding == "rint":
        tie &= (kept & one) == one
    return kept + (enough | tie)


def _encode_int(fmt: Format, values: Array, rounding: str, saturate: bool) -> Array:
    """float32 or float64 -> integer codes, as int64."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        wide = values.astype(np.float64)
    wide[np.isnan(wide)] = 0.0
    low, high = -float(fmt.sign_bit), float(fmt.max_finite_code)
    if saturate:
        # Clamping first is safe: both ends are integers, so rounding cannot cross them.
        wide = np.clip(wide, low, high)
    else:
        wide[wide == np.inf] = high
        wide[wide == -np.inf] = low
    rounded = _round_float(wide, rounding)
    if not saturate:
        rounded = np.fmod(rounded, float(fmt.code_count))
    return rounded.astype(np.int64) & (fmt.code_count - 1)


def _round_float(values: Array, rounding: str) -> Array:
    """Round float64 values to integers (still float64)."""
    plain = {"rint": np.rint, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}
    if rounding in plain:
        return np.asarray(plain[rounding](values))
    whole = np.trunc(values)
    rest = np.abs(values - whole)
    away = np.where(np.signbit(values), -1.0, 1.0)
    if rounding == "round":
        return np.asarray(whole + np.where(rest >= 0.5, away, 0.0))
    return np.asarray(whole + np.where((rest > 0) & (np.fmod(whole, 2.0) == 0), away, 0.0))
