"""gemm_bf16: C [M, N] = bf16(A [M, K] x W [N, K] transposed), A and W bf16.

Every output element starts at +0 and takes one float32 fused multiply-add per k, k ascending
(nearest even, subnormals kept); the float32 result is rounded to bf16 once. NaN is 0x7FC0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import fma_chain, to_bf16
from golden_cases import bf16_cases, dimensions, normal_bf16

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K] and W bf16 [N, K], standard normal."""
    m, n, k = dimensions(params)
    rng = np.random.default_rng(seed)
    return {"A": normal_bf16(rng, m, k), "W": normal_bf16(rng, n, k)}


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    return {"C": fma_chain(inputs["A"], inputs["W"])}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return bf16_cases()
