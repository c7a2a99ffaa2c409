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
from golden_int8 import split

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


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return w8a16_cases()
