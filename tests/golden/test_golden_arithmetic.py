"""The golden definitions' own arithmetic against exact fractions, over random bit patterns."""

from __future__ import annotations

from fractions import Fraction

import golden_oracle as oracle
import ml_dtypes
import numpy as np
import pytest
from golden_loader import arithmetic


def _patterns(rng: np.random.Generator, count: int) -> np.ndarray:
    """float32 values: random bits, specials, and values of similar size (so that sums interact)."""
    bits = rng.integers(0, 1 << 32, count, np.uint32)
    special = [0, 0x80000000, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000]
    special += [0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0x3F800000, 0xBF800000]
    bits[: count // 4] = rng.choice(np.array(special, np.uint32), count // 4)
    near = slice(count // 2, None)
    bits[near] = (bits[near] & 0x807FFFFF) | (rng.integers(115, 140, count - count // 2) << 23)
    return rng.permutation(bits.astype(np.uint32)).view(np.float32)


def _canonical(x: np.ndarray) -> np.ndarray:
    """Bit patterns of float32 `x` with every NaN canonical."""
    return np.where(np.isnan(x), np.uint32(oracle.NAN32), x.view(np.uint32))


def test_fma_equals_fractions_on_random_bits() -> None:
    rng = np.random.default_rng(1)
    a, b, c = (_patterns(rng, 6000) for _ in range(3))
    got = _canonical(arithmetic.fma32(a, b, c))
    for x, y, z, result in zip(*(v.view(np.uint32).tolist() for v in (a, b, c)), got, strict=True):
        assert result == oracle.fma(x, y, z), f"{x:08x} {y:08x} {z:08x}"


def _near_ties(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a * b = +-(1/2 +- 2**-47) and c an odd or even integer of 24 bits, all scaled alike."""
    rng = np.random.default_rng(2)
    c = (rng.integers(1 << 23, 1 << 24, count) * rng.choice([1, -1], count)).astype(np.float64)
    nudge = rng.choice([-1.0, 0.0, 1.0], count) * 2.0**-23
    a = 0.5 * (1.0 + nudge) * rng.choice([1, -1], count)
    b = 1.0 - nudge
    scale = np.ldexp(1.0, rng.integers(-120, 60, count))
    return tuple(v.astype(np.float32) for v in (a * scale, b, c * scale))  # type: ignore[return-value]


def test_fma_rounds_once_at_midpoints() -> None:
    a, b, c = _near_ties(3000)
    got = _canonical(arithmetic.fma32(a, b, c))
    for x, y, z, result in zip(*(v.view(np.uint32).tolist() for v in (a, b, c)), got, strict=True):
        assert result == oracle.fma(x, y, z), f"{x:08x} {y:08x} {z:08x}"
    twice = (a.astype(np.float64) * b + c).astype(np.float32).view(np.uint32)
    assert np.count_nonzero(twice != got) > 300, "the plain FP64 sum would not have been caught"


@pytest.mark.parametrize("seed", range(3))
def test_round_to_odd_sum(seed: int) -> None:
    """Against the exact sum: equal if representable, else the odd one of the two neighbours."""
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(400) * 2.0 ** rng.integers(-60, 60, 400)
    c = rng.standard_normal(400) * 2.0 ** rng.integers(-60, 60, 400)
    got = arithmetic.round_to_odd_sum(p, c)
    for x, y, z in zip(p, c, got, strict=True):
        exact = Fraction(x) + Fraction(y)
        if Fraction(float(z)) == exact:
            continue
        assert np.float64(z).view(np.int64) & 1
        other = np.nextafter(z, np.inf if exact > Fraction(float(z)) else -np.inf)
        low, high = sorted((Fraction(float(z)), Fraction(float(other))))
        assert low < exact < high


def test_to_bf16_on_every_upper_half() -> None:
    """All bf16 patterns with lower halves around the tie, and random ones."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    for lower in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x1234):
        x = upper | np.uint32(lower)
        got = arithmetic.to_bf16(x.view(np.float32)).view(np.uint16)
        expected = [oracle.bf16(int(v)) for v in x]
        assert np.array_equal(got, np.array(expected, np.uint16))


def test_int_gemm_wraps() -> None:
    a = np.full((1, 140_000), -128, np.int8)
    w = np.full((1, 140_000), -128, np.int8)
    exact = 140_000 * 128 * 128
    assert arithmetic.int_gemm(a, w)[0, 0] == (exact + (1 << 31)) % (1 << 32) - (1 << 31)
    assert arithmetic.int_gemm(a[:, :64], w[:, :64])[0, 0] == 64 * 128 * 128


def test_fma_chain_equals_the_scalar_chain() -> None:
    """Random bf16 bits and tiny products, chunk borders included."""
    rng = np.random.default_rng(3)
    a = rng.integers(0, 1 << 16, (6, 40), np.uint16)
    w = rng.integers(0, 1 << 16, (5, 40), np.uint16)
    a[1:4] = (a[1:4] & 0x807F) | (rng.integers(55, 66, (3, 40)) << 7).astype(np.uint16)
    w[1:] = (w[1:] & 0x807F) | (rng.integers(55, 66, (4, 40)) << 7).astype(np.uint16)
    got = _canonical(arithmetic.fma_chain(a.view(ml_dtypes.bfloat16), w.view(ml_dtypes.bfloat16)))
    for i in range(6):
        for j in range(5):
            acc = 0
            for k in range(40):
                acc = oracle.fma(int(a[i, k]) << 16, int(w[j, k]) << 16, acc)
            assert got[i, j] == acc, (i, j)


def _short_near_midpoints(count: int) -> tuple[np.ndarray, np.ndarray]:
    """float64 p of 16 bits and float32 acc whose sum is at or near a float32 midpoint."""
    rng = np.random.default_rng(4)
    acc = rng.integers(1 << 23, 1 << 24, count).astype(np.float64)
    acc[::5] = 1 << 23  # powers of two: the ulp below is half of the ulp above
    p = rng.integers(1, 1 << 16, count) * np.ldexp(1.0, rng.integers(-60, 60, count))
    half = slice(0, count // 2)
    tail = rng.choice([0.0, 2.0**-15, -(2.0**-16), 2.0**-14], count)[half]
    p[half] = (1.0 + tail) * rng.choice([0.25, 0.5, 1.5, 0.125], count)[half]
    p *= rng.choice([1.0, -1.0], count)
    scale = np.ldexp(1.0, rng.choice([-149, -148, -160, -30, 0, 80, 104], count))
    acc32 = (acc * scale).astype(np.float32)
    return p * scale, acc32


def test_add_short_rounds_once() -> None:
    p, acc = _short_near_midpoints(6000)
    with np.errstate(over="ignore"):
        got = arithmetic.add_short(p, acc).view(np.uint32)
    for x, y, result in zip(p.tolist(), acc.tolist(), got.tolist(), strict=True):
        assert result == oracle.round32(Fraction(x) + Fraction(y)), (x, y)
