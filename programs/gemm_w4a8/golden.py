"""gemm_w4a8: A becomes MXFP8, the MXFP4 weight is lifted to E4M3 unchanged: one MX GEMM.

A bf16 [M, K]; W uint8 [N, K], E2M1 codes, one a byte; W_scale uint8 [N, K/32], E8M0 codes
-> C bf16 [M, N]. Per block of 32 k of A, alpha the smallest power of two that is at least max|a|
and at least 2**-119: scale alpha / 256, element the nearest even E4M3 of a / (alpha / 256). Per
output element, from +0, blocks of 32 k ascending:

    dot = sum over the block of e4m3(a) * e2m1(w)          exact (a zero dot is +0)
    acc = fl32(dot * 2**(ea + ew - 254) + acc)             one rounding, nearest even; the scaled
                                                           dot itself is never rounded or limited
    C   = bf16(acc)

Subnormals are kept, overflow gives Inf; a block of A with a NaN or an Inf and a scale of 255 make
the element NaN (0x7FC0). How a kernel encodes the lifted weight is its own choice: a power of two
moved between scale and elements changes no product.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

if (shared := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.append(shared)

from golden_arithmetic import to_bf16
from golden_mx import e2m1_values, e4m3_values, mx_gemm, quantize_mxfp8
from golden_mx_cases import w4_cases, w4_inputs

Array = np.ndarray[Any, np.dtype[Any]]


def inputs(params: dict[str, int], seed: int) -> dict[str, Array]:
    """A bf16 [M, K], W uint8 [N, K], W_scale uint8 [N, K/32]."""
    return w4_inputs(params, seed)


def golden(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C bf16 [M, N]."""
    return {"C": to_bf16(unrounded(inputs, params)["C"])}


def unrounded(inputs: dict[str, Array], params: dict[str, int]) -> dict[str, Array]:
    """C as float32 [M, N], before the last rounding."""
    codes, scale = quantize_mxfp8(inputs["A"])
    w = e2m1_values(inputs["W"])
    return {"C": mx_gemm(e4m3_values(codes), scale, w, inputs["W_scale"])}


def cases() -> list[dict[str, Any]]:
    """Awkward shapes and values for verification."""
    return [*w4_cases(), *(_burst(*sizes) for sizes in BURSTS)]


def _burst(m: int, n: int, k: int) -> dict[str, Any]:
    return {"name": f"bursts {m}x{n}x{k}", "params": {"M": m, "N": n, "K": k}}


BURSTS = (
    (1, 160, 3648),
    (16, 768, 3648),  # on up to three blocks
    (17, 288, 4160),  # two spans of scales
    (32, 512, 4160),
    (40, 160, 3648),
    (48, 272, 4160),  # a narrower last panel
    (60, 384, 7232),
    (64, 1664, 1088),  # panels end bursts
    (24, 2320, 192),  # on two blocks the first has no such panel, the second has one
)
"""Up to 64 rows and several panels: the cube core of a group waits for bursts of chunks."""
