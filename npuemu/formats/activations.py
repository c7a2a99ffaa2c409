"""Activations in few bits, as the vector programs make them: int8 a row, MX a block of 32, in one
part or in the two parts of Multi-Scale Dequant.

Values are ``float32`` [rows, K] (bf16 values among them). Every operation is one float32 rounding
to nearest even; ties go to even. A row or block with NaN or Inf gets scale NaN (int8) or 0xFF (MX),
and codes 0: no product needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.formats.arrays import decode
from npuemu.formats.format import E2M1, E4M3
from npuemu.formats.quantize import BLOCK
from npuemu.jit import njit

F32Array = npt.NDArray[np.float32]
F64Array = npt.NDArray[np.float64]
I8Array = npt.NDArray[np.int8]
U8Array = npt.NDArray[np.uint8]

SMALLEST_ROW = np.float32(2.0**-100)
"""A row's largest magnitude counts as at least this much."""
_LEAST_MXFP4, _LEAST_MXFP8 = 5, 8
"""Smallest biased exponents of alpha: 2**-122 keeps alpha/32 a scale, 2**-119 alpha/256."""
_POWERS = np.ldexp(np.float32(1), np.arange(-127, 128)).astype(np.float32)  # 2**(code - 127)
_E2M1, _E4M3 = (decode(f, np.arange(f.code_count, dtype=np.uint8)) for f in (E2M1, E4M3))


@dataclass(frozen=True)
class Rows:
    """int8 codes of rows: ``codes`` int8 [rows, K], ``low`` the second part or None, ``scales``
    float32 [rows]: of the codes, or of the second part, whose 254-fold the first part's is.
    """

    codes: I8Array
    low: I8Array | None
    scales: F32Array

    def values(self) -> F64Array:
        """What the codes stand for, float64 [rows, K], exact."""
        steps = self.codes.astype(np.float64)
        if self.low is not None:
            steps = 254.0 * steps + self.low
        return np.asarray(steps * self.scales.astype(np.float64)[:, None])


@dataclass(frozen=True)
class Blocks:
    """MX codes of blocks of 32 along K: ``codes`` uint8 [rows, K], one a byte, and ``scales`` E8M0
    uint8 [rows, K/32]; ``low`` and ``low_scales`` the second part, or None.
    """

    codes: U8Array
    scales: U8Array
    element: str
    low: U8Array | None = None
    low_scales: U8Array | None = None

    def values(self) -> F64Array:
        """What the codes stand for, float64 [rows, K], exact."""
        total = _block_values(self.codes, self.scales, self.element)
        if self.low is not None and self.low_scales is not None:
            total += _block_values(self.low, self.low_scales, self.element)
        return total


def _block_values(codes: U8Array, scales: U8Array, element: str) -> F64Array:
    table = {"e2m1": _E2M1, "e4m3": _E4M3}[element].astype(np.float64)
    factors = np.ldexp(1.0, scales.astype(np.int32) - 127)
    factors[scales == 255] = np.nan
    return np.asarray(table[codes] * np.repeat(factors, BLOCK, axis=1))


def quantize_int8(values: F32Array) -> Rows:
    """One int8 code a value: s = M / 127, code = rint(a / s), M the row's largest magnitude."""
    _require(values, 1)
    codes = np.empty(values.shape, np.int8)
    scales = np.empty(len(values), np.float32)
    dense = np.ascontiguousarray(values)
    _int8(dense, dense.view(np.uint32), SMALLEST_ROW, codes, scales)
    return Rows(codes, None, scales)


def split_int8(values: F32Array) -> Rows:
    """Two int8 codes h and l a value: a is about s2 * (254 h + l), s2 = M / 32258.

    h = rint(a / (M / 127)), r = fma(-254 h, s2, a), l = rint(r / s2). The error is at most
    M / 64516 * (1 + 2**-17).
    """
    _require(values, 1)
    high, low = np.empty(values.shape, np.int8), np.empty(values.shape, np.int8)
    scales = np.empty(len(values), np.float32)
    dense = np.ascontiguousarray(values)
    _int8_split(dense, dense.view(np.uint32), SMALLEST_ROW, high, low, scales)
    return Rows(high, low, scales)


def quantize_mxfp4(values: F32Array) -> Blocks:
    """One E2M1 code a value, nearest to a / (alpha/4); alpha is the smallest power of two that no
    magnitude of the block exceeds, at least 2**-122. The sign of zero is kept.
    """
    dense = _blocks(values)
    codes, scales = _outputs(values)
    bits = dense.view(np.uint32)
    _mxfp4(dense, bits, _POWERS, codes.reshape(-1, BLOCK), scales.reshape(-1))
    return Blocks(codes, scales, "e2m1")


def split_mxfp4(values: F32Array) -> Blocks:
    """Two E2M1 codes a value: `quantize_mxfp4`, then the exact rest r as r / (alpha/32).

    The error is at most alpha / 64.
    """
    dense = _blocks(values)
    (high, scales), (low, low_scales) = _outputs(values), _outputs(values)
    _mxfp4_split(
        dense, dense.view(np.uint32), _POWERS, high.reshape(-1, BLOCK), scales.reshape(-1),
        low.reshape(-1, BLOCK), low_scales.reshape(-1),
    )  # fmt: skip
    return Blocks(high, scales, "e2m1", low, low_scales)


def quantize_mxfp8(values: F32Array) -> Blocks:
    """One E4M3 code a value, nearest to a / (alpha/256), alpha at least 2**-119."""
    dense = _blocks(values)
    codes, scales = _outputs(values)
    bits = dense.view(np.uint32)
    scaled = np.empty(BLOCK, np.float32)
    _mxfp8(
        dense, bits, _POWERS, scaled, scaled.view(np.uint32), codes.reshape(-1, BLOCK),
        scales.reshape(-1),
    )  # fmt: skip
    return Blocks(codes, scales, "e4m3")


def row_units(values: F32Array) -> F64Array:
    """M of every row, float64 [rows, 1], the least M included; NaN or Inf as they fall."""
    return np.maximum(np.abs(values).max(axis=1), SMALLEST_ROW).astype(np.float64)[:, None]


def block_units(values: F32Array) -> F64Array:
    """alpha of every value's block, float64 [rows, K/32], of finite values (2**-122 at least)."""
    largest = np.abs(values).reshape(len(values), -1, BLOCK).max(axis=2).astype(np.float64)
    mantissa, exponent = np.frexp(np.maximum(largest, 2.0**-122))
    return np.asarray(np.ldexp(1.0, np.where(mantissa == 0.5, exponent - 1, exponent)))


def error(values: F32Array, restored: F64Array, units: F64Array) -> tuple[float, float, float]:
    """(sum of squared errors, sum of squares, largest error over its unit) in float64.

    ``units``: float64 [rows, n], n a divisor of K: the value that a part of a row is measured by.
    The subtraction is the only rounding of a single error (relative 2**-53). Where a value or what
    it was restored to is no number, the largest error is infinite.
    """
    rows, k = values.shape
    if k % units.shape[1]:
        raise ValueError(f"{units.shape[1]} units a row do not divide K = {k}")
    dense, exact = np.ascontiguousarray(values), np.ascontiguousarray(restored)
    noise, signal, worst = _error(dense, exact, np.ascontiguousarray(units), k // units.shape[1])
    return float(noise), float(signal), float(worst) if noise == noise else float("inf")


def _require(values: npt.NDArray[Any], multiple: int) -> None:
    if values.ndim != 2 or values.dtype != np.float32:
        raise ValueError(
            f"values: expected a 2-D array of float32, got {values.ndim}-D of {values.dtype.name}"
        )
    if values.shape[1] % multiple or not values.shape[1]:
        raise ValueError(f"K = {values.shape[1]} is no positive multiple of {multiple}")


def _blocks(values: F32Array) -> F32Array:
    _require(values, BLOCK)
    return np.ascontiguousarray(values).reshape(-1, BLOCK)


def _outputs(values: F32Array) -> tuple[U8Array, U8Array]:
    rows, k = values.shape
    return np.empty((rows, k), np.uint8), np.empty((rows, k // BLOCK), np.uint8)


@njit
def _largest(bits, i):  # type: ignore[no-untyped-def]
    """Largest magnitude of row i, as bits: integers, so that the order of a search is free."""
    most = np.uint32(0)
    for j in range(bits.shape[1]):
        most = max(most, np.uint32(bits[i, j] & np.uint32(0x7FFFFFFF)))
    return most


@njit
def _int8(values, bits, smallest, codes, scales):  # type: ignore[no-untyped-def]
    """values f32 [n, K], bits the same as u32; codes i8 [n, K], scales f32 [n]."""
    for i in range(values.shape[0]):
        if _largest(bits, i) >= np.uint32(0x7F800000):
            scales[i] = np.nan
            for j in range(values.shape[1]):
                codes[i, j] = 0
            continue
        most = smallest
        for j in range(values.shape[1]):
            most = max(most, abs(values[i, j]))
        scale = np.float32(most / np.float32(127))
        scales[i] = scale
        for j in range(values.shape[1]):
            codes[i, j] = np.int8(np.rint(np.float32(values[i, j] / scale)))


@njit
def _int8_split(values, bits, smallest, high, low, scales):  # type: ignore[no-untyped-def]
    """values f32 [n, K], bits the same as u32; high, low i8 [n, K], scales f32 [n].

    The fused multiply-add is a float64 sum: the product has 39 bits, and the sum is exact, since a
    value with a high part that is not 0 is no smaller than about M / 254.
    """
    for i in range(values.shape[0]):
        if _largest(bits, i) >= np.uint32(0x7F800000):
            scales[i] = np.nan
            for j in range(values.shape[1]):
                high[i, j] = 0
                low[i, j] = 0
            continue
        most = smallest
        for j in range(values.shape[1]):
            most = max(most, abs(values[i, j]))
        first, second = np.float32(most / np.float32(127)), np.float32(most / np.float32(32258))
        scales[i] = second
        step = np.float64(-254.0) * np.float64(second)
        for j in range(values.shape[1]):
            h = np.rint(np.float32(values[i, j] / first))
            rest = np.float32(np.float64(h) * step + np.float64(values[i, j]))
            high[i, j] = np.int8(h)
            low[i, j] = np.int8(np.rint(np.float32(rest / second)))


@njit
def _e2m1(magnitude):  # type: ignore[no-untyped-def]
    """(code, value) of the E2M1 number nearest to a magnitude of at most 4."""
    if magnitude < np.float32(2):
        steps = np.rint(magnitude * np.float32(2))
        return steps, steps * np.float32(0.5)
    steps = np.rint(magnitude)
    return steps + np.float32(2), steps


@njit
def _mxfp4(values, bits, powers, codes, scales):  # type: ignore[no-untyped-def]
    """values f32 [n, 32], bits the same as u32; codes u8 [n, 32], scales u8 [n]."""
    for b in range(scales.size):
        most = _largest(bits, b)
        if most >= np.uint32(0x7F800000):
            scales[b] = 255
            for i in range(32):
                codes[b, i] = 0
            continue
        scale = max(np.int64((most + np.uint32(0x7FFFFF)) >> np.uint32(23)), _LEAST_MXFP4) - 2
        scales[b] = scale
        factor = powers[254 - scale]
        for i in range(32):
            code, _ = _e2m1(abs(values[b, i] * factor))
            sign = np.uint32(bits[b, i] >> np.uint32(28)) & np.uint32(8)
            codes[b, i] = np.uint8(np.uint32(code) | sign)


@njit
def _mxfp4_split(values, bits, powers, high, scales, low, low_scales):  # type: ignore[no-untyped-def]
    """values f32 [n, 32], bits the same as u32; high, low u8 [n, 32]; the scales u8 [n]."""
    for b in range(scales.size):
        most = _largest(bits, b)
        if most >= np.uint32(0x7F800000):
            scales[b] = 255
            low_scales[b] = 255
            for i in range(32):
                high[b, i] = 0
                low[b, i] = 0
            continue
        scale = max(np.int64((most + np.uint32(0x7FFFFF)) >> np.uint32(23)), _LEAST_MXFP4) - 2
        scales[b] = scale
        low_scales[b] = scale - 3
        factor = powers[254 - scale]
        for i in range(32):
            # In units of alpha/4, where no high part overflows; a value that underflows there has
            # high part 0, and its rest is itself: below every step, but with a sign.
            scaled = abs(values[b, i] * factor)
            code, value = _e2m1(scaled)
            rest = scaled - value
            below, _ = _e2m1(abs(rest * np.float32(8)))
            sign = np.uint32(bits[b, i] >> np.uint32(28)) & np.uint32(8)
            turned = np.uint32(8) if rest < np.float32(0) else np.uint32(0)
            low_sign = sign ^ turned
            if rest == np.float32(0) and (code > np.float32(0) or values[b, i] == np.float32(0)):
                low_sign = np.uint32(0)
            high[b, i] = np.uint8(np.uint32(code) | sign)
            low[b, i] = np.uint8(np.uint32(below) | low_sign)


@njit
def _mxfp8(values, bits, powers, scaled, scaled_bits, codes, scales):  # type: ignore[no-untyped-def]
    """values f32 [n, 32], bits the same as u32; codes u8 [n, 32], scales u8 [n]; scaled f32 [32],
    and the same as u32.

    Below 2**-6 the steps are 2**-9: those of a float32 sum with 2**14.
    """
    least, offset, base = np.float32(2.0**-6), np.float32(2.0**14), np.uint32(0x46800000)
    for b in range(scales.size):
        most = _largest(bits, b)
        if most >= np.uint32(0x7F800000):
            scales[b] = 255
            for i in range(32):
                codes[b, i] = 0
            continue
        scale = max(np.int64((most + np.uint32(0x7FFFFF)) >> np.uint32(23)), _LEAST_MXFP8) - 8
        scales[b] = scale
        factor = powers[254 - scale]
        for i in range(32):
            magnitude = abs(values[b, i] * factor)
            scaled[i] = magnitude + offset if magnitude < least else magnitude
        for i in range(32):
            m = scaled_bits[i]
            even = np.uint32(m >> np.uint32(20)) & np.uint32(1)
            normal = np.uint32((m + np.uint32(0x7FFFF) + even) >> np.uint32(20)) - np.uint32(960)
            code = np.uint32(m - base) if scaled[i] >= offset else normal
            sign = np.uint32(bits[b, i] >> np.uint32(24)) & np.uint32(0x80)
            codes[b, i] = np.uint8(code | sign)


@njit
def _error(values, restored, units, width):  # type: ignore[no-untyped-def]
    """values f32 [n, K], restored f64 [n, K], units f64 [n, K / width]."""
    noise, signal, worst = 0.0, 0.0, 0.0
    for i in range(values.shape[0]):
        for part in range(units.shape[1]):
            most = 0.0
            for j in range(part * width, part * width + width):
                x = np.float64(values[i, j])
                off = abs(x - restored[i, j])
                noise += off * off
                signal += x * x
                most = max(most, off)
            worst = max(worst, most / units[i, part])
    return noise, signal, worst
