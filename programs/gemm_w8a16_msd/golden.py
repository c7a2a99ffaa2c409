"""gemm_w8a16_msd: A is split into two int8 parts, each multiplied by the stored weight.

A bf16 [M, K], W int8 [N, K], w_scale float32 [N] -> C bf16 [M, N]. All arithmetic in float32,
every fl() one rounding to nearest even, subnormals kept. Per row of A:

    M  = max(max over k of |a|, 2**-100)           NaN if the row holds a NaN
    s1 = fl(M / 127)          s2 = fl(M / 32258)   s2 = NaN if M is not finite
    h  = sat8(rint(fl(a / s1)))                    rint: ties to even; NaN becomes 0
    r  = fma(-(254 * h), s2, a)
    l  = sat8(rint(fl(r / s2)))

    hW, lW = h x W, l x W                          exact int32 (modulo 2**32)
    C  = bf16(fl(fl(fma(f32(hW), 254, f32(lW)) * s2) * w_scale[n]))

Decisions of this definition: a row that holds a NaN or an Inf gives canonical NaN (0x7FC0) in every
column, because its s2 is NaN (the ints of such a row are irrelevant: any value times NaN is NaN);
a zero row gives zeros, signed as w_scale (times an infinite w_scale: NaN); sat8 clamps to
-128 .. 127 and never acts on a finite row. The idea is "Multi-Scale Dequant", arXiv 2605.13915;
the float32 form and its 2**-100 floor are ours.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import fma32, int_gemm, to_bf16
from golden_cases import w8a16_cases, w8a16_inputs

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K], W int8 [N, K], w_scale float32 [N]."""
    return w8a16_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    high_part, low_part, s2 = split(inputs["A"])
    w = inputs["W"]
    high = int_gemm(high_part, w).astype(np.float32)
    low = int_gemm(low_part, w).astype(np.float32)
    joined = fma32(high, np.full((1, 1), 254.0, np.float32), low)
    with np.errstate(all="ignore"):
        scaled = (joined * s2[:, None]) * inputs["w_scale"].astype(np.float32)[None, :]
    return {"C": scaled}


def split(a: Array) -> tuple[Array, Array, Array]:
    """A bf16 [M, K] -> (h int8 [M, K], l int8 [M, K], s2 float32 [M])."""
    with np.errstate(all="ignore"):
        x = a.astype(np.float32)
        largest = np.maximum(np.abs(x).max(axis=1), np.float32(2.0**-100))
        s1 = largest / np.float32(127.0)
        s2 = np.where(np.isfinite(largest), largest / np.float32(32258.0), np.float32(np.nan))
        h = _to_int8(x / s1[:, None])
        r = fma32(np.float32(-254.0) * h.astype(np.float32), s2[:, None], x)
        low_part = _to_int8(r / s2[:, None])
    return h, low_part, s2


def _to_int8(x: Array) -> Array:
    """float32 -> int8: ties to even, saturating, NaN to 0."""
    rounded = np.where(np.isnan(x), np.float32(0.0), np.rint(x))
    return np.clip(rounded, -128.0, 127.0).astype(np.int8)


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return w8a16_cases()
