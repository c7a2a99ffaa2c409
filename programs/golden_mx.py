"""MX formats for golden definitions: elements, scales, quantisation of activations, and the GEMM.

A block is 32 elements along K with one E8M0 scale (code c: 2**(c - 127), 255 = NaN). Elements are
E2M1 or E4M3 codes in uint8. Of an activation block, alpha is the smallest power of two that is at
least max|a| and at least a floor that keeps every scale code at 0 or more; a zero block has the
floor. A block with a NaN or an Inf has scale code 255, and its elements are cast from NaN (E2M1 +0,
E4M3 0x7F): whatever they are, their products are NaN.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from golden_arithmetic import round_to_odd_sum

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 32
NAN_SCALE = 255
_BIAS = 127
_FLOOR_MXFP4 = -122  # alpha / 32 is then 2**-127
_FLOOR_MXFP8 = -119  # alpha / 256 is then 2**-127
_E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float64)
_SIGNED_E2M1 = np.concatenate([_E2M1, -_E2M1])


def e2m1_values(codes: Array) -> Array:
    """E2M1 codes 0 .. 15 (uint8, or the one-byte ml_dtypes type of the same bits) -> float64."""
    return _SIGNED_E2M1[codes.view(np.uint8)]


def e4m3_values(codes: Array) -> Array:
    """E4M3 codes (uint8 or ml_dtypes) -> float64; 0x7F and 0xFF are NaN."""
    return codes.view(ml_dtypes.float8_e4m3fn).astype(np.float64)


def e8m0_values(codes: Array) -> Array:
    """E8M0 codes (uint8 or ml_dtypes) -> float64 values 2**(code - 127), NaN for 255."""
    code = codes.view(np.uint8).astype(np.int32)
    return np.where(code == NAN_SCALE, np.nan, np.ldexp(1.0, code - _BIAS))


def mx_gemm(
    a_values: Array, a_scale: Array, w_values: Array, w_scale: Array, acc: Array | None = None
) -> Array:
    """float32 [M, N] of float64 a_values [M, K] and w_values [N, K] with E8M0 scale codes.

    a_scale uint8 [M, K/32], w_scale uint8 [N, K/32]. Per block of 32 k, ascending, from `acc`
    (float32 [M, N], +0 where absent; it is not changed):

        acc = fl32(dot * 2**(ea + ew - 254) + acc)

    with the exact dot (+0 if zero), neither rounded nor limited alone: one rounding a block.

    Exact for E2M1 and E4M3 values in any pairing. E4M3 values are multiples of 2**-9 up to 448,
    E2M1 ones of 2**-1 up to 6, so every partial sum of a block's products is a multiple of 2**-18
    below 32 * 448**2 < 2**23: 41 bits, which a float64 product of matrices holds in whatever order
    it adds. Times the two scales the dot is 0 or lies in 2**-272 .. 2**277, still exact, where the
    sum rounded to odd is proven; rounding that to float32 is rounding the exact sum once.
    """
    total = np.zeros((len(a_values), len(w_values)), np.float32) if acc is None else acc
    a_power, w_power = e8m0_values(a_scale), e8m0_values(w_scale)
    with np.errstate(all="ignore"):
        for block in range(a_values.shape[1] // BLOCK):
            k = slice(block * BLOCK, (block + 1) * BLOCK)
            dot = a_values[:, k] @ w_values[:, k].T + 0.0
            scaled = dot * (a_power[:, block][:, None] * w_power[:, block][None, :])
            total = round_to_odd_sum(scaled, total.astype(np.float64)).astype(np.float32)
    return total


def quantize_mxfp4(a: Array) -> tuple[Array, Array]:
    """bf16 [M, K] -> (E2M1 codes uint8 [M, K], E8M0 codes uint8 [M, K/32]): one pass.

    Scale alpha / 4, code the nearest even of a / (alpha / 4); zeros keep their sign.
    """
    blocks, exponent = _blocks(a, _FLOOR_MXFP4)
    codes = _to_e2m1(np.ldexp(blocks, 2 - exponent))
    return codes.reshape(a.shape), _scale_codes(blocks, exponent - 2)


def split_mxfp4(a: Array) -> tuple[Array, Array, Array, Array]:
    """bf16 [M, K] -> (high, high scale, low, low scale): two passes, codes and scales as above.

    The high pass is `quantize_mxfp4`. What it leaves, r = a - high (exact, zero is +0), is the low
    pass: scale alpha / 32, code the nearest even of r / (alpha / 32). |r| <= alpha / 8 always.
    """
    blocks, exponent = _blocks(a, _FLOOR_MXFP4)
    high, high_scale = quantize_mxfp4(a)
    rest = blocks - np.ldexp(e2m1_values(high).reshape(blocks.shape), exponent - 2)
    low = _to_e2m1(np.ldexp(rest, 5 - exponent))
    return high, high_scale, low.reshape(a.shape), _scale_codes(blocks, exponent - 5)


def quantize_mxfp8(a: Array) -> tuple[Array, Array]:
    """bf16 [M, K] -> (E4M3 codes uint8 [M, K], E8M0 codes uint8 [M, K/32]).

    Scale alpha / 256, code the nearest even of a / (alpha / 256), at most 256; zeros keep their
    sign.
    """
    blocks, exponent = _blocks(a, _FLOOR_MXFP8)
    # A bf16 value has 8 bits: float32 holds the quotient, or it is far below half of 2**-9.
    codes = np.ldexp(blocks, 8 - exponent).astype(np.float32).astype(ml_dtypes.float8_e4m3fn)
    codes = np.where(np.isnan(blocks), np.uint8(0x7F), codes.view(np.uint8))
    return codes.reshape(a.shape), _scale_codes(blocks, exponent - 8)


def _blocks(a: Array, floor: int) -> tuple[Array, Array]:
    """float64 [M, K/32, 32], all NaN where a block is not finite; alpha's exponent, one a block."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        blocks = a.astype(np.float64).reshape(len(a), -1, BLOCK)
    finite = np.isfinite(blocks).all(axis=2, keepdims=True)
    largest = np.abs(np.where(finite, blocks, 0.0)).max(axis=2, keepdims=True)
    mantissa, exponent = np.frexp(largest)  # mantissa 0.5: a power of two, 2**(exponent - 1)
    exponent = np.where(largest == 0.0, floor, exponent - (mantissa == 0.5))
    return np.where(finite, blocks, np.nan), np.maximum(exponent, floor)


def _scale_codes(blocks: Array, exponent: Array) -> Array:
    """E8M0 codes uint8 [M, K/32] of 2**exponent, 255 for the blocks that are NaN."""
    bad = np.isnan(blocks[:, :, :1])
    return np.where(bad, NAN_SCALE, exponent + _BIAS).astype(np.uint8)[:, :, 0]


def _to_e2m1(x: Array) -> Array:
    """float64, at most 6 in magnitude -> E2M1 codes, nearest even, signed zeros, NaN to +0."""
    magnitude = np.abs(x)
    code = np.zeros(x.shape, np.uint8)
    for i, middle in enumerate((_E2M1[1:] + _E2M1[:-1]) / 2):
        code += magnitude > middle if i % 2 == 0 else magnitude >= middle  # a tie: the even code
    return np.where(np.isnan(x), np.uint8(0), code | (np.signbit(x).astype(np.uint8) << 3))
