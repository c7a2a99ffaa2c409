"""Exact arithmetic for the golden definitions, in plain NumPy and ml_dtypes.

Nothing here comes from the emulator: a golden definition is a second, independent statement of
what a kernel must compute, so it may share no code with what it judges.

The one idea: an FP64 sum rounded *to odd* keeps enough of the exact value that rounding it once
more, to FP32, gives what rounding the exact value itself would give (Boldo and Melquiond 2008:
true when the intermediate has at least two more bits than the result has; here 53 against 24).
Where an addend is as short as a product of two bf16 values, even that is not needed: `add_short`.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
BF16 = np.dtype(ml_dtypes.bfloat16)

_CHUNK_ELEMENTS = 1 << 15  # a chunk's float64 temporaries stay in the cache
_BF16_NAN = np.uint16(0x7FC0)


def round_to_odd_sum(p: Array, c: Array) -> Array:
    """p + c in float64, rounded to odd: exact, or the neighbour of the exact sum with an odd LSB.

    p, c: float64 of one shape; their magnitudes must lie in 0, [2**-300, 2**300] or be Inf or NaN.
    """
    total = p + c
    back = total - p
    error = (p - (total - back)) + (c - back)  # Knuth's TwoSum: total + error == p + c exactly
    bits = total.view(np.int64)
    inexact = np.isfinite(error) & (error != 0.0) & ((bits & 1) == 0)
    # An even neighbour next to the exact value: its odd companion lies one step towards the error.
    away = (error > 0.0) == (total > 0.0)
    step = np.where(away, np.int64(1), np.int64(-1))
    return np.where(inexact, bits + step, bits).view(np.float64)


def fma32(a: Array, b: Array, c: Array) -> Array:
    """float32 fused multiply-add a * b + c: one rounding, nearest even, subnormals kept.

    a, b, c: float32, broadcast together. The product of two float32 values is exact in float64.
    """
    with np.errstate(all="ignore"):
        p = a.astype(np.float64) * b.astype(np.float64)
        p, c64 = np.broadcast_arrays(p, c.astype(np.float64))
        return round_to_odd_sum(np.ascontiguousarray(p), c64).astype(np.float32)


def fma_chain(a: Array, w: Array) -> Array:
    """The cube's `fma-chain` of a [M, K] and w [N, K] (bf16 or int8 values) -> float32 [M, N].

    Every output starts at +0 and takes one float32 fused multiply-add per k, k ascending.
    """
    m, k = a.shape
    n = w.shape[0]
    rows = max(1, _CHUNK_ELEMENTS // n)
    out = np.zeros((m, n), np.float32)
    with np.errstate(all="ignore"):
        a64 = np.ascontiguousarray(a.astype(np.float64).T)
        w64 = np.ascontiguousarray(w.astype(np.float64).T)
        for first in range(0, m, rows):
            last = min(m, first + rows)
            out[first:last] = _chain_rows(a64[:, first:last], w64, k)
    return out


def _chain_rows(a64: Array, w64: Array, k: int) -> Array:
    """One chunk of `fma_chain`: a64 [K, rows], w64 [K, N], float64 holding bf16 values."""
    shape = (a64.shape[1], w64.shape[1])
    acc = np.zeros(shape, np.float32)
    total = np.zeros(shape, np.float64)
    acc64 = np.zeros(shape, np.float64)
    for step in range(k):
        np.multiply(a64[step][:, None], w64[step][None, :], out=total)
        np.add(total, acc64, out=total)
        np.copyto(acc, total, casting="same_kind")
        np.copyto(acc64, acc)
    return acc


def add_short(p: Array, acc: Array) -> Array:
    """fl32(p + acc): float64 `p` of at most 16 significant bits plus float32 `acc`, rounded once.

    The float64 sum may be rounded to float32 as it stands, as in `fma_chain`: two roundings differ
    from one only if the first lands on a midpoint between float32 neighbours. Let u be the ulp of
    the larger addend. If the smaller one is at least u/8, the sum needs no more than 51 bits and
    is exact in float64. If it is less, the sum lies within u/8 of a float32 value, and the nearest
    midpoint is u/4 away. (Subnormals: all bits lie between 2**-166 and 2**-126.)
    """
    return (p + acc.astype(np.float64)).astype(np.float32)


def to_bf16(x: Array) -> Array:
    """float32 -> bfloat16, nearest even, overflow to Inf, subnormals kept, every NaN 0x7FC0."""
    with np.errstate(all="ignore"):
        out = np.ascontiguousarray(x, np.float32).astype(BF16)
    out.view(np.uint16)[np.isnan(x)] = _BF16_NAN
    return out


def int_gemm(a: Array, w: Array) -> Array:
    """int8 a [M, K] times int8 w [N, K] transposed -> int32 [M, N], wrapping modulo 2**32.

    Every partial sum is an integer below 2**53 (K < 2**38), so the float64 product is exact in
    whatever order the library adds.
    """
    exact = (a.astype(np.float64) @ w.astype(np.float64).T).astype(np.int64)
    return exact.astype(np.uint32).view(np.int32)
