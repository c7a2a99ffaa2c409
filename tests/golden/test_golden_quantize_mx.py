"""The golden definitions of the MX quantisers against fractions, element by element."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import golden_oracle as oracle
import numpy as np
import pytest
from golden_loader import golden

SHAPE = {"M": 10, "K": 64}
E2M1 = [Fraction(v, 2) for v in (0, 1, 2, 3, 4, 6, 8, 12)]
E4M3 = [
    Fraction(code % 8 + 8 * (code > 7), 512) * 2 ** max(code // 8 - 1, 0) for code in range(0x7F)
]
SMALLEST = Fraction(1, 2**133)
"""The step of the bf16 subnormals."""
Parts = list[tuple[list[int], int]]
"""Codes and the scale's code of every part of a block."""


def _nearest(table: list[Fraction], x: Fraction, negative: bool) -> int:
    code = min(range(len(table)), key=lambda c: (abs(table[c] - abs(x)), c % 2))
    return code | (8 if len(table) == 8 else 0x80) * negative


def _quotients(block: list[int], scale: Fraction) -> list[tuple[Fraction, bool]]:
    """Elements over the scale as bf16 holds them, with their signs."""
    found = []
    for bits in block:
        x = oracle.value(bits) / scale
        if abs(x) < Fraction(1, 2**126):
            x = round(x / SMALLEST) * SMALLEST
        found.append((x, bool(bits >> 31)))
    return found


def _alpha(block: list[int], least: int) -> int | None:
    """log2 of alpha; None where an element is not finite."""
    if any(oracle.is_nan(x) or oracle.is_inf(x) for x in block):
        return None
    exponent = least
    while Fraction(2) ** exponent < max(abs(oracle.value(x)) for x in block):
        exponent += 1
    return exponent


def _mxfp4(block: list[int]) -> Parts:
    alpha = _alpha(block, -122)
    if alpha is None:
        return [([0] * 32, 255)]
    parts = _quotients(block, Fraction(2) ** (alpha - 2))
    return [([_nearest(E2M1, x, sign) for x, sign in parts], alpha - 2 + 127)]


def _mxfp8(block: list[int]) -> Parts:
    alpha = _alpha(block, -119)
    if alpha is None:
        return [([0x7F] * 32, 255)]
    parts = _quotients(block, Fraction(2) ** (alpha - 8))
    return [([_nearest(E4M3, x, sign) for x, sign in parts], alpha - 8 + 127)]


def _msd(block: list[int]) -> Parts:
    high = _mxfp4(block)[0]
    alpha = _alpha(block, -122)
    if alpha is None:
        return [high, high]
    low = []
    for (x, sign), code in zip(_quotients(block, Fraction(2) ** (alpha - 2)), high[0], strict=True):
        rest = 8 * (x - (-1 if code & 8 else 1) * E2M1[code & 7])
        # x - high: -0 only as -0 - +0, and a high of -x has the sign of x.
        low.append(_nearest(E2M1, rest, rest < 0 or (rest == 0 and sign and not code & 8)))
    return [high, (low, alpha - 5 + 127)]


KERNELS = {
    "quantize_mxfp4": (_mxfp4, ("Q", "Q_scale")),
    "quantize_mxfp8": (_mxfp8, ("Q", "Q_scale")),
    "quantize_mxfp4_msd": (_msd, ("High", "High_scale", "Low", "Low_scale")),
}
CASES = [
    pytest.param(kernel, case, id=f"{kernel}-{case['name']}")
    for kernel in KERNELS
    for case in [{"name": "as drawn"}, *golden(kernel).cases()]
    if "edit" in case or case["name"] == "as drawn"
]


@pytest.mark.parametrize(("kernel", "case"), CASES)
def test_golden_equals_the_scalar_formula(kernel: str, case: dict[str, Any]) -> None:
    module, (formula, names) = golden(kernel), KERNELS[kernel]
    inputs = module.inputs(SHAPE, 11)
    case.get("edit", lambda _: None)(inputs)
    found = module.golden(inputs, SHAPE)
    assert tuple(found) == names
    bits = inputs["A"].view(np.uint16).astype(np.uint32) << 16
    for i, row in enumerate(bits.tolist()):
        for block in range(2):
            parts = formula(row[32 * block : 32 * block + 32])
            for (codes, scale), q, s in zip(parts, names[::2], names[1::2], strict=True):
                got = found[q].view(np.uint8)[i, 32 * block : 32 * block + 32].tolist()
                assert got == codes, (q, i, block)
                assert found[s][i, block] == scale, (s, i, block)


@pytest.mark.parametrize("kernel", KERNELS)
def test_inputs_follow_params_and_seed(kernel: str) -> None:
    first, again, other = (golden(kernel).inputs(SHAPE, seed)["A"] for seed in (3, 3, 4))
    assert first.shape == (10, 64) and first.tobytes() == again.tobytes() != other.tobytes()
