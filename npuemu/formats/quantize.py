"""Quantisation: MXFP4 blocks of 32 with E8M0 scales, and per-channel symmetric int8.

The rules that implementations disagree on, how a block's scale is chosen and how elements are
rounded, are arguments without defaults. Exponents are taken from the bits, never from a logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from npuemu.formats.arrays import decode
from npuemu.formats.format import E2M1, E8M0, F32
from npuemu.jit import njit

BLOCK = 32
SCALE_RULES = ("floor", "ceil", "round_up", "even")
"""How the scale X of a block follows its largest magnitude amax (E2M1 ends at 6 = 1.5 * 4).

``floor``: 4X is the largest power of two <= amax. ``ceil``: 4X is the smallest power of two >=
amax. ``round_up``: X is the smallest power of two with 6X >= amax. ``even``: as ``floor``, of amax
rounded to E2M1's precision (one mantissa bit, nearest even). X is at least 2**-127."""
ROUNDINGS = ("rint", "round", "floor")
"""How an element divided by X is rounded: ``rint`` nearest, ties to even; ``round`` nearest, ties
away from zero; ``floor`` toward zero."""

# float32 bits added to amax before its exponent field is read: what makes each rule carry.
_CARRY = {"floor": 0, "ceil": 0x7FFFFF, "round_up": 0x3FFFFF, "even": 0x200000}
# The magnitudes where codes 1..7 begin, and whether a magnitude exactly there already rounds up.
_MIDDLES = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)
_STEPS = {
    "rint": (_MIDDLES, (0, 1, 0, 1, 0, 1, 0)),
    "round": (_MIDDLES, (1,) * 7),
    "floor": ((0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0), (1,) * 7),
}
_VALUES = decode(E2M1, np.arange(16, dtype=np.uint8))
_SCALES = decode(E8M0, np.arange(256, dtype=np.uint8))
_RECIPROCALS = _SCALES[:255][::-1].copy()  # 1/X of codes 0..254: 2**(127 - code)

F32Array = npt.NDArray[np.float32]
U8Array = npt.NDArray[np.uint8]


def quantize_mxfp4(values: F32Array, *, scale_rule: str, rounding: str) -> tuple[U8Array, U8Array]:
    """Quantise rows to MXFP4.

    ``values``: ``float32`` [rows, K], K a multiple of 32; blocks run along K and never cross a row.
    Returns E2M1 codes, ``uint8`` [rows, K], one a byte, and E8M0 scales, ``uint8`` [rows, K/32].
    Elements beyond +-6X become +-6X. A block with NaN or Inf gets scale 0xFF and codes 0, a block
    of zeros scale 0; the sign of zero is kept.
    """
    if scale_rule not in SCALE_RULES:
        raise ValueError(f"no scale rule '{scale_rule}' (all: {', '.join(SCALE_RULES)})")
    if rounding not in ROUNDINGS:
        raise ValueError(f"no element rounding '{rounding}' (all: {', '.join(ROUNDINGS)})")
    _require(values, np.float32, "values")
    rows, k = values.shape
    if k % BLOCK:
        raise ValueError(f"K = {k} is no multiple of the block size {BLOCK}")
    codes = np.empty((rows, k), np.uint8)
    scales = np.empty((rows, k // BLOCK), np.uint8)
    dense = np.ascontiguousarray(values).reshape(-1, BLOCK)
    _quantize(
        dense,
        dense.view(np.uint32),
        np.uint32(_CARRY[scale_rule]),
        _RECIPROCALS,
        _limits(rounding),
        codes.reshape(-1, BLOCK),
        scales.reshape(-1),
    )
    return codes, scales


def dequantize_mxfp4(codes: U8Array, scales: U8Array) -> F32Array:
    """Values of MXFP4 blocks, ``float32`` [rows, K]: exact, except that beyond 2**128 they are Inf.

    ``codes``: ``uint8`` [rows, K] below 16; ``scales``: ``uint8`` [rows, K/32]; scale 0xFF gives
    NaN.
    """
    _require(codes, np.uint8, "codes")
    _require(scales, np.uint8, "scales")
    rows, k = codes.shape
    if k % BLOCK or scales.shape != (rows, k // BLOCK):
        raise ValueError(
            f"codes {list(codes.shape)} need scales [{rows}, K/{BLOCK}], got {list(scales.shape)}"
        )
    values = np.empty((rows, k), np.float32)
    _dequantize(
        np.ascontiguousarray(codes).reshape(-1, BLOCK),
        np.ascontiguousarray(scales).reshape(-1),
        _VALUES,
        _SCALES,
        values.reshape(-1, BLOCK),
    )
    return values


def quantize_int8(weight: F32Array) -> tuple[npt.NDArray[np.int8], F32Array]:
    """Per-channel symmetric int8: every row of ``weight``, ``float32`` [channels, K], has its own
    scale.

    scale = amax / 127 and code = rint(value / scale), both in ``float32``, codes within +-127.
    Returns codes
    ``int8`` [channels, K] and scales ``float32`` [channels]. A row of zeros gets scale 0 and codes
    0, so does one so small that its scale underflows; a row with NaN or Inf gets scale NaN and
    codes 0.
    """
    _require(weight, np.float32, "weight")
    amax = np.abs(weight).max(axis=1, initial=np.float32(0))
    scale = (amax / np.float32(127)).astype(np.float32)
    usable = np.isfinite(amax) & (scale > 0)
    divisor = np.where(usable, scale, np.float32(1))[:, None]
    kept = np.where(usable[:, None], weight, np.float32(0))
    codes = np.clip(np.rint(kept / divisor), -127, 127).astype(np.int8)
    scale[~np.isfinite(amax)] = np.uint32(F32.nan_code).view(np.float32)
    return codes, scale


def _require(array: npt.NDArray[Any], dtype: Any, what: str) -> None:
    if array.ndim != 2 or array.dtype != dtype:
        raise ValueError(
            f"{what}: expected a 2-D array of {np.dtype(dtype).name}, "
            f"got {array.ndim}-D of {array.dtype.name}"
        )


def _limits(rounding: str) -> F32Array:
    """Magnitudes that a code's must exceed; one bit less where the magnitude itself is enough."""
    steps, inclusive = _STEPS[rounding]
    bits = np.array(steps, np.float32).view(np.uint32) - np.array(inclusive, np.uint32)
    return bits.view(np.float32)


@njit
def _quantize(values, bits, carry, reciprocals, limits, codes, scales):  # type: ignore[no-untyped-def]
    """values: float32 [n, 32]; bits: the same as uint32; codes [n, 32]; scales [n].

    Multiplying by 1/X is exact, or underflows far below every limit. Rows are indexed, not sliced:
    a slice costs reference counts, which take longer than the block itself.
    """
    mask = np.uint32(0x7FFFFFFF)
    t0, t1, t2, t3 = limits[0], limits[1], limits[2], limits[3]
    t4, t5, t6 = limits[4], limits[5], limits[6]
    for b in range(scales.size):
        amax = np.uint32(0)
        for i in range(32):
            amax = max(amax, np.uint32(bits[b, i] & mask))
        if amax >= np.uint32(0x7F800000):
            scales[b] = 255
            for i in range(32):
                codes[b, i] = 0
            continue
        scale = max(np.int64((amax + carry) >> np.uint32(23)) - 2, 0)
        scales[b] = scale
        factor = reciprocals[scale]
        for i in range(32):
            m = abs(values[b, i] * factor)
            c = np.uint32(bits[b, i] >> np.uint32(28)) & np.uint32(8)
            c += np.uint32(m > t0) + np.uint32(m > t1) + np.uint32(m > t2) + np.uint32(m > t3)
            c += np.uint32(m > t4) + np.uint32(m > t5) + np.uint32(m > t6)
            codes[b, i] = np.uint8(c)


@njit
def _dequantize(codes, scales, values, powers, out):  # type: ignore[no-untyped-def]
    """codes, out [n, 32]; scales [n]. One product a value; NaN scales write the canonical NaN."""
    for b in range(scales.size):
        x = powers[scales[b]]
        if scales[b] == 255:
            for i in range(32):
                out[b, i] = x
        else:
            for i in range(32):
                out[b, i] = values[codes[b, i] & np.uint8(15)] * x
