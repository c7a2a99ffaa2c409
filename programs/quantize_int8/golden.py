"""quantize_int8: A bf16 [M, K] -> codes int8 [M, K] and scale float32 [M], one scale a row.

The definition is that of `golden_int8.quantize`. A row with a NaN or an Inf has the canonical NaN
as its scale and codes 0; a zero row has the scale fl(2**-100 / 127) and codes 0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_cases import normal_bf16, quantize_cases
from golden_int8 import quantize

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K], standard normal."""
    rng = np.random.default_rng(seed)
    return {"A": normal_bf16(rng, int(params.get("M", 256)), int(params.get("K", 256)))}


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """codes int8 [M, K], scale float32 [M]."""
    codes, scale = quantize(inputs["A"])
    return {"codes": codes, "scale": scale}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return quantize_cases()
