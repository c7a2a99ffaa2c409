"""quantize_mxfp8: A bf16 [M, K] -> MXFP8, Q e4m3 [M, K] and Q_scale [M, K/32].

Q_scale uint8: E8M0 codes. Per block of 32 k, alpha is the smallest power of two >= max |a|, at
least 2**-119; the scale is alpha / 256 and an element the E4M3 value nearest to a / scale, ties to
even.
`golden_mx` states zeros, NaN and Inf.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_mx import quantize_mxfp8
from golden_quantize_cases import cases, inputs

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["cases", "golden", "inputs"]


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """Q and Q_scale."""
    codes, scale = quantize_mxfp8(inputs["A"])
    return {"Q": codes.view(ml_dtypes.float8_e4m3fn), "Q_scale": scale}
