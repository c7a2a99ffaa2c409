"""Golden definitions of int8 activations (NumPy and ml_dtypes only): one part, or two.

All arithmetic in float32, every fl() one rounding to nearest even, subnormals kept. Per row:

    M = max(max over k of |a|, 2**-100)            NaN if the row holds a NaN
    s = fl(M / 127)                                NaN if M is not finite
    q = sat8(rint(fl(a / s)))                      rint: ties to even; NaN becomes 0
"""

from __future__ import annotations

from typing import Any

import numpy as np
from golden_arithmetic import int_gemm, to_bf16

Array = np.ndarray[Any, np.dtype[Any]]

SMALLEST = np.float32(2.0**-100)


def quantize(a: Array) -> tuple[Array, Array]:
    """A bf16 [M, K] -> (codes int8 [M, K], scale float32 [M])."""
    with np.errstate(all="ignore"):
        x = a.astype(np.float32)
        largest = np.maximum(np.abs(x).max(axis=1), SMALLEST)
        scale = np.where(np.isfinite(largest), largest / np.float32(127.0), np.float32(np.nan))
        quotient = x / scale[:, None]
    rounded = np.where(np.isnan(quotient), np.float32(0.0), np.rint(quotient))
    return np.clip(rounded, -128.0, 127.0).astype(np.int8), scale


def scaled_gemm(a: Array, w: Array, w_scale: Array) -> Array:
    """C bf16 [M, N] = bf16(fl(fl(f32(sum q w) * s) * w_scale[n])) of A bf16, W int8 [N, K]."""
    codes, scale = quantize(a)
    sums = int_gemm(codes, w).astype(np.float32)
    with np.errstate(all="ignore"):
        return to_bf16((sums * scale[:, None]) * w_scale.astype(np.float32)[None, :])
