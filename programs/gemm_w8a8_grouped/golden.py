"""gemm_w8a8_grouped: as gemm_w8a8, but groups of rows of A each have their own W.

A bf16 [M, K], W int8 [G, N, K], w_scale float32 [G, N], group_sizes int32 [G] -> C bf16 [M, N].
Group g has the group_sizes[g] rows of A that follow those of the groups before it, as far as A has
rows (0 <= group_sizes[g] <= M; an empty group is legal). Each group's rows of C are those of
gemm_w8a8 with W[g] and w_scale[g]; rows behind the last group are not written and keep the 0xFF
bytes of a fresh output.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import to_bf16
from golden_cases import dimensions, grouped_cases, normal_bf16
from golden_int8 import scaled_gemm

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A normal; W all codes; w_scale in 2**-8 .. 2**-6; every row falls to a group at random."""
    m, n, k = dimensions(params)
    groups = int(params.get("G", 4))
    rng = np.random.default_rng(seed)
    a = normal_bf16(rng, m, k)
    w = rng.integers(-128, 128, (groups, n, k), np.int8)
    scale = rng.uniform(2.0**-8, 2.0**-6, (groups, n)).astype(np.float32)
    sizes = np.bincount(rng.integers(0, groups, m), minlength=groups).astype(np.int32)
    return {"A": a, "W": w, "w_scale": scale, "group_sizes": sizes}


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    c = to_bf16(unrounded(inputs, params)["C"])
    c.view(np.uint16)[int(inputs["group_sizes"].sum()) :] = 0xFFFF
    return {"C": c}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding; NaN in rows behind the last group."""
    a, w, w_scale = inputs["A"], inputs["W"], inputs["w_scale"]
    c = np.full((len(a), w.shape[1]), np.nan, np.float32)
    row = 0
    for group, size in enumerate(inputs["group_sizes"]):
        rows = slice(row, min(row + int(size), len(a)))
        c[rows] = scaled_gemm(a[rows], w[group], w_scale[group])
        row = rows.stop
    return {"C": c}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes, distributions and values for verification."""
    return grouped_cases()
