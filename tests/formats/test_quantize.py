"""MXFP4 and int8 quantisation against independent oracles, over values and over bit patterns."""

from __future__ import annotations

import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from npuemu.formats import arrays, quantize
from npuemu.formats.format import E2M1, E8M0
from npuemu.formats.quantize import (
    ROUNDINGS,
    SCALE_RULES,
    dequantize_mxfp4,
    quantize_int8,
    quantize_mxfp4,
)
from tests.oracles import quantize_oracle as oracle

RULES = pytest.mark.parametrize("rule", SCALE_RULES)
ROUNDING = pytest.mark.parametrize("rounding", ROUNDINGS)


def _finite(bits: np.ndarray) -> np.ndarray:
    """float32 from bits, NaN and Inf turned into finite values of the same sign and mantissa."""
    clean = np.where((bits & 0x7F800000) == 0x7F800000, bits ^ 0x40000000, bits)
    return clean.astype(np.uint32).view(np.float32)


def _mixed(rows: int, k: int, seed: int) -> np.ndarray:
    """Rows of four kinds: normal values, values on a coarse grid (ties), one binade at a random
    exponent, random finite bits."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, k)).astype(np.float32)
    grid = rng.integers(-64, 65, (rows, k)) * np.exp2(rng.integers(-150, 120, (rows, 1)))
    values[1::4] = grid[1::4].astype(np.float32)
    sign_mantissa = rng.integers(0, 1 << 32, (rows, k), np.uint32)
    exponent = (rng.integers(0, 252, (rows, 1)) + rng.integers(0, 3, (rows, k))) << 23
    binade = (sign_mantissa & 0x807FFFFF) | exponent.astype(np.uint32)
    values[2::4] = binade[2::4].astype(np.uint32).view(np.float32)
    values[3::4] = _finite(rng.integers(0, 1 << 32, (rows, k), np.uint32))[3::4]
    return values


def _assert_same(values: np.ndarray, rule: str, rounding: str) -> None:
    codes, scales = quantize_mxfp4(values, scale_rule=rule, rounding=rounding)
    their_codes, their_scales = oracle.quantize_mxfp4(values, rule, rounding)
    assert codes.dtype == scales.dtype == np.uint8
    assert np.array_equal(scales, their_scales)
    assert np.array_equal(codes, their_codes)


@RULES
@ROUNDING
def test_values_and_ties_equal_the_oracle(rule: str, rounding: str) -> None:
    _assert_same(_mixed(256, 512, 1), rule, rounding)


@RULES
@ROUNDING
def test_random_bits_with_nan_and_inf_equal_the_oracle(rule: str, rounding: str) -> None:
    bits = np.random.default_rng(2).integers(0, 1 << 32, (512, 128), np.uint32)
    codes, scales = quantize_mxfp4(bits.view(np.float32), scale_rule=rule, rounding=rounding)
    assert (scales == 255).any() and (scales != 255).any()
    assert not codes.reshape(-1, 32)[scales.reshape(-1) == 255].any()
    _assert_same(bits.view(np.float32), rule, rounding)


@RULES
@ROUNDING
def test_the_array_oracle_equals_the_rational_one(rule: str, rounding: str) -> None:
    values = _mixed(16, 64, 3)
    codes, scales = oracle.quantize_mxfp4(values, rule, rounding)
    for block in range(32):
        row, column = divmod(block, 2)
        part = slice(32 * column, 32 * column + 32)
        exact = oracle.block_by_fractions(values[row, part].astype(float).tolist(), rule, rounding)
        assert (codes[row, part].tolist(), int(scales[row, column])) == exact


@RULES
def test_scales_around_every_power_of_two(rule: str) -> None:
    """Where a logarithm in float32 goes wrong: the largest values below a power of two."""
    exponents = np.arange(0, 255, dtype=np.uint32) << 23
    mantissas = [0, 1, 2, 0x1FFFFF, 0x200000, 0x3FFFFF, 0x400000, 0x400001]
    mantissas += [0x5FFFFF, 0x600000, 0x600001, 0x7FFFFE, 0x7FFFFF]
    amax = (exponents[:, None] | np.array(mantissas, np.uint32)).astype(np.uint32).reshape(-1)
    values = np.zeros((amax.size, 32), np.float32)
    values[:, 17] = amax.view(np.float32)
    _assert_same(values, rule, "rint")


def test_floor_rule_agrees_with_ml_dtypes_elements() -> None:
    values = _mixed(64, 256, 5)
    codes, scales = quantize_mxfp4(values, scale_rule="floor", rounding="rint")
    exponent = 127 - np.repeat(scales, 32, axis=1).astype(np.int64)
    scaled = np.ldexp(values.astype(np.float64), exponent)
    theirs = scaled.astype(np.float32).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
    assert np.array_equal(codes, theirs & 15)


def test_by_hand() -> None:
    block = np.zeros((1, 32), np.float32)
    block[0, :8] = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0, -5.0]
    expected = {
        "rint": [0, 2, 2, 4, 4, 6, 6, 14],
        "round": [1, 2, 3, 4, 5, 6, 7, 15],
        "floor": [0, 1, 2, 3, 4, 5, 6, 14],
    }
    for rounding, codes in expected.items():
        ours, scales = quantize_mxfp4(block, scale_rule="floor", rounding=rounding)
        assert (ours[0, :8].tolist(), scales.tolist()) == (codes, [[127]])
    scale = {}
    for amax in (4.0, 6.0, 6.5, 7.0, 7.5):
        block[0, 0] = amax
        scale[amax] = [
            int(quantize_mxfp4(block, scale_rule=r, rounding="rint")[1][0, 0]) for r in SCALE_RULES
        ]
    assert scale == {  # floor, ceil, round_up, even
        4.0: [127, 128, 127, 127],  # 5.0 is still the largest magnitude here
        6.0: [127, 128, 127, 127],
        6.5: [127, 128, 128, 127],
        7.0: [127, 128, 128, 128],
        7.5: [127, 128, 128, 128],
    }


def test_zero_blocks_nan_blocks_and_signs() -> None:
    values = np.zeros((1, 128), np.float32)
    values[0, 5] = -0.0
    values[0, 40] = np.nan
    values[0, 70:72] = [-np.inf, 1.0]
    values[0, 96:98] = [-1e-30, 1.0]
    codes, scales = quantize_mxfp4(values, scale_rule="floor", rounding="rint")
    assert scales.tolist() == [[0, 255, 255, 125]]
    assert codes[0, 5] == 8 and not codes[0, 32:96].any()
    assert codes[0, 96:98].tolist() == [8, 6]


def test_blocks_do_not_cross_rows() -> None:
    values = np.ones((3, 32), np.float32)
    values[1] = 1024.0
    _, scales = quantize_mxfp4(values, scale_rule="floor", rounding="rint")
    assert scales.reshape(-1).tolist() == [125, 135, 125]
    with pytest.raises(ValueError, match="K = 48 is no multiple of the block size 32"):
        quantize_mxfp4(np.zeros((2, 48), np.float32), scale_rule="floor", rounding="rint")


def test_dequantize_every_code_under_every_scale() -> None:
    codes = np.tile(np.arange(32, dtype=np.uint8) & 15, (256, 1))
    scales = np.arange(256, dtype=np.uint8).reshape(256, 1)
    ours = dequantize_mxfp4(codes, scales)
    element = arrays.decode(E2M1, codes).astype(np.float64)
    with np.errstate(over="ignore"):
        theirs = (element * arrays.decode(E8M0, scales).astype(np.float64)).astype(np.float32)
    assert np.array_equal(ours[:255].view(np.uint32), theirs[:255].view(np.uint32))
    assert set(ours[255].view(np.uint32).tolist()) == {0x7FC00000}


@RULES
@ROUNDING
def test_representable_blocks_are_unchanged(rule: str, rounding: str) -> None:
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 16, (200, 64)).astype(np.uint8)
    codes[:, ::32] = 7
    scales = rng.integers(2, 250, (200, 2)).astype(np.uint8)
    values = dequantize_mxfp4(codes, scales)
    if rule == "ceil":  # 6X rounds up to 8X: twice the scale, and only even multiples survive
        return
    again, same = quantize_mxfp4(values, scale_rule=rule, rounding=rounding)
    assert np.array_equal(same, scales) and np.array_equal(again, codes)


def test_strided_input_and_empty_input() -> None:
    values = _mixed(8, 256, 4)
    strided = np.asfortranarray(values)
    for given in (strided, np.repeat(values, 2, axis=0)[::2]):
        ours = quantize_mxfp4(given, scale_rule="even", rounding="round")
        theirs = quantize_mxfp4(values, scale_rule="even", rounding="round")
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    codes, scales = quantize_mxfp4(
        np.empty((0, 64), np.float32), scale_rule="ceil", rounding="rint"
    )
    assert codes.shape == (0, 64) and scales.shape == (0, 2)


def test_bad_arguments() -> None:
    x = np.zeros((2, 32), np.float32)
    with pytest.raises(ValueError, match="no scale rule 'max'"):
        quantize_mxfp4(x, scale_rule="max", rounding="rint")
    with pytest.raises(ValueError, match="no element rounding 'even'"):
        quantize_mxfp4(x, scale_rule="even", rounding="even")
    with pytest.raises(ValueError, match="values: expected a 2-D array of float32, got 1-D"):
        quantize_mxfp4(x[0], scale_rule="even", rounding="rint")
    with pytest.raises(ValueError, match=r"codes \[2, 32\] need scales \[2, K/32\], got \[2, 2\]"):
        dequantize_mxfp4(x.astype(np.uint8), np.zeros((2, 2), np.uint8))
    with pytest.raises(TypeError):
        quantize_mxfp4(x)  # type: ignore[call-arg]


def test_int8_rows_equal_rational_arithmetic() -> None:
    rng = np.random.default_rng(6)
    weight = (rng.standard_normal((24, 40)) * np.exp2(rng.integers(-60, 60, (24, 1)))).astype("f4")
    codes, scales = quantize_int8(weight)
    assert codes.dtype == np.int8 and scales.dtype == np.float32
    for row, code, scale in zip(weight, codes, scales, strict=True):
        their_codes, their_scale = oracle.quantize_int8_row(row)
        assert (code.tolist(), scale) == (their_codes, their_scale)


def test_int8_special_rows() -> None:
    weight = np.zeros((6, 4), np.float32)
    weight[1, 0] = np.nan
    weight[2, 1] = -np.inf
    weight[3, 2] = 1e-45  # its scale underflows
    weight[4] = np.array([1, -1, 0.5, -0.5]) * np.finfo(np.float32).max
    weight[5] = np.array([200, -100, 3, 1]) * 2.0**-149
    codes, scales = quantize_int8(weight)
    assert not codes[:4].any() and scales[[0, 3]].tolist() == [0, 0]
    assert scales.view(np.uint32)[[1, 2]].tolist() == [0x7FC00000] * 2
    assert codes[4].tolist() == oracle.quantize_int8_row(weight[4])[0]
    assert codes[5].tolist() == [100, -50, 2, 0]


_DIGEST = """
import hashlib, numpy as np
from npuemu.formats import quantize as q
bits = np.random.default_rng(0).integers(0, 1 << 32, (64, 256), np.uint32)
bits[::2] = (bits[::2] & 0x81FFFFFF) | 0x3E000000
h = hashlib.sha256()
for rule in q.SCALE_RULES:
    for rounding in q.ROUNDINGS:
        c, s = q.quantize_mxfp4(bits.view(np.float32), scale_rule=rule, rounding=rounding)
        h.update(c.tobytes() + s.tobytes() + q.dequantize_mxfp4(c, s).tobytes())
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


@pytest.mark.slow
@RULES
@ROUNDING
def test_sixteen_million_values(rule: str, rounding: str) -> None:
    for seed in range(8):
        _assert_same(_mixed(1024, 2048, 100 + seed), rule, rounding)


@pytest.mark.slow
@RULES
def test_every_amax_gives_the_right_scale(rule: str) -> None:
    for start in range(0, 0x7F800000, 1 << 22):
        amax = np.arange(start, start + (1 << 22), 8, dtype=np.uint32).view(np.float32)
        values = np.zeros((amax.size, 32), np.float32)
        values[:, 0] = amax
        _, scales = quantize_mxfp4(values, scale_rule=rule, rounding="rint")
        assert np.array_equal(scales[:, 0], oracle.scale_codes(amax, rule))


def test_block_size() -> None:
    assert quantize.BLOCK == 32
