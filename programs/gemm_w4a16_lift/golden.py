"""gemm_w4a16_lift: an MXFP4 weight lifted to bf16, then a bf16 GEMM.

A bf16 [M, K]; W uint8 [N, K], one E2M1 code a byte (0 .. 15: sign bit 3, then 0, 0.5, 1, 1.5, 2, 3,
4, 6); W_scale uint8 [N, K/32], E8M0 codes e of value 2**(e - 127), 255 = NaN -> C bf16 [M, N]:

    W' = bf16(e2m1(W[n, k]) * 2**(e - 127))    exact; Inf beyond bf16 (e >= 253), NaN at 255
    C  = bf16(float32 fused multiply-add chain of A and W' over ascending k, from +0)

Subnormals and the sign of zero are kept; NaN is 0x7FC0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import fma_chain, to_bf16
from golden_cases import (
    dimensions,
    non_finite_rows,
    normal_bf16,
    outlier_channels,
    random_bits,
    shape_cases,
    subnormal_rows,
    zero_rows,
)
from golden_mx import BLOCK, e2m1_values, e8m0_values

Array = np.ndarray[Any, np.dtype[Any]]

_SIX = 7


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K] normal; W: random E2M1 codes; W_scale: E8M0 codes of 2**-5 .. 2**4."""
    m, n, k = dimensions(params)
    rng = np.random.default_rng(seed)
    a = normal_bf16(rng, m, k)
    w = rng.integers(0, 16, (n, k), np.uint8)
    return {"A": a, "W": w, "W_scale": rng.integers(122, 132, (n, k // BLOCK), np.uint8)}


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    return {"C": fma_chain(inputs["A"], lifted(inputs["W"], inputs["W_scale"]))}


def lifted(codes: Array, scales: Array) -> Array:
    """W' bf16 [N, K] of E2M1 codes [N, K] and E8M0 codes [N, K/32]."""
    exact = e2m1_values(codes) * np.repeat(e8m0_values(scales), BLOCK, axis=1)
    with np.errstate(all="ignore"):
        return to_bf16(exact.astype(np.float32))


def _equal_large(inputs: dict[str, Array]) -> None:
    """Rows of one value each; W is 6 throughout, -6 in its last row."""
    for row, value in zip(inputs["A"], (1000.0, -1000.0, 1.0, 1e30, 3e38), strict=False):
        row[:] = np.asarray(value, np.float32).astype(ml_dtypes.bfloat16)
    inputs["W"][:] = _SIX
    inputs["W"][-1] = _SIX + 8


def _all_codes(inputs: dict[str, Array]) -> None:
    """Every code at every place of a block; A is 1 in the first row and -1 in the second."""
    w = inputs["W"]
    w[:] = (np.arange(len(w))[:, None] + np.arange(w.shape[1])[None, :]) % 16
    inputs["A"][:2] = 0.0
    inputs["A"][0, ::BLOCK] = 1.0
    inputs["A"][1, 5::BLOCK] = -1.0


def _extreme_scales(inputs: dict[str, Array]) -> None:
    """All E8M0 codes at random; whole rows of 0, 1, 252, 253 and 254."""
    scale = inputs["W_scale"]
    scale[:] = np.random.default_rng(5).integers(0, 255, scale.shape, np.uint8)
    for row, value in zip(scale, (0, 1, 252, 253, 254), strict=False):
        row[:] = value


def _subnormal_weights(inputs: dict[str, Array]) -> None:
    """Scales 0 .. 3: weights from 2**-128 on, below the normal range of bf16."""
    scale = inputs["W_scale"]
    scale[:] = np.random.default_rng(6).integers(0, 4, scale.shape, np.uint8)


def _overflow(inputs: dict[str, Array]) -> None:
    """Scales 250 .. 254: weights and sums that become Inf, and Inf - Inf."""
    scale = inputs["W_scale"]
    scale[:] = np.random.default_rng(7).integers(250, 255, scale.shape, np.uint8)


def _nan_scales(inputs: dict[str, Array]) -> None:
    """A NaN scale in the first and in the last block of a row, and one over zero codes."""
    scale = inputs["W_scale"]
    scale[0, 0] = 255
    scale[-1, -1] = 255
    scale[1, 0] = 255
    inputs["W"][1] = 8


def _least_against_largest(inputs: dict[str, Array]) -> None:
    """Largest finite weights (6 * 2**125) and A's least subnormal against them."""
    inputs["W"][:] = _SIX
    inputs["W_scale"][:] = 252
    inputs["A"].view(np.uint16)[:] = 1


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    small = {"M": 18, "N": 48, "K": 192}
    edits = [
        ("equal large values", {"M": 6, "N": 32, "K": 1024}, _equal_large),
        ("zero rows", small, zero_rows),
        ("subnormal rows", small, subnormal_rows),
        ("NaN and Inf rows", small, non_finite_rows),
        ("random bit patterns", small, random_bits),
        ("outlier channels", {"M": 16, "N": 32, "K": 256}, outlier_channels),
        ("all codes", small, _all_codes),
        ("extreme scales", small, _extreme_scales),
        ("subnormal weights", small, _subnormal_weights),
        ("overflow", small, _overflow),
        ("NaN scales", small, _nan_scales),
        ("least against largest", small, _least_against_largest),
    ]
    more = [
        {"name": "two scale groups", "params": {"M": 3, "N": 32, "K": 4096 + 320}},
        {"name": "second vector core with a short tile", "params": {"M": 40, "N": 208, "K": 704}},
    ]
    return shape_cases(64) + more + [{"name": n, "params": p, "edit": e} for n, p, e in edits]
