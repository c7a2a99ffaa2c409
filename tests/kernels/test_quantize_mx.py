"""Every bf16 value that a block can hold, under the alphas where MX quantisation is delicate."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import npuemu
from npuemu.verify.golden import load_golden
from tests.kernels.shapes import KERNELS

MX = [pair for pair in KERNELS if pair[0].startswith("quantize_mx")]
LEAST = [field << 7 | low for field in range(1, 13) for low in (0, 1, 0x7F)]
"""Largest magnitudes, as bits: alpha about its floor, where elements may be subnormal."""
LOST = [field << 7 for field in range(128, 138, 3)]
"""Alphas under which the least bf16 values, scaled, are or are not 0 in bf16."""
GREATEST = [0x7E80, 0x7F00, 0x7F7F]


def blocks(largest: int) -> np.ndarray:
    """uint16 [blocks, 32]: bf16 values up to a magnitude, both signs, in blocks that hold it."""
    magnitudes = np.arange(largest + 1, dtype=np.uint16)
    values = np.concatenate([magnitudes, magnitudes | 0x8000])
    rows = np.resize(values, (-(-len(values) // 31), 31))
    return np.insert(rows, 17, largest, axis=1)


@pytest.mark.parametrize(("kernel", "machine"), MX)
@pytest.mark.parametrize("largest", [LEAST, LOST, GREATEST], ids=["least", "lost", "greatest"])
def test_every_value(kernel: str, machine: str, largest: list[int]) -> None:
    bits = np.concatenate([blocks(bound) for bound in largest])
    bits = np.resize(bits, (len(bits) // 2 + 1, 64))
    inputs = {"A": bits.view(ml_dtypes.bfloat16)}
    run = npuemu.run(kernel, machine, inputs, M=len(bits), K=64, mode="numbers")
    for name, wanted in load_golden(kernel).golden(inputs, {"M": len(bits), "K": 64}).items():
        np.testing.assert_array_equal(run.outputs[name].view(np.uint8), wanted.view(np.uint8))
