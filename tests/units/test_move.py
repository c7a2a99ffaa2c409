"""DMA movers against the byte-wise oracle, whole memories compared."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles import move_oracle as oracle
from tests.units.dma_harness import SIZES, Device, randomise

BURST_MOVERS = {
    "mov_gm_l1": ("l1", "gm"),
    "mov_gm_ub": ("ub", "gm"),
    "mov_ub_gm": ("gm", "ub"),
    "mov_ub_l1": ("l1", "ub"),
    "mov_l1_ub": ("ub", "l1"),
}


def draw_bursts(rng: np.random.Generator, granule: int) -> tuple[int, int, int, int]:
    """Burst count, length, source stride and destination stride; dense ones included."""
    count = int(rng.integers(0, 40))
    length = granule * int(rng.integers(0, 1 + 700 // granule))
    strides = [length + granule * int(rng.choice([0, 0, 1, 5])) for _ in range(2)]
    if rng.integers(0, 6) == 0:
        strides[0] = 0
    return count, length, strides[0], strides[1]


@pytest.mark.parametrize("name", BURST_MOVERS)
@pytest.mark.parametrize("seed", range(8))
def test_bursts(name: str, seed: int) -> None:
    to, source = BURST_MOVERS[name]
    rng = np.random.default_rng(seed)
    granule = 32 if to == "l1" or source == "l1" else 1
    device = Device()
    randomise(device, rng, source)
    expected = device.copy()
    count, length, src_stride, dst_stride = draw_bursts(rng, granule)
    dst, src = 32 * int(rng.integers(0, 9)), granule * int(rng.integers(0, 99))
    extra: tuple[int, ...] = ()
    if name == "mov_gm_ub":
        extra = (0, 0) if seed % 2 else (int(rng.integers(0, 40)), int(rng.integers(0, 40)))
        dst_stride += sum(extra)
    if name == "mov_l1_ub":
        to = "ub1" if seed % 2 else "ub"
        extra = (seed % 2,)
    device.run(name, dst, src, count, length, src_stride, dst_stride, *extra)
    pads = extra if name == "mov_gm_ub" else ()
    oracle.move(expected, to, source, dst, src, count, length, src_stride, dst_stride, *pads)
    device.check(expected)


@pytest.mark.parametrize("length", [1, 31, 32, 33, 64, 200, 4096])
def test_last_bytes_of_gm(length: int) -> None:
    device = Device()
    randomise(device, np.random.default_rng(length), "gm")
    expected = device.copy()
    src = SIZES["gm"] - 2 * length
    device.run("mov_gm_ub", 0, src, 2, length, length, length + 7, 2, 3)
    oracle.move(expected, "ub", "gm", 0, src, 2, length, length, length + 7, 2, 3)
    device.check(expected)


def test_overlapping_bursts_keep_the_later_one() -> None:
    device = Device()
    randomise(device, np.random.default_rng(0), "gm")
    expected = device.copy()
    device.run("mov_gm_ub", 64, 10, 9, 50, 50, 20)
    oracle.move(expected, "ub", "gm", 64, 10, 9, 50, 50, 20)
    device.check(expected)


@pytest.mark.parametrize("name, to", [("mov_l1_bt", "bt"), ("mov_l1_fb", "fb")])
@pytest.mark.parametrize("length", [0, 64, 128, 832])
def test_tables(name: str, to: str, length: int) -> None:
    device = Device()
    randomise(device, np.random.default_rng(length), "l1")
    expected = device.copy()
    device.run(name, 64, 192, length)
    oracle.move(expected, to, "l1", 64, 192, 1, length, 0, 0)
    device.check(expected)


@pytest.mark.parametrize("seed", range(24))
def test_nd2nz(seed: int) -> None:
    rng = np.random.default_rng(seed)
    device = Device()
    randomise(device, rng, "gm")
    expected = device.copy()
    n, length = int(rng.integers(0, 70)), int(rng.integers(0, 400))
    if seed % 4 == 0:
        length = length // 32 * 32
    stride = length + int(rng.choice([0, 1, 77]))
    rows = n + int(rng.choice([0, 0, 1, 6]))
    operands = (32 * int(rng.integers(0, 9)), int(rng.integers(0, 999)), n, length, stride, rows)
    device.run("nd2nz_gm_l1", *operands)
    oracle.nd2nz(expected, *operands)
    device.check(expected)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_nd2nz_overlapping_columns_keep_the_later_row(rows: int) -> None:
    device = Device()
    randomise(device, np.random.default_rng(1), "gm")
    expected = device.copy()
    device.run("nd2nz_gm_l1", 0, 3, 9, 150, 150, rows)
    oracle.nd2nz(expected, 0, 3, 9, 150, 150, rows)
    device.check(expected)


@pytest.mark.parametrize("length", [1, 31, 33, 65])
def test_nd2nz_reads_nothing_past_gm(length: int) -> None:
    device = Device()
    randomise(device, np.random.default_rng(length), "gm")
    expected = device.copy()
    operands = (0, SIZES["gm"] - 4 * length, 4, length, length, 4)
    device.run("nd2nz_gm_l1", *operands)
    oracle.nd2nz(expected, *operands)
    device.check(expected)
