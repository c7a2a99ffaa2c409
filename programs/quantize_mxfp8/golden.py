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

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_mx import alpha_exponents, cases, e4m3_codes, elements, inputs, scale_codes

Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["cases", "golden", "inputs"]

LEAST, SHIFT = -119, 8
"""log2 of the least alpha, and of alpha over the scale."""


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """Q and Q_scale."""
    a = inputs["A"]
    exponents = alpha_exponents(a, LEAST)
    values = e4m3_codes(elements(a, exponents, SHIFT))
    return {"Q": values, "Q_scale": scale_codes(exponents, SHIFT)}
