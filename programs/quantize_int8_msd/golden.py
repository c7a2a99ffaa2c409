"""quantize_int8_msd: A bf16 [M, K] -> h, l int8 [M, K] and s2 float32 [M]: a = (254 h + l) s2.

The definition is that of `golden_int8.split`. A row with a NaN or an Inf has the canonical NaN
as s2 and codes 0; a zero row has s2 = fl(2**-100 / 32258) and codes 0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_cases import normal_bf16, quantize_cases
from golden_int8 import split

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K], standard normal."""
    rng = np.random.default_rng(seed)
    return {"A": normal_bf16(rng, int(params.get("M", 256)), int(params.get("K", 256)))}


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """h and l int8 [M, K], s2 float32 [M]."""
    h, low, s2 = split(inputs["A"])
    return {"h": h, "l": low, "s2": s2}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return quantize_cases()
