"""L1 -> L0 loads against the element-wise oracle, whole memories compared."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import move_oracle as oracle
from tests.units.dma_harness import Device, randomise

TYPES = {"b4": 0, "b8": 1, "b16": 2}
SIDES = [("a", "zZ"), ("a", "NZ"), ("b", "NZ")]


def run_load(side: str, layout: str, kind: str, operands: tuple[int, ...], seed: int) -> None:
    device = Device(layout if side == "a" else "zZ")
    randomise(device, np.random.default_rng(seed), "l1")
    expected = device.copy()
    device.run(f"load_l1_l0{side}", TYPES[kind], *operands)
    dst, src, step, k_step, stride, transpose = operands
    oracle.load(
        expected, f"l0{side}", layout, kind, dst, src, step, k_step, stride, bool(transpose)
    )
    device.check(expected)


@pytest.mark.parametrize("side, layout", SIDES)
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "step, k_step, gap", [(1, 1, 0), (2, 3, 0), (3, 2, 4), (4, 1, 1), (1, 5, 2)]
)
def test_plain(side: str, layout: str, kind: str, step: int, k_step: int, gap: int) -> None:
    run_load(side, layout, kind, (1024, 512 * 3, step, k_step, step + gap, 0), step + 7 * k_step)


@pytest.mark.parametrize("side, layout", SIDES)
@pytest.mark.parametrize("step, k_step, gap", [(1, 1, 0), (2, 3, 0), (3, 2, 4), (5, 1, 1)])
def test_transposed_b16(side: str, layout: str, step: int, k_step: int, gap: int) -> None:
    run_load(side, layout, "b16", (512, 512 * 5, step, k_step, k_step + gap, 1), step)


@pytest.mark.parametrize("side, layout", SIDES)
@pytest.mark.parametrize("step, k_step, gap", [(2, 1, 0), (2, 3, 1), (4, 2, 0), (6, 1, 3)])
def test_transposed_b8(side: str, layout: str, step: int, k_step: int, gap: int) -> None:
    run_load(side, layout, "b8", (512, 512, step, k_step, 2 * k_step + gap, 1), step)


@pytest.mark.parametrize("side, layout", SIDES)
def test_empty_load(side: str, layout: str) -> None:
    run_load(side, layout, "b16", (0, 0, 0, 4, 4, 0), 0)
    run_load(side, layout, "b16", (0, 0, 4, 0, 4, 1), 0)


@pytest.mark.parametrize("side, layout", SIDES)
@pytest.mark.parametrize(
    "step, k_step, stride", [(1, 1, 2), (2, 3, 6), (3, 2, 7), (4, 8, 32), (2, 4, 33)]
)
def test_scales(side: str, layout: str, step: int, k_step: int, stride: int) -> None:
    device = Device(layout if side == "a" else "zZ")
    randomise(device, np.random.default_rng(step), "l1")
    expected = device.copy()
    operands = (64, 96, step, k_step, stride)
    device.run(f"load_l1_l0{side}_mx", *operands)
    oracle.load_scales(expected, f"l0{side}_mx", layout, *operands)
    device.check(expected)
