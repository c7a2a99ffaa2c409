"""The golden definitions of int8 activations against scalar evaluations in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import golden_oracle as oracle
import numpy as np
import pytest
from golden_loader import golden

SHAPE = {"M": 10, "N": 16, "K": 64, "G": 3}
KERNELS = ("quantize_int8", "quantize_int8_msd", "gemm_w8a8", "gemm_w8a8_grouped")
FLOOR = oracle.round32(Fraction(1, 2**100))
NAN_BF16 = 0x7FC0

Row = list[int]


def _a_rows(inputs: dict[str, Any]) -> list[Row]:
    """A as float32 patterns."""
    return [[int(x) << 16 for x in row] for row in inputs["A"].view(np.uint16)]


def _largest(row: Row) -> int | None:
    """M of a row, or None where it is not finite."""
    if any(oracle.is_nan(x) or oracle.is_inf(x) for x in row):
        return None
    return max(max(x & 0x7FFFFFFF for x in row), FLOOR)


def _code(x: int, scale: int) -> int:
    """Of a finite quotient; finite rows never saturate."""
    found = oracle.rint(oracle.div(x, scale))
    assert abs(found) <= 127
    return found


def _quantize(row: Row) -> tuple[Row, int]:
    """Codes of a row and its scale."""
    largest = _largest(row)
    if largest is None:
        return [0] * len(row), oracle.NAN32
    scale = oracle.div(largest, oracle.from_int(127))
    return [_code(x, scale) for x in row], scale


def _split(row: Row) -> tuple[Row, Row, int]:
    """Both codes of a row and the scale of the second."""
    largest = _largest(row)
    if largest is None:
        return [0] * len(row), [0] * len(row), oracle.NAN32
    s1, s2 = (oracle.div(largest, oracle.from_int(x)) for x in (127, 32258))
    high = [_code(x, s1) for x in row]
    rest = [oracle.fma(oracle.from_int(-254 * h), s2, x) for h, x in zip(high, row, strict=True)]
    return high, [_code(x, s2) for x in rest], s2


def _gemm_row(row: Row, w: Any, w_scale: Any) -> Row:
    """A row of C as bf16 patterns."""
    codes, scale = _quantize(row)
    if scale == oracle.NAN32:
        return [NAN_BF16] * len(w)
    sums = (sum(q * int(x) for q, x in zip(codes, line, strict=True)) for line in w)
    bits = w_scale.view(np.uint32)
    return [
        oracle.bf16(oracle.mul(oracle.mul(oracle.from_int(total), scale), int(s)))
        for total, s in zip(sums, bits, strict=True)
    ]


def _quantized(inputs: dict[str, Any]) -> dict[str, Any]:
    parts = [_quantize(row) for row in _a_rows(inputs)]
    return {"codes": [p[0] for p in parts], "scale": [p[1] for p in parts]}


def _parts(inputs: dict[str, Any]) -> dict[str, Any]:
    parts = [_split(row) for row in _a_rows(inputs)]
    return {name: [p[i] for p in parts] for i, name in enumerate(("h", "l", "s2"))}


def _gemm(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"C": [_gemm_row(row, inputs["W"], inputs["w_scale"]) for row in _a_rows(inputs)]}


def _grouped(inputs: dict[str, Any]) -> dict[str, Any]:
    owners = [g for g, size in enumerate(inputs["group_sizes"]) for _ in range(size)]
    w, scale = inputs["W"], inputs["w_scale"]
    found = []
    for i, row in enumerate(_a_rows(inputs)):
        inside = i < len(owners)
        nothing = [0xFFFF] * w.shape[1]
        found.append(_gemm_row(row, w[owners[i]], scale[owners[i]]) if inside else nothing)
    return {"C": found}


ORACLES = dict(zip(KERNELS, (_quantized, _parts, _gemm, _grouped), strict=True))
UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def _edited_cases() -> list[Any]:
    return [
        pytest.param(kernel, case, id=f"{kernel}-{case['name']}")
        for kernel in KERNELS
        for case in [{"name": "as drawn"}, *golden(kernel).cases()]
        if "edit" in case or case["name"] == "as drawn"
    ]


@pytest.mark.parametrize(("kernel", "case"), _edited_cases())
def test_golden_equals_the_scalar_formula(kernel: str, case: dict[str, Any]) -> None:
    module = golden(kernel)
    inputs = module.inputs(SHAPE, 11)
    case.get("edit", lambda _: None)(inputs)
    got = module.golden(inputs, SHAPE)
    want = ORACLES[kernel](inputs)
    assert got.keys() == want.keys()
    for name, value in got.items():
        unsigned = UNSIGNED[value.dtype.itemsize]
        bits = (np.array(want[name], np.int64) & np.iinfo(unsigned).max).astype(unsigned)
        assert np.array_equal(value.view(unsigned), bits), name


@pytest.mark.parametrize("kernel", KERNELS)
def test_inputs_follow_params_and_seed(kernel: str) -> None:
    module = golden(kernel)
    first, again, other = (module.inputs(SHAPE, seed) for seed in (3, 3, 4))
    assert first["A"].shape == (10, 64)
    for name, value in first.items():
        assert value.tobytes() == again[name].tobytes()
        assert name == "group_sizes" or value.tobytes() != other[name].tobytes()


@pytest.mark.parametrize("kernel", KERNELS)
def test_cases_are_legal(kernel: str) -> None:
    cases = golden(kernel).cases()
    assert len(cases) >= 20
    assert len({case["name"] for case in cases}) == len(cases)
    shapes = [case["params"] for case in cases if case["params"]]
    assert all(s.get("K", 32) % 32 == 0 and s.get("N", 16) % 16 == 0 for s in shapes)


def test_a_group_has_no_more_rows_than_are_left() -> None:
    module = golden("gemm_w8a8_grouped")
    inputs = module.inputs(SHAPE, 0)
    sizes = inputs["group_sizes"]
    sizes[:] = (7, 9, 4)
    clamped = module.golden(inputs, SHAPE)["C"].copy()
    sizes[:] = (7, 3, 0)
    assert clamped.tobytes() == module.golden(inputs, SHAPE)["C"].tobytes()
