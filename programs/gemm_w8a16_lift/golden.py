"""gemm_w8a16_lift: the int8 weight becomes bf16 unscaled (exact); the result is scaled.

A bf16 [M, K], W int8 [N, K], w_scale float32 [N] -> C bf16 [M, N]:

    acc = float32 fused multiply-add chain of A and bf16(W) over ascending k, from +0
    C   = bf16(fl32(acc[m, n] * w_scale[n]))       two roundings, nearest even

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
    acc = fma_chain(inputs["A"], inputs["W"])
    with np.errstate(all="ignore"):
        return {"C": acc * inputs["w_scale"].astype(np.float32)[None, :]}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return w8a16_cases()
