"""gemm_w8a16_dequant: the weight is dequantised to bf16 first, then a bf16 GEMM.

A bf16 [M, K], W int8 [N, K], w_scale float32 [N] -> C bf16 [M, N]:

    W' = bf16(fl32(f32(W[n, k]) * w_scale[n]))     two roundings, nearest even; overflow to Inf
    C  = bf16(float32 fused multiply-add chain of A and W' over ascending k, from +0)

Subnormals are kept; NaN is 0x7FC0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import fma_chain, to_bf16
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
    scale = inputs["w_scale"].astype(np.float32)
    with np.errstate(all="ignore"):
        lifted = to_bf16(inputs["W"].astype(np.float32) * scale[:, None])
    return {"C": fma_chain(inputs["A"], lifted)}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return w8a16_cases()
