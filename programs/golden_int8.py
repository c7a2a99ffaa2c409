"""Golden definitions of int8 activations (NumPy and ml_dtypes only): one part, or two.

All arithmetic in float32, every fl() one rounding to nearest even, subnormals kept. Per row:

    M = max(max over k of |a|, 2**-100)            NaN if the row holds a NaN

    s = fl(M / 127)                                NaN if M is not finite
    q = sat8(rint(fl(a / s)))                      rint: ties to even; NaN becomes 0

    s1 = fl(M / 127)        s2 = fl(M / 32258)     s2 = NaN if M is not finite
    h  = sat8(rint(fl(a / s1)))
    l  = sat8(rint(fl(fma(-(254 * h), s2, a) / s2)))
"""

from __future__ import annotations

from typing import Any

import numpy as np
from golden_arithmetic import fma32, int_gemm

Array = np.ndarray[Any, np.dtype[Any]]

SMALLEST = np.float32(2.0**-100)


def quantize(a: Array) -> tuple[Array, Array]:
    """A bf16 [M, K] -> (codes int8 [M, K], scale float32 [M])."""
    x, largest = _largest(a)
    with np.errstate(all="ignore"):
        scale = _finite(largest, largest / np.float32(127.0))
        return _to_int8(x / scale[:, None]), scale


def split(a: Array) -> tuple[Array, Array, Array]:
    """A bf16 [M, K] -> (h int8 [M, K], l int8 [M, K], s2 float32 [M])."""
    x, largest = _largest(a)
    with np.errstate(all="ignore"):
        s2 = _finite(largest, largest / np.float32(32258.0))
        high = _to_int8(x / (largest / np.float32(127.0))[:, None])
        rest = fma32(np.float32(-254.0) * high.astype(np.float32), s2[:, None], x)
        return high, _to_int8(rest / s2[:, None]), s2


def scaled_gemm(a: Array, w: Array, w_scale: Array) -> Array:
    """float32 [M, N]: fl(fl(f32(sum q w) * s) * w_scale[n]) of A bf16, W int8 [N, K]."""
    codes, scale = quantize(a)
    sums = int_gemm(codes, w).astype(np.float32)
    with np.errstate(all="ignore"):
        return np.asarray((sums * scale[:, None]) * w_scale.astype(np.float32)[None, :])


def _largest(a: Array) -> tuple[Array, Array]:
    """A in float32, and M of every row."""
    x = a.astype(np.float32)
    with np.errstate(all="ignore"):
        return x, np.maximum(np.abs(x).max(axis=1), SMALLEST)


def _finite(largest: Array, scale: Array) -> Array:
    """The scales, NaN where the largest element is not finite."""
    return np.where(np.isfinite(largest), scale, np.float32(np.nan))


def _to_int8(x: Array) -> Array:
    """float32 -> int8: ties to even, saturating, NaN to 0."""
    rounded = np.where(np.isnan(x), np.float32(0.0), np.rint(x))
    return np.clip(rounded, -128.0, 127.0).astype(np.int8)
