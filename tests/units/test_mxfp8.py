"""MXFP8 where it is hard: every code, single roundings that float64 would miss, NaN and Inf."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracles"))
sys.path.insert(0, str(ROOT / "tests" / "units"))

import cube_oracle as oracle  # noqa: E402
from test_cube import (  # noqa: E402
    ACC,
    L0A,
    L0A_MX,
    L0B,
    L0B_MX,
    L0C,
    MXFP8,
    TYPES,
    Machine,
)

ONE = {oracle.e4m3: 0x38, oracle.e5m2: 0x3C}
SMALL = {oracle.e4m3: 0x02, oracle.e5m2: 0x1C}
"""2^-8."""
LARGEST = {oracle.e4m3: 0x7E, oracle.e5m2: 0x7B}


def multiply(
    kind: str, a: np.ndarray, b: np.ndarray, scales: tuple[np.ndarray, np.ndarray],
    starts: np.ndarray,
) -> None:  # fmt: skip
    """Run both paths on codes [m][k], [n][k], scale bytes and start words; compare every word."""
    (m, k), n = a.shape, b.shape[0]
    machine = Machine(np.random.default_rng(0), True)
    for memory, rows in ((L0A, a), (L0B, b), (L0A_MX, scales[0]), (L0B_MX, scales[1])):
        machine.place(memory, 0, rows.astype(np.uint8), False)
    places = machine.word_places(0, m, n)
    machine.memory[L0C].view(np.uint32)[places] = starts
    machine.ops[8:17] = (0, 0, 0, m, n, k, ACC, 0, TYPES[kind])
    pairs = [(i, j) for i in range(m) for j in range(n)]
    expected = [
        oracle.mx8_chain(
            kind, a[i].tolist(), b[j].tolist(), (scales[0][i].tolist(), scales[1][j].tolist()),
            int(starts[i, j]),
        )
        for i, j in pairs
    ]  # fmt: skip
    for path in ("fast", "portable"):
        words, _ = machine.run(f"mmad_{kind}", path)
        found = [int(words[places[i, j]]) for i, j in pairs]
        wrong = [p for p, x, y in zip(pairs, found, expected, strict=True) if x != y]
        assert not wrong, (path, wrong[:4])


def scale_bytes(rows: int, blocks: int, value: int = 127) -> np.ndarray:
    return np.full((rows, blocks), value)


@pytest.mark.parametrize("kind", MXFP8)
def test_every_code(kind: str) -> None:
    """Alone in a block against one, as A and as B; NaN and Inf among them."""
    left, right = oracle.FP8[kind]
    codes = np.arange(256).reshape(64, 4)
    for swap in (False, True):
        for column in range(4):
            many, single = np.zeros((64, 64), int), np.zeros((1, 64), int)
            many[:, 17] = codes[:, column]
            single[0, 17] = ONE[left if swap else right]
            a, b = (single, many) if swap else (many, single)
            scales = scale_bytes(len(a), 2), scale_bytes(len(b), 2)
            multiply(kind, a, b, scales, np.zeros((len(a), len(b)), np.uint32))


@pytest.mark.parametrize("kind", MXFP8)
def test_a_sum_is_rounded_once(kind: str) -> None:
    """A dot that is a tie of f32, and a start far below it that decides: 2^-40 ... 2^-140."""
    left, right = oracle.FP8[kind]
    fields = [3 if f is oracle.e4m3 else 2 for f in (left, right)]
    a, b = np.zeros((16, 64), int), np.zeros((2, 64), int)
    # 2^4 * 2^4 + 2^-8 * 2^-8 ... : the last bit of f32 from 2^8 on is 2^-15, half of it 2^-16.
    a[:, 0], b[:, 0] = ONE[left] + (4 << fields[0]), ONE[right] + (4 << fields[1])
    a[:, 1], b[:, 1] = SMALL[left], SMALL[right]
    a[:, 2:18], b[:, 2:18] = a[:, 1:2], b[:, 1:2]
    b[1] |= 0x80
    scales = scale_bytes(16, 2), scale_bytes(2, 2)
    places = np.array([0, 47, 60, 72, 87, 100, 110, 126])
    words = np.concatenate([places << 23, places << 23 | 0x80000000]).astype(np.uint32)
    for ones in range(1, 18):
        some = a.copy()
        some[:, 1 + ones :] = 0
        multiply(kind, some, b, scales, np.tile(words[:, None], 2))


@pytest.mark.parametrize("kind", MXFP8)
def test_zero_blocks_under_extreme_scales(kind: str) -> None:
    """Zeros on either side or on both, scale products from 2^-254 to 2^254, NaN scales."""
    rng = np.random.default_rng(9)
    a, b = (rng.integers(0, 0x70, (12, 64)) for _ in range(2))
    a[::2, :32], b[::3, :32], a[1::4, 32:], b[1::2, 32:] = 0, 0x80, 0x80, 0
    codes = np.array([0, 1, 70, 76, 127, 180, 182, 253, 254, 255, 127, 200])
    for shift in range(12):
        scales = np.tile(codes[:, None], 2), np.roll(np.tile(codes[:, None], 2), shift, 0)
        starts = rng.integers(0, 2**32, (12, 12), np.uint32)
        left, right = a.copy(), b.copy()
        if shift % 3 == 1:
            left[:, :32], scales[0][:, 0] = 0, 180
        if shift % 3 == 2:
            right[:, 32:], scales[1][:, 1] = 0, 180
        multiply(kind, left, right, scales, starts)


@pytest.mark.parametrize("kind", MXFP8)
def test_narrow_and_wide_blocks_take_turns(kind: str) -> None:
    """Blocks whose dots fit float32 beside others; small parts in A, in B, in both."""
    rng = np.random.default_rng(3)
    for spread in (2, 5, 8, 11, 14):
        a, b = (
            (rng.integers(0, 2, (20, 256)) << 7)
            | np.clip(rng.integers(0x50 - 8 * spread, 0x58, (20, 256)), 0, 0x7B)
            for _ in range(2)
        )
        a[:, 64:128], b[:, 128:192] = rng.integers(0, 8, (20, 64)), 0x40
        b[:, 192:] = rng.choice(np.array([0x30, 0x38, 0x3C, 0x40, 0xC4, 0xCC]), (20, 64))
        scales = rng.integers(118, 130, (20, 8)), rng.integers(118, 130, (20, 8))
        starts = rng.integers(0, 2**32, (20, 20), np.uint32)
        multiply(kind, a, b, scales, np.where(rng.integers(2, size=starts.shape), starts, 0))


def test_sixty_nine_bits() -> None:
    """The largest and the smallest product in one block, and all between; dots that cancel."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 0x7C, (9, 128))
    codes[:, :8], codes[:, 8:12] = LARGEST[oracle.e5m2], 1
    a, b = codes, np.concatenate([codes, codes[:, ::-1]])
    b[9:, 64:] |= 0x80
    a = np.concatenate([a, a ^ np.where(np.arange(128) % 32 < 16, 0, 0x80)])
    b = np.concatenate([b, np.tile(b[:, :16], 8)])
    for value in (0, 60, 127, 140, 254):
        scales = scale_bytes(18, 4, value), scale_bytes(36, 4, 254 - value)
        starts = rng.integers(0, 2**32, (18, 36), np.uint32)
        multiply("mxfp8_e5m2", a, b, scales, starts)


def test_infinities_of_e5m2() -> None:
    """Inf * 0, Inf - Inf, Inf + finite, Inf against Inf in the accumulator, NaN scales."""
    infinity, zero, one = 0x7C, 0, ONE[oracle.e5m2]
    rows = [(infinity, one), (infinity, infinity), (infinity, infinity | 0x80), (zero, infinity),
            (one, one), (0x7E, one), (infinity | 0x80, zero), (0x80, infinity)]  # fmt: skip
    a = np.zeros((8, 64), int)
    a[:, :2] = rows
    b = np.zeros((6, 64), int)
    b[:, :2] = [(one, one), (one, zero), (0x80, one), (infinity, one), (zero, 0xFC), (1, 0x81)]
    starts = np.array([0, 0x7F800000, 0xFF800000, 0x7FC00000, 0x3F800000, 0x80000000], np.uint32)
    for value in (127, 0, 254, 255):
        scales = scale_bytes(8, 2, value), scale_bytes(6, 2)
        for shift in range(6):
            words = np.tile(np.roll(starts, shift), (8, 1))
            multiply("mxfp8_e5m2", a, b, scales, words)
