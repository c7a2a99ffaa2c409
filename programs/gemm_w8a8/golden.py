"""gemm_w8a8: A is quantised to int8 with one scale a row, W is int8 with one scale a column of C.

A bf16 [M, K], W int8 [N, K], w_scale float32 [N] -> C bf16 [M, N]. All arithmetic in float32,
every fl() one rounding to nearest even, subnormals kept:

    q, s = golden_int8.quantize(A)                 codes by element, s by row of A
    C    = bf16(fl(fl(f32(sum over k of q w) * s) * w_scale[n]))

The sum is an exact int32. A row that holds a NaN or an Inf gives canonical NaN (0x7FC0) in every
column; a zero row gives zeros, signed as w_scale (times an infinite w_scale: NaN).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import to_bf16
from golden_cases import w8a8_cases, w8a16_inputs
from golden_int8 import scaled_gemm

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K], W int8 [N, K], w_scale float32 [N]."""
    return w8a16_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    return {"C": scaled_gemm(inputs["A"], inputs["W"], inputs["w_scale"])}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return w8a8_cases()
