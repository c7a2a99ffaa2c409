"""Inputs and awkward verify cases of the GEMMs with bf16 A and an MXFP4 weight.

Cases are dicts as in `golden_cases`, whose edits of A serve here too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from golden_cases import (
    BF16,
    dimensions,
    non_finite_rows,
    normal_bf16,
    outlier_channels,
    random_bits,
    shape_cases,
    subnormal_rows,
    zero_rows,
)
from golden_mx import BLOCK

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]
Case = dict[str, Any]


def w4_inputs(params: dict[str, int], seed: int) -> Inputs:
    """A bf16 [M, K] normal; W uint8 [N, K], all E2M1 codes, one a byte; W_scale uint8 [N, K/32],
    E8M0 codes of 2**-8 .. 2**-2.
    """
    m, n, k = dimensions(params)
    rng = np.random.default_rng(seed)
    a = normal_bf16(rng, m, k)
    w = rng.integers(0, 16, (n, k), np.uint8)
    return {"A": a, "W": w, "W_scale": rng.integers(119, 126, (n, k // BLOCK), np.uint8)}


def w4_cases() -> list[Case]:
    """Shapes, then values: the default shape first."""
    small = {"M": 18, "N": 48, "K": 192}
    edits = {
        "zero rows": zero_rows,
        "subnormal rows": subnormal_rows,
        "NaN and Inf rows": non_finite_rows,
        "random bit patterns": random_bits,
        "outlier channels": outlier_channels,
        "blocks at the least scale": _least_scales,
        "blocks at the largest scale": _largest_scales,
        "block maxima at powers of two": _power_maxima,
        "ties of every rounding": _ties,
        "one code against every code": _all_codes,
        "extreme weight scales": _extreme_weight_scales,
        "NaN weight scales": _nan_weight_scales,
        "subnormal results": _subnormal_results,
        "overflow": _overflow,
        "cancellation": _cancellation,
    }
    large = {"M": 6, "N": 32, "K": 1024}
    return [
        *shape_cases(64),
        *({"name": n, "params": small, "edit": e} for n, e in edits.items()),
        {"name": "equal large values", "params": large, "edit": _equal_large},
    ]


def _equal_large(inputs: Inputs) -> None:
    """Rows of one value each and W at its largest: every block adds the same large dot."""
    for row, value in zip(inputs["A"], (1000.0, -1000.0, 1.0, 1e30, 3e38), strict=False):
        row[:] = np.float32(value)
    inputs["W"][:] = 7
    inputs["W"][-1] = 15


def _scaled(inputs: Inputs, low: int, high: int) -> None:
    """Row i of A times a power of two between 2**low and 2**high."""
    a = inputs["A"]
    powers = np.exp2(np.linspace(low, high, len(a)).round())[:, None]
    with np.errstate(all="ignore"):
        a[:] = (a.astype(np.float64) * powers).astype(np.float32).astype(BF16)


def _least_scales(inputs: Inputs) -> None:
    """Rows of 2**-133 to 2**-112: alpha at its floor and just above."""
    _scaled(inputs, -133, -112)


def _largest_scales(inputs: Inputs) -> None:
    """Rows up to the largest bf16 value, whose alpha is 2**128; tiny weight scales against it."""
    _scaled(inputs, 110, 124)
    bits = inputs["A"].view(np.uint16)
    bits[(bits & 0x7F80) == 0x7F80] = 0x7F7F
    bits[0, ::BLOCK], bits[-1, ::BLOCK] = 0x7F7F, 0xFF7F
    inputs["W_scale"][:] = np.random.default_rng(3).integers(0, 20, inputs["W_scale"].shape)


def _power_maxima(inputs: Inputs) -> None:
    """Block maxima exactly at, one step above and one step below a power of two."""
    a = inputs["A"]
    np.clip(a.astype(np.float32), -0.99, 0.99, out=(x := np.empty(a.shape, np.float32)))
    a[:] = x.astype(BF16)
    a[:, ::BLOCK] = np.resize(np.array([1, 1.0078125, 0.99609375, -1, -2, 3], BF16), len(a))[
        :, None
    ]


def _ties(inputs: Inputs) -> None:
    """Multiples of 2**-7 up to 1 (quantised by steps of 1/8 and more, then by 1/64 and more) and of
    2**-11: midpoints of E2M1, of what it leaves, and of E4M3.
    """
    a = inputs["A"]
    steps = np.arange(a.size).reshape(a.shape)
    coarse, fine = (steps % 257 - 128) / 128, (steps % 61 - 30) / 2048
    a[:] = (
        np.where(np.arange(len(a))[:, None] % 3 < 2, coarse, fine).astype(np.float32).astype(BF16)
    )
    a[:, ::BLOCK] = 1.0


def _all_codes(inputs: Inputs) -> None:
    """One weight a block, row n with code n % 16: each output is a sum of single products."""
    w = inputs["W"]
    codes = np.arange(len(w), dtype=np.uint8) % 16
    w[:] = 0
    w[:, 5::BLOCK] = codes[:, None]


def _extreme_weight_scales(inputs: Inputs) -> None:
    """Scale codes 0, 254, 1, 253 and all others at random."""
    scale = inputs["W_scale"]
    scale[:] = np.random.default_rng(5).integers(0, 255, scale.shape, np.uint8)
    for row, value in zip(scale, (0, 254, 127, 1, 253), strict=False):
        row[:] = value


def _nan_weight_scales(inputs: Inputs) -> None:
    """Scale 255 in the first and in the last block of some rows, and over zero weights."""
    scale = inputs["W_scale"]
    scale[0, 0] = scale[-1, -1] = scale[1, 0] = 255
    inputs["W"][1] = 0


def _subnormal_results(inputs: Inputs) -> None:
    """Sums below the normal range of float32 and of bf16."""
    _scaled(inputs, -70, -55)
    inputs["W_scale"][:] = np.random.default_rng(6).integers(48, 60, inputs["W_scale"].shape)


def _overflow(inputs: Inputs) -> None:
    """Partial sums that leave float32, some of both signs."""
    _scaled(inputs, 58, 66)
    inputs["W_scale"][:] = np.random.default_rng(7).integers(184, 192, inputs["W_scale"].shape)


def _cancellation(inputs: Inputs) -> None:
    """The second half of K repeats the first with the opposite sign, but for its first value: large
    sums end small.
    """
    a, w, scale = inputs["A"], inputs["W"], inputs["W_scale"]
    blocks = scale.shape[1] // 2
    half = blocks * BLOCK
    a[:, half + 1 : 2 * half] = -a[:, 1:half]
    w[:, half : 2 * half] = w[:, :half]
    scale[:, blocks : 2 * blocks] = scale[:, :blocks]
