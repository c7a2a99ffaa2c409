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

from golden_mx import split_mxfp4
from golden_quantize_cases import cases, inputs

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["cases", "golden", "inputs"]


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """High, Low and their scales."""
    high, high_scale, low, low_scale = split_mxfp4(inputs["A"])
    return {"High": high, "High_scale": high_scale, "Low": low, "Low_scale": low_scale}
