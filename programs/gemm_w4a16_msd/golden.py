"""gemm_w4a16_msd: A is split into two MXFP4 tensors, both multiplied by the stored MXFP4 weight.

A bf16 [M, K], W uint8 [N, K] (one E2M1 code a byte), W_scale uint8 [N, K/32] (E8M0 codes, value
2**(code - 127), 255 = NaN) -> C bf16 [M, N]. Per block of 32 k of a row of A:

    alpha = the smallest power of two >= max |a|, at least 2**-122 (also of a block of zeros)
    high  = e2m1(a / (alpha / 4))                 nearest even, scale alpha / 4
    low   = e2m1((a - high * alpha / 4) / (alpha / 32))         scale alpha / 32

A block that holds a NaN or an Inf has the scale NaN in both parts. Then per output element, from
+0, with K in tiles of TK, ascending: the tile's blocks with the high part, ascending, then the
same blocks with the low part, each

    dot = sum over the block of e2m1(a part) * e2m1(w)    exact (a zero dot is +0)
    acc = fl32(dot * 2**(ea + ew - 254) + acc)            one rounding, nearest even
    C   = bf16(acc)

TK is part of the definition: it says in which order the parts are added. The idea is "Multi-Scale
Dequant", arXiv 2605.13915; the order and the floor of alpha are ours.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import BF16, to_bf16
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
from golden_mx import BLOCK, e2m1_values, mx_gemm, split_mxfp4

Array = np.ndarray[Any, np.dtype[Any]]

TK = 256
"""K tile where a caller gives none."""


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
    high, high_scale, low, low_scale = split_mxfp4(inputs["A"])
    parts = ((e2m1_values(high), high_scale), (e2m1_values(low), low_scale))
    w, w_scale = e2m1_values(inputs["W"]), inputs["W_scale"].view(np.uint8)
    step = params.get("TK", TK)
    acc = np.zeros((len(inputs["A"]), len(w)), np.float32)
    for first in range(0, w.shape[1], step):
        k = slice(first, first + step)
        block = slice(first // BLOCK, (first + step) // BLOCK)
        for values, scale in parts:
            acc = mx_gemm(values[:, k], scale[:, block], w[:, k], w_scale[:, block], acc)
    return {"C": acc}


def _near_ties(inputs: dict[str, Array]) -> None:
    """Blocks of quarter codes, the even multiples of them ties of both parts."""
    a = inputs["A"]
    steps = (np.arange(a.size) % 129 - 64).reshape(a.shape)
    a[:] = (steps.astype(np.float32) / np.float32(16.0)).astype(BF16)


def _powers_of_two(inputs: dict[str, Array]) -> None:
    """Blocks whose largest value is a power of two, or next to one, over the whole range."""
    bits = inputs["A"].view(np.uint16)
    flat = bits.reshape(-1, BLOCK)
    exponents = (np.arange(len(flat)) * 7 % 255).astype(np.uint16)
    offsets = np.array([0, 1, 0xFFFF], np.uint16)[np.arange(len(flat)) % 3]
    flat[:, 5] = np.minimum((exponents << 7) + offsets, 0x7F7F) & 0x7FFF
    others = np.arange(BLOCK) != 5
    flat[:, others] = np.minimum(flat[:, others] & 0x7FFF, flat[:, 5:6])


def _extreme_scales(inputs: dict[str, Array]) -> None:
    """W scales over all codes but NaN; rows of A from the smallest to the largest values."""
    rng = np.random.default_rng(5)
    scale = inputs["W_scale"]
    scale[:] = rng.integers(0, 255, scale.shape, np.uint8)
    for row, exponent in zip(inputs["A"], (-140, -126, -118, 60, 120, 125), strict=False):
        row[:] = np.ldexp(row.astype(np.float64), exponent).astype(np.float32).astype(BF16)


def _nan_scales(inputs: dict[str, Array]) -> None:
    """W scales of NaN at both ends, and over zero elements."""
    scale = inputs["W_scale"]
    scale[0, 0] = scale[-1, -1] = scale[1, 0] = 255
    inputs["W"][1] = 0


def _overflow(inputs: dict[str, Array]) -> None:
    """Partial sums beyond float32."""
    inputs["W_scale"][:] = 250
    inputs["A"][:] = (inputs["A"].astype(np.float32) * np.float32(8.0)).astype(BF16)


def _cancellation(inputs: dict[str, Array]) -> None:
    """The second half of K repeats the first with the opposite sign: large sums end small."""
    half = inputs["A"].shape[1] // 2 // BLOCK * BLOCK
    inputs["A"][:, half : 2 * half] = -inputs["A"][:, :half]
    inputs["W"][:, half : 2 * half] = inputs["W"][:, :half]
    count = half // BLOCK
    inputs["W_scale"][:, count : 2 * count] = inputs["W_scale"][:, :count]


def _equal_large(inputs: dict[str, Array]) -> None:
    """Rows of one value each, W at its largest."""
    for row, value in zip(inputs["A"], (1000.0, -1000.0, 1.0, 1e30, 3e38), strict=False):
        row[:] = np.float32(value)
    inputs["W"][:] = 7


def cases() -> list[dict[str, Any]]:
    """Awkward shapes, K tiles and values for verification."""
    small = {"M": 18, "N": 48, "K": 192}
    tiles = {
        "K tiles of 64": {"M": 18, "N": 48, "K": 192, "TK": 64},
        "K tiles of 128": {"M": 33, "N": 32, "K": 704, "TK": 128},
        "long K tiles": {"M": 17, "N": 80, "K": 1344, "TK": 256},
        "short last K tile": {"M": 40, "N": 32, "K": 1152},
    }
    edits = {
        "zero rows": zero_rows,
        "subnormal rows": subnormal_rows,
        "NaN and Inf rows": non_finite_rows,
        "random bit patterns": random_bits,
        "outlier channels": outlier_channels,
        "ties": _near_ties,
        "powers of two": _powers_of_two,
        "extreme scales": _extreme_scales,
        "NaN scales": _nan_scales,
        "overflow": _overflow,
        "cancellation": _cancellation,
    }
    large = {"name": "equal large values", "params": {"M": 6, "N": 32, "K": 1024}}
    return [
        *shape_cases(64),
        *({"name": name, "params": params} for name, params in tiles.items()),
        {**large, "edit": _equal_large},
        *({"name": n, "params": small, "edit": e} for n, e in edits.items()),
    ]
