"""MX quantisation, the MX GEMM and gemm_w4a8 of the golden definitions against fractions."""

from __future__ import annotations

import time
from typing import Any

import golden_oracle as oracle
import ml_dtypes
import mx_oracle
import numpy as np
import pytest
from golden_loader import golden, load_shared

mx = load_shared("golden_mx")
BF16 = np.dtype(ml_dtypes.bfloat16)
SHAPE = {"M": 9, "N": 16, "K": 64}


def _bits(a: np.ndarray) -> list[list[int]]:
    """bf16 [M, K] -> float32 patterns."""
    return [[int(x) << 16 for x in row] for row in a.view(np.uint16)]


def _activations() -> np.ndarray:
    """bf16 [M, 64]: all bit patterns, blocks of similar size, every exponent, ties, specials."""
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 1 << 16, (160, 64), np.uint16)
    bits[:100] = (bits[:100] & 0x807F) | (rng.integers(1, 12, (100, 64)) << 7).astype(np.uint16)
    exponents = np.linspace(0, 243, 100).astype(np.uint16)
    bits[:100] += exponents[:, None] << 7
    bits[:4] &= 0x807F  # subnormal rows
    bits[4], bits[5, ::2], bits[6, 1::2] = 0, 0x8000, 0
    bits[7, 40] = 0x7F80
    bits[8, 3], bits[9, 31] = 0xFF81, 0xFF80
    steps = (np.arange(64 * 16).reshape(16, 64) % 513 - 256) / 256.0
    bits[140:156] = steps.astype(np.float32).astype(BF16).view(np.uint16)
    bits[140:156, ::32] = 0x3F80
    return bits.view(BF16)


def _oracle_blocks(a: np.ndarray, quantise: Any) -> list[list[Any]]:
    """quantise(block of 32 patterns) for every block, [M][K / 32]."""
    return [[quantise(row[k : k + 32]) for k in range(0, len(row), 32)] for row in _bits(a)]


def test_e2m1_and_e4m3_values_are_their_definitions() -> None:
    got = mx.e2m1_values(np.arange(16, dtype=np.uint8)).tolist()
    assert got == [mx_oracle.element(mx_oracle.E2M1, 8, code) for code in range(16)]
    assert np.signbit(got[8]) and not np.signbit(got[0])
    for code, value in enumerate(mx.e4m3_values(np.arange(256, dtype=np.uint8)).tolist()):
        expected = mx_oracle.element(mx_oracle.E4M3, 128, code)
        assert np.isnan(value) if expected is None else value == expected
    scales = mx.e8m0_values(np.array([0, 127, 254, 255], np.uint8)).tolist()
    assert scales[:3] == [2.0**-127, 1.0, 2.0**127] and np.isnan(scales[3])


def test_mxfp4_passes_equal_fractions() -> None:
    a = _activations()
    high, high_scale, low, low_scale = mx.split_mxfp4(a)
    codes, scale = mx.quantize_mxfp4(a)
    assert np.array_equal(codes, high) and np.array_equal(scale, high_scale)
    for i, row in enumerate(_oracle_blocks(a, mx_oracle.mxfp4)):
        assert high[i].tolist() == [code for block in row for code in block[0]], i
        assert low[i].tolist() == [code for block in row for code in block[2]], i
        assert high_scale[i].tolist() == [block[1] for block in row]
        assert low_scale[i].tolist() == [block[3] for block in row]


def test_mxfp8_equals_fractions() -> None:
    a = _activations()
    codes, scale = mx.quantize_mxfp8(a)
    for i, row in enumerate(_oracle_blocks(a, mx_oracle.mxfp8)):
        assert codes[i].tolist() == [code for block in row for code in block[0]], i
        assert scale[i].tolist() == [block[1] for block in row]


@pytest.mark.parametrize("passes", [1, 2])
def test_mxfp4_errors_keep_their_bound(passes: int) -> None:
    """One pass leaves at most alpha / 8, two at most alpha / 64; both bounds are reached."""
    a = np.random.default_rng(2).uniform(-1, 1, (400, 64)).astype(np.float32).astype(BF16)
    a[:, ::32] = 1.0
    high, scale, low, low_scale = mx.split_mxfp4(a)
    wide = [np.repeat(mx.e8m0_values(s), 32, axis=1) for s in (scale, low_scale)]
    got = mx.e2m1_values(high) * wide[0]
    if passes == 2:
        got = got + mx.e2m1_values(low) * wide[1]
    worst = np.abs(got - a.astype(np.float64)).max()
    bound = 1 / 8 if passes == 1 else 1 / 64
    assert bound * 0.95 < worst <= bound


def _random_operands(seed: int, formats: tuple[str, str], rows: int) -> list[Any]:
    """(table, sign bit, codes [rows, 96], scales [rows, 3]) of both sides; scales interact."""
    rng = np.random.default_rng(seed)
    sides = []
    for name, mean in zip(formats, ((127, 127), (60, 48), (190, 190))[seed % 3], strict=True):
        table, sign = (mx_oracle.E2M1, 8) if name == "e2m1" else (mx_oracle.E4M3, 128)
        codes = rng.integers(0, 2 * sign, (rows, 96), np.uint8)
        if name == "e4m3":
            codes[codes & 0x7F == 0x7F] = 0x7E
        scales = (mean + rng.integers(-14, 14, (rows, 3))).astype(np.uint8)
        scales[0], scales[1] = (0, 254, 127), (254, 0, 1)
        sides.append((table, sign, codes, scales))
    return sides


def _values(codes: np.ndarray, sign: int) -> np.ndarray:
    return mx.e2m1_values(codes) if sign == 8 else mx.e4m3_values(codes)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("formats", [("e4m3", "e2m1"), ("e4m3", "e4m3"), ("e2m1", "e2m1")])
def test_mx_gemm_rounds_once_a_block(formats: tuple[str, str], seed: int) -> None:
    (ta, sa, a, ea), (tw, sw, w, ew) = _random_operands(seed, formats, 12)
    start = np.random.default_rng(seed).standard_normal((12, 12)).astype(np.float32)
    start[0], start[1], start[2] = 0.0, np.inf, 3e38
    kept = start.copy()
    got = mx.mx_gemm(_values(a, sa), ea, _values(w, sw), ew, start).view(np.uint32)
    assert start.tobytes() == kept.tobytes()
    for i in range(12):
        for j in range(12):
            acc = int(start[i, j].view(np.uint32))
            for g in range(3):
                k = slice(32 * g, 32 * g + 32)
                x = [mx_oracle.element(ta, sa, code) for code in a[i, k].tolist()]
                y = [mx_oracle.element(tw, sw, code) for code in w[j, k].tolist()]
                acc = mx_oracle.accumulate(acc, x, int(ea[i, g]), y, int(ew[j, g]))
            assert got[i, j] == acc, (i, j)


def test_mx_gemm_where_a_float64_sum_would_round_twice() -> None:
    """A dot of 2**22 + 2**-18 times 2**-23 is a hair above half an ulp of the accumulator 2**23."""
    a, w = (np.zeros((1, 32), np.float64) for _ in range(2))
    a[0, :23] = [448.0] * 20 + [256.0, 256.0, 2.0**-9]
    w[0, :23] = [448.0] * 20 + [448.0, 256.0, 2.0**-9]
    assert (a @ w.T)[0, 0] == 2.0**22 + 2.0**-18
    scales = np.array([[127]], np.uint8), np.array([[127 - 23]], np.uint8)
    start = np.full((1, 1), 2.0**23, np.float32)
    assert mx.mx_gemm(a, scales[0], w, scales[1], start)[0, 0] == 2.0**23 + 1
    twice = np.float32((a @ w.T)[0, 0] * 2.0**-23 + 2.0**23)
    assert twice == 2.0**23, "the plain float64 sum would not have been caught"


def test_mx_gemm_continues_an_accumulator() -> None:
    """Blocks given one by one, or all at once: the same chain."""
    (_, _, a, ea), (_, _, w, ew) = _random_operands(0, ("e4m3", "e2m1"), 20)
    wide = mx.e4m3_values(a), mx.e2m1_values(w)
    acc = None
    for g in range(3):
        k = slice(32 * g, 32 * g + 32)
        acc = mx.mx_gemm(wide[0][:, k], ea[:, g : g + 1], wide[1][:, k], ew[:, g : g + 1], acc)
    assert acc.tobytes() == mx.mx_gemm(wide[0], ea, wide[1], ew).tobytes()


def _w4a8_rows(inputs: dict[str, Any]) -> list[list[int]]:
    """gemm_w4a8 element by element: bf16 patterns [M][N]."""
    w = [[mx_oracle.element(mx_oracle.E2M1, 8, c) for c in row] for row in inputs["W"].tolist()]
    rows = []
    for blocks in _oracle_blocks(inputs["A"], mx_oracle.mxfp8):
        values = [[mx_oracle.element(mx_oracle.E4M3, 128, c) for c in b[0]] for b in blocks]
        out = []
        for weights, scales in zip(w, inputs["W_scale"].tolist(), strict=True):
            acc = 0
            for g, (a, block) in enumerate(zip(values, blocks, strict=True)):
                part = weights[32 * g : 32 * g + 32]
                acc = mx_oracle.accumulate(acc, a, block[1], part, scales[g])
            out.append(oracle.bf16(acc))
        rows.append(out)
    return rows


W4A8 = golden("gemm_w4a8")
EDITED = [{"name": "as drawn"}, *(case for case in W4A8.cases() if "edit" in case)]


@pytest.mark.parametrize("case", EDITED, ids=lambda case: case["name"])
def test_w4a8_equals_the_scalar_definition(case: dict[str, Any]) -> None:
    inputs = W4A8.inputs(SHAPE, 11)
    case.get("edit", lambda _: None)(inputs)
    got = W4A8.golden(inputs, SHAPE)["C"].view(np.uint16)
    assert np.array_equal(got, np.array(_w4a8_rows(inputs), np.uint16))


def test_w4a8_is_near_the_product_of_its_operands() -> None:
    """Relative L2 error of normal data: E4M3 with scale alpha / 256 gives 5.2 bits, about 2.7 %."""
    params = {"M": 64, "N": 64, "K": 1024}
    inputs = W4A8.inputs(params, 1)
    weights = mx.e2m1_values(inputs["W"]) * np.repeat(mx.e8m0_values(inputs["W_scale"]), 32, axis=1)
    exact = inputs["A"].astype(np.float64) @ weights.T
    got = W4A8.golden(inputs, params)["C"].astype(np.float64)
    assert 0.02 < np.linalg.norm(got - exact) / np.linalg.norm(exact) < 0.035


def test_w4a8_inputs_and_cases() -> None:
    first, again, other = (W4A8.inputs(SHAPE, seed) for seed in (3, 3, 4))
    assert first["A"].shape == (9, 64) and first["W"].shape == (16, 64)
    assert first["W_scale"].shape == (16, 2) and W4A8.inputs({}, 0)["A"].shape == (256, 256)
    for name, value in first.items():
        assert value.tobytes() == again[name].tobytes() != other[name].tobytes()
    cases = W4A8.cases()
    assert len({case["name"] for case in cases}) == len(cases) >= 20
    assert cases[0]["params"] == {}
    for case in cases:
        params = case["params"]
        assert not params or (params["N"] % 16 == 0 and params["K"] % 64 == 0)
        before, after = (W4A8.inputs(params, 0) for _ in range(2))
        case.get("edit", lambda _: None)(after)
        changed = any(before[n].tobytes() != after[n].tobytes() for n in before)
        assert changed == ("edit" in case), case["name"]
        for name in before:
            assert before[name].dtype == after[name].dtype
            assert before[name].shape == after[name].shape
        start = time.process_time()
        W4A8.golden(after, params)
        assert time.process_time() - start < 1.0
