"""gemm_mxfp4: C bf16 [M, N] of an MXFP4 GEMM (E2M1 elements, one E8M0 scale per 32 along K).

A uint8 [M, K] and W uint8 [N, K]: one E2M1 code a byte (values 0 .. 15: sign bit 3, then
0, 0.5, 1, 1.5, 2, 3, 4, 6); A_scale uint8 [M, K/32] and W_scale uint8 [N, K/32]: E8M0 codes,
value 2**(code - 127), 255 = NaN. Per output element, from +0, blocks of 32 k ascending:

    dot = sum over the block of e2m1(a) * e2m1(w)          exact (a zero dot is +0)
    acc = fl32(dot * 2**(ea + ew - 254) + acc)             one rounding, nearest even; the scaled
                                                           dot itself is never rounded or limited
    C   = bf16(acc)

Subnormals are kept, overflow gives Inf, a scale of 255 makes the element NaN (0x7FC0).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import add_short, to_bf16
from golden_cases import dimensions, shape_cases

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 32
_HALVES = np.array([0, 1, 2, 3, 4, 6, 8, 12], np.float32)
_TWICE_E2M1 = np.concatenate([_HALVES, -_HALVES])


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A, W: random E2M1 codes; A_scale, W_scale: E8M0 codes of 2**-5 .. 2**4."""
    m, n, k = dimensions(params)
    rng = np.random.default_rng(seed)
    drawn: dict[str, Array] = {}
    for name, rows in (("A", m), ("W", n)):
        drawn[name] = rng.integers(0, 16, (rows, k), np.uint8)
        drawn[f"{name}_scale"] = rng.integers(122, 132, (rows, k // BLOCK), np.uint8)
    return drawn


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    a, w = (_TWICE_E2M1[_codes(inputs[name])] for name in ("A", "W"))
    a_scale, w_scale = (_scales(inputs[f"{name}_scale"]) for name in ("A", "W"))
    acc = np.zeros((len(a), len(w)), np.float32)
    with np.errstate(all="ignore"):
        for block in range(a.shape[1] // BLOCK):
            k = slice(block * BLOCK, (block + 1) * BLOCK)
            # Integers of at most 32 * 12 * 12 = 4608: exact in float32, in any order.
            four_dots = (a[:, k] @ w[:, k].T).astype(np.float64) + 0.0
            scale = a_scale[:, block][:, None] * w_scale[:, block][None, :]
            acc = add_short(four_dots * 0.25 * scale, acc)
    return {"C": acc}


def _codes(x: Array) -> Array:
    """Codes of an E2M1 tensor: uint8, or the one-byte ml_dtypes type of the same bits."""
    return x.view(np.uint8)


def _scales(x: Array) -> Array:
    """E8M0 codes -> float64 values 2**(code - 127), NaN for 255."""
    code = x.view(np.uint8).astype(np.int32)
    return np.where(code == 255, np.nan, np.ldexp(1.0, code - 127))


def _all_code_pairs(inputs: dict[str, Array]) -> None:
    """One product per block: A's code m % 16 times W's code n % 16, everything else in A +0."""
    for name in ("A", "W"):
        codes = np.arange(len(inputs[name]), dtype=np.uint8) % 16
        if name == "A":
            inputs[name][:] = 0
        inputs[name][:, ::BLOCK] = codes[:, None]


def _extreme_scales(inputs: dict[str, Array]) -> None:
    """Scales 0 and 254 against each other and against themselves, and all others at random."""
    rng = np.random.default_rng(5)
    for name in ("A_scale", "W_scale"):
        scale = inputs[name]
        scale[:] = rng.integers(0, 255, scale.shape, np.uint8)
        for row, value in zip(scale, (0, 254, 127, 1, 253), strict=False):
            row[:] = value


def _subnormal_results(inputs: dict[str, Array]) -> None:
    """Scale products around 2**-150: sums below the normal range of float32 and of bf16."""
    rng = np.random.default_rng(6)
    for name in ("A_scale", "W_scale"):
        inputs[name][:] = rng.integers(48, 62, inputs[name].shape, np.uint8)


def _overflow(inputs: dict[str, Array]) -> None:
    """Scale products around 2**127: partial sums that leave float32."""
    rng = np.random.default_rng(7)
    for name in ("A_scale", "W_scale"):
        inputs[name][:] = rng.integers(186, 192, inputs[name].shape, np.uint8)


def _nan_scales(inputs: dict[str, Array]) -> None:
    """A NaN scale in the first and last block of some rows, and one over zero elements."""
    inputs["A_scale"][0, 0] = 255
    inputs["A_scale"][-1, -1] = 255
    inputs["W_scale"][len(inputs["W_scale"]) // 2, -1] = 255
    inputs["W_scale"][1, 0] = 255
    inputs["W"][1] = 0


def _zero_rows(inputs: dict[str, Array]) -> None:
    """Rows of +0 and of -0 codes."""
    for row, code in zip(inputs["A"], (0, 8), strict=False):
        row[:] = code
    inputs["W"][-1] = 8


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    small = {"M": 18, "N": 48, "K": 192}
    edits = {
        "all code pairs": _all_code_pairs,
        "extreme scales": _extreme_scales,
        "subnormal results": _subnormal_results,
        "overflow": _overflow,
        "NaN scales": _nan_scales,
        "zero rows": _zero_rows,
    }
    return shape_cases(64) + [{"name": n, "params": small, "edit": e} for n, e in edits.items()]
