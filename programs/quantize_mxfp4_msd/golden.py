"""quantize_mxfp4_msd: A bf16 [M, K] -> two MXFP4 tensors, High and Low, with High_scale, Low_scale.

Per block of 32 k, alpha is the smallest power of two >= max |a|, at least 2**-122:

    x    = a / (alpha / 4)            exact, but for results below the bf16 subnormals
    high = e2m1(x)                    nearest even, scale alpha / 4
    low  = e2m1(8 * (x - high))       nearest even, scale alpha / 32; x - high is exact

Codes are uint8, one a byte, scales E8M0 codes. The idea is "Multi-Scale Dequant", arXiv 2605.13915;
the floor of alpha is ours. `golden_mx` states zeros, NaN and Inf; x - high of equal numbers is +0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_mx import alpha_exponents, cases, e2m1_codes, e2m1_values, elements, inputs, scale_codes

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["cases", "golden", "inputs"]

LEAST, SHIFT = -122, 2
"""log2 of the least alpha, and of alpha over the scale."""


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """High, Low and their scales."""
    a = inputs["A"]
    exponents = alpha_exponents(a, LEAST)
    x = elements(a, exponents, SHIFT)
    high = e2m1_codes(x)
    low = e2m1_codes(8.0 * (x - e2m1_values(high)))
    return {
        "High": high,
        "High_scale": scale_codes(exponents, SHIFT),
        "Low": low,
        "Low_scale": scale_codes(exponents, SHIFT + 3),
    }
