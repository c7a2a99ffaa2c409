"""Activations in few bits: bit for bit against rationals, and the bounds that are claimed."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from npuemu.formats import activations
from npuemu.formats.activations import (
    block_units,
    error,
    quantize_int8,
    quantize_mxfp4,
    quantize_mxfp8,
    row_units,
    split_int8,
    split_mxfp4,
)
from tests.oracles import activation_oracle as oracle

BF16 = np.uint32(0xFFFF0000)


def _bits(rows: int, k: int, seed: int) -> np.ndarray:
    """Random bit patterns of finite values: every other row bf16 values only."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, (rows, k), np.uint32)
    bits[(bits & 0x7F800000) == 0x7F800000] ^= 0x40000000
    bits[::2] &= BF16
    return bits.view(np.float32)


def _awkward(k: int, seed: int) -> np.ndarray:
    """Zeros of both signs, subnormals, the floors' neighbourhood, huge rows, ties, outliers."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((24, k)).astype(np.float32)
    base[0], base[1] = 0.0, -0.0
    base[2] = np.float32(2.0**-149) * rng.integers(-99, 99, k)
    powers = (-126, -125, -123, -122, -121, -120, -119, -118, -101, -100, -99, 126)
    for row, exponent in enumerate(powers, 3):
        base[row] = np.clip(base[row], -1.9, 1.9) * np.float32(2.0**exponent)
    base[15] = np.float32(3.4028235e38) * np.where(rng.integers(0, 2, k), 1, -1)
    base[16] = rng.integers(-64, 65, k) / np.float32(16)  # on the grid of every format: ties
    base[17] = rng.integers(-64, 65, k) / np.float32(32)
    base[18] = 4.0
    base[19, :-1] *= np.float32(2.0**-40)
    base[20] = (rng.integers(-127, 127, k) + 0.5).astype(np.float32)
    base[20, 0] = 127
    base[21] = (rng.integers(-32258, 32258, k) + 0.5).astype(np.float32)
    base[21, 0] = 32258
    base[22] = 2.0 ** rng.integers(-20, 4, k)
    return base.astype(np.float32)


CASES = pytest.mark.parametrize(
    "values",
    [_bits(24, 64, 1), _awkward(64, 2), _awkward(32, 3)],
    ids=["bits", "awkward", "one block"],
)


@CASES
def test_int8_rows_equal_rationals(values: np.ndarray) -> None:
    ours, two = quantize_int8(values), split_int8(values)
    assert ours.low is None and two.low is not None
    for i, row in enumerate(values.tolist()):
        codes, scale = oracle.quantize_int8(row)
        assert (ours.codes[i].tolist(), Fraction(float(ours.scales[i]))) == (codes, scale)
        high, low, scale = oracle.split_int8(row)
        assert (two.codes[i].tolist(), two.low[i].tolist()) == (high, low)
        assert Fraction(float(two.scales[i])) == scale


@CASES
def test_mx_blocks_equal_rationals(values: np.ndarray) -> None:
    four, eight, two = quantize_mxfp4(values), quantize_mxfp8(values), split_mxfp4(values)
    assert two.low is not None and two.low_scales is not None
    for i, row in enumerate(values.tolist()):
        for j in range(len(row) // 32):
            part = slice(32 * j, 32 * j + 32)
            assert (four.codes[i, part].tolist(), four.scales[i, j]) == oracle.mx(row[part], "e2m1")
            found = (eight.codes[i, part].tolist(), eight.scales[i, j])
            assert found == oracle.mx(row[part], "e4m3")
            parts = (two.codes[i, part].tolist(), two.scales[i, j])
            parts += (two.low[i, part].tolist(), two.low_scales[i, j])
            assert parts == oracle.split_mxfp4(row[part])


def test_rows_that_are_not_finite() -> None:
    values = np.ones((4, 64), np.float32)
    values[0, 3], values[1, 40], values[2, 0] = np.nan, -np.inf, np.inf
    values[2, 1] = np.nan
    for rows in (quantize_int8(values), split_int8(values)):
        assert np.isnan(rows.scales[:3]).all() and not rows.codes[:3].any()
        assert rows.low is None or not rows.low[:3].any()
        assert np.isfinite(rows.values()[3]).all()
    for blocks in (quantize_mxfp4(values), split_mxfp4(values), quantize_mxfp8(values)):
        assert (blocks.scales == 255).tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]
        assert not blocks.codes[0, :32].any() and blocks.codes[0, 32:].any()
        assert np.isnan(blocks.values()[0, :32]).all()
        assert np.isfinite(blocks.values()[0, 32:]).all()


def test_values_are_exact() -> None:
    values = _awkward(64, 5)
    for rows in (quantize_int8(values), split_int8(values)):
        low = np.zeros_like(rows.codes) if rows.low is None else rows.low
        first = 1 if rows.low is None else 254
        for i, restored in enumerate(rows.values()):
            for j, value in enumerate(restored):
                steps = first * int(rows.codes[i, j]) + int(low[i, j])
                assert Fraction(float(value)) == steps * Fraction(float(rows.scales[i]))
    table = {"e2m1": oracle.E2M1, "e4m3": oracle.E4M3}
    for blocks in (quantize_mxfp4(values), quantize_mxfp8(values)):
        half = {"e2m1": 8, "e4m3": 128}[blocks.element]
        for (i, j), code in np.ndenumerate(blocks.codes):
            exact = table[blocks.element][code % half] * Fraction(2) ** (
                int(blocks.scales[i, j // 32]) - 127
            )
            assert Fraction(float(blocks.values()[i, j])) == (-exact if code >= half else exact)


def test_two_parts_keep_their_bounds_on_awkward_values() -> None:
    values = np.concatenate([_awkward(64, seed) for seed in range(8)])
    two = split_int8(values)
    for i, row in enumerate(two.values().tolist()):
        bound = oracle.row_maximum(values[i].tolist()) / 64516 * (1 + Fraction(1, 1 << 17))
        for a, b in zip(values[i].tolist(), row, strict=True):
            assert abs(Fraction(a) - Fraction(b)) <= bound
    parts = split_mxfp4(values).values()
    for i, j in np.ndindex(len(values), 2):
        part = slice(32 * j, 32 * j + 32)
        alpha = Fraction(2) ** oracle.alpha_exponent(values[i, part].tolist(), -122)
        assert Fraction(float(block_units(values)[i, j])) == alpha
        for a, b in zip(values[i, part].tolist(), parts[i, part].tolist(), strict=True):
            assert abs(Fraction(a) - Fraction(b)) <= alpha / 64


def test_error_equals_its_naive_twin() -> None:
    values = np.random.default_rng(4).standard_normal((9, 96)).astype(np.float32)
    restored = split_mxfp4(values).values()
    for units in (row_units(values), block_units(values)):
        wide = np.repeat(units, 96 // units.shape[1], axis=1)
        noise = signal = worst = 0.0
        for a, b, unit in zip(values.flat, restored.flat, wide.flat, strict=True):
            noise += (float(a) - b) * (float(a) - b)
            signal += float(a) * float(a)
            worst = max(worst, abs(float(a) - b) / float(unit))
        assert error(values, restored, units) == (noise, signal, worst)
    restored[3, 4] = np.nan
    assert error(values, restored, row_units(values))[2] == np.inf
    with pytest.raises(ValueError, match="5 units a row do not divide K = 96"):
        error(values, restored, np.ones((9, 5)))


def test_strides_and_bad_arguments() -> None:
    values = _bits(8, 64, 6)
    for given in (np.asfortranarray(values), np.repeat(values, 2, axis=0)[::2]):
        two, split = split_int8(given), split_mxfp4(given)
        assert np.array_equal(two.values(), split_int8(values).values())
        assert np.array_equal(split.values(), split_mxfp4(values).values())
    with pytest.raises(ValueError, match="expected a 2-D array of float32, got 1-D"):
        split_int8(values[0])
    with pytest.raises(ValueError, match="got 2-D of float64"):
        quantize_int8(values.astype(np.float64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="K = 48 is no positive multiple of 32"):
        split_mxfp4(np.zeros((2, 48), np.float32))


_DIGEST = """
import hashlib, numpy as np
from npuemu.formats import activations as a
bits = np.random.default_rng(0).integers(0, 1 << 32, (128, 256), np.uint32)
bits[::2] = (bits[::2] & 0x81FFFFFF) | 0x3E000000
h = hashlib.sha256()
for name in ("quantize_int8", "split_int8", "quantize_mxfp4", "split_mxfp4", "quantize_mxfp8"):
    found = getattr(a, name)(bits.view(np.float32))
    for part in (found.codes, found.scales, found.low):
        h.update(b"" if part is None else part.tobytes())
print(h.hexdigest())
"""


def test_portable_code_gives_the_same_bits() -> None:
    digests = set()
    for extra in ({}, {"NPUEMU_PORTABLE": "1", "NUMBA_CPU_NAME": "generic"}):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, **extra},
            cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_least_exponents_keep_every_scale_a_code() -> None:
    tiny = np.full((1, 32), 2.0**-149, np.float32)
    two, eight = split_mxfp4(tiny), quantize_mxfp8(tiny)
    assert two.low_scales is not None and two.low_scales.tolist() == [[0]]
    assert (two.scales.tolist(), eight.scales.tolist()) == ([[3]], [[0]])
    assert activations.SMALLEST_ROW == 2.0**-100
