"""The array conversions against the scalar reference, a look-up oracle, ml_dtypes and NumPy."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from npuemu.formats import arrays, scalar
from npuemu.formats.format import (
    BF16,
    E2M1,
    E4M3,
    E5M2,
    E8M0,
    F16,
    F32,
    FORMATS,
    S8,
    S32,
    U8,
    Format,
)
from npuemu.formats.scalar import ROUNDINGS
from tests.oracles import format_oracle as oracle

ALL = list(FORMATS.values())
FLOATS = [F16, BF16, E4M3, E5M2, E2M1]
SPECIALS = [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000]


def _patterns(count: int, seed: int) -> np.ndarray:
    """float32 values from random bits, with the special patterns of both signs in front."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, count, np.uint32)
    special = np.array(SPECIALS, np.uint32)
    return np.concatenate([special, special | 0x80000000, bits]).view(np.float32)


def _boundaries(fmt: Format, limit: int, seed: int) -> np.ndarray:
    """float32 values at codes, at midpoints between codes, and one ulp to either side of both."""
    table = oracle.magnitudes(fmt)
    if table.size > limit:
        table = np.unique(np.concatenate([table[:8], table[-8:], _pick(table, limit, seed)]))
    middle = (table[:-1] + table[1:]) / 2
    with np.errstate(over="ignore"):
        points = np.concatenate([table, middle]).astype(np.float32)
    near = [points, np.nextafter(points, np.float32(np.inf)), np.nextafter(points, np.float32(0))]
    positive = np.concatenate(near)
    return np.concatenate([positive, -positive])


def _pick(table: np.ndarray, limit: int, seed: int) -> np.ndarray:
    start = np.random.default_rng(seed).integers(0, table.size - 1, limit // 2)
    return np.concatenate([table[start], table[start + 1]])


def _wide(values: np.ndarray) -> list[float]:
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64).tolist()


@pytest.mark.parametrize("fmt", ALL, ids=lambda f: f.name)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_random_bits_equal_the_scalar_reference(fmt: Format, rounding: str) -> None:
    values = _patterns(400, 11)
    for saturate in (None, True, False):
        ours = arrays.encode(fmt, values, rounding, saturate)
        assert ours.dtype == fmt.storage
        theirs = [
            scalar.encode(fmt, oracle.to_number(v), rounding, saturate) for v in _wide(values)
        ]
        assert ours.tolist() == theirs, saturate


@pytest.mark.parametrize("fmt", [*FLOATS, E8M0], ids=lambda f: f.name)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_codes_midpoints_and_their_neighbours(fmt: Format, rounding: str) -> None:
    values = _boundaries(fmt, 128, 5)
    ours = arrays.encode(fmt, values, rounding)
    theirs = [scalar.encode(fmt, oracle.to_number(v), rounding) for v in _wide(values)]
    assert ours.tolist() == theirs


@pytest.mark.parametrize("fmt", FLOATS, ids=lambda f: f.name)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_million_bit_patterns_equal_the_table_oracle(fmt: Format, rounding: str) -> None:
    values = _patterns(1_000_000, 3)
    values[: 1 << 18] = _in_range(fmt, 1 << 18)
    assert np.array_equal(
        arrays.encode(fmt, values, rounding), oracle.encode(fmt, values, rounding)
    )


def _in_range(fmt: Format, count: int) -> np.ndarray:
    """Values spread over the format's own exponents and a little beyond."""
    rng = np.random.default_rng(4)
    table = oracle.magnitudes(fmt)
    exponent = rng.uniform(np.log2(table[1]) - 2, np.log2(table[-2]) + 1, count)
    with np.errstate(over="ignore"):
        return (np.exp2(exponent) * rng.choice([-1.0, 1.0], count)).astype(np.float32)


@pytest.mark.parametrize("fmt", [f for f in ALL if f.bits <= 16], ids=lambda f: f.name)
def test_decoding_every_code(fmt: Format) -> None:
    codes = np.arange(fmt.code_count).astype(fmt.storage)
    ours = arrays.decode(fmt, codes)
    theirs = np.array([oracle.to_float(scalar.decode(fmt, c)) for c in codes.tolist()])
    assert np.array_equal(ours.astype(np.float64), theirs, equal_nan=True)
    assert np.array_equal(
        np.signbit(ours)[~np.isnan(theirs)], np.signbit(theirs)[~np.isnan(theirs)]
    )
    if ours.dtype == np.float32:
        assert set(ours.view(np.uint32)[np.isnan(ours)].tolist()) <= {0x7FC00000}


@pytest.mark.parametrize("fmt", [*FLOATS, E8M0], ids=lambda f: f.name)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_code_survives_decode_and_encode(fmt: Format, rounding: str) -> None:
    codes = np.arange(fmt.code_count).astype(fmt.storage)
    values = arrays.decode(fmt, codes)
    expected = np.where(np.isnan(values), fmt.nan_code, codes)
    assert np.array_equal(arrays.encode(fmt, values, rounding), expected)


def _library(fmt: Format, values: np.ndarray) -> np.ndarray:
    """Nearest-even codes by NumPy or ml_dtypes, changed only where the definitions differ."""
    owner = np.float16 if fmt is F16 else getattr(ml_dtypes, str(fmt.ml_dtypes_type))
    with np.errstate(all="ignore"):
        codes = values.astype(owner).view(fmt.storage)
        nan = np.isnan(values)
        if fmt is E4M3:  # theirs overflows to NaN from 464 on
            codes = np.where(np.abs(values) >= 464, 0x7E | (np.signbit(values) << 7), codes)
        if fmt is E8M0:  # theirs goes up from 2**-127 at once, not from 1.5 * 2**-127
            bits = values.view(np.uint32)
            codes = np.where((bits > 0x400000) & (bits < 0x600000), 0, codes)
    return np.where(nan, fmt.nan_code, codes).astype(fmt.storage)


@pytest.mark.parametrize("fmt", [*FLOATS, E8M0], ids=lambda f: f.name)
def test_a_million_bit_patterns_equal_ml_dtypes_and_numpy(fmt: Format) -> None:
    values = _patterns(1_000_000, 9)
    assert np.array_equal(arrays.encode(fmt, values), _library(fmt, values))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fmt", [*FLOATS, E8M0], ids=lambda f: f.name)
def test_all_float32_values_equal_ml_dtypes_and_numpy(fmt: Format) -> None:
    for start in range(0, 1 << 32, 1 << 24):
        values = np.arange(start, start + (1 << 24), dtype=np.uint32).view(np.float32)
        assert np.array_equal(arrays.encode(fmt, values), _library(fmt, values)), hex(start)


def test_float64_values_round_once() -> None:
    # Half an ulp of f16 and a little: float32 would drop the little, and the tie would go down.
    value = np.array([1 + 2.0**-11 + 2.0**-50, 1 + 2.0**-11, -(1 + 2.0**-11 + 2.0**-50)])
    assert arrays.encode(F16, value).tolist() == [0x3C01, 0x3C00, 0xBC01]
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 1 << 64, 400, np.uint64)
    near = (bits >> 12) | (rng.integers(1023 - 160, 1023 + 140, 400).astype(np.uint64) << 52)
    for values in (bits.view(np.float64), near.view(np.float64)):
        for fmt in ALL:
            for rounding in ROUNDINGS:
                theirs = [
                    scalar.encode(fmt, oracle.to_number(v), rounding) for v in values.tolist()
                ]
                assert arrays.encode(fmt, values, rounding).tolist() == theirs, (fmt, rounding)


def test_integers_convert_exactly() -> None:
    values = np.array([2**31 - 1, -(2**31), 2**24 + 1, 65504 + 16, 0, -1], np.int32)
    for fmt in (F32, F16, BF16, S8, U8, S32):
        theirs = [scalar.encode(fmt, v) for v in values.tolist()]
        assert arrays.encode(fmt, values).tolist() == theirs


def test_shapes_strides_and_scalars() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert arrays.encode(BF16, values[::2, ::3]).shape == (2, 2)
    assert arrays.decode(BF16, arrays.encode(BF16, values.T)).tolist() == values.T.tolist()
    assert arrays.encode(E2M1, np.float32(3)).shape == ()
    assert arrays.encode(E4M3, np.empty((0, 3), np.float32)).shape == (0, 3)
    assert arrays.round_to(S8, np.array([2.5, -300.0])).tolist() == [2, -128]


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match="unsigned integers, not float32"):
        arrays.decode(BF16, np.zeros(2, np.float32))
    with pytest.raises(TypeError, match="cannot convert int64 to f16"):
        arrays.encode(F16, np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="no rounding mode 'up'"):
        arrays.encode(F16, np.zeros(2, np.float32), "up")
