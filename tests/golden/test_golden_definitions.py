"""Each golden definition against a scalar evaluation of its formula in exact fractions."""

from __future__ import annotations

import ast
import time
from fractions import Fraction
from typing import Any

import golden_oracle as oracle
import numpy as np
import pytest
from golden_loader import KERNELS, MX, PROGRAMS, golden

SHAPE = {"M": 10, "N": 16, "K": 64}
F32_127, F32_254, F32_32258 = (oracle.from_int(x) for x in (127, 254, 32258))
FLOOR = oracle.round32(Fraction(1, 2**100))


def _a_bits(inputs: dict[str, Any]) -> list[list[int]]:
    """A as float32 patterns."""
    return [[int(x) << 16 for x in row] for row in inputs["A"].view(np.uint16)]


def _chain(a: list[int], w: list[int]) -> int:
    acc = 0
    for x, y in zip(a, w, strict=True):
        acc = oracle.fma(x, y, acc)
    return acc


def _bf16_rows(inputs: dict[str, Any]) -> list[list[int]]:
    w = [[int(x) << 16 for x in row] for row in inputs["W"].view(np.uint16)]
    return [[oracle.bf16(_chain(a, row)) for row in w] for a in _a_bits(inputs)]


def _dequant_rows(inputs: dict[str, Any]) -> list[list[int]]:
    scale = [int(x) for x in inputs["w_scale"].view(np.uint32)]
    w = [
        [oracle.bf16(oracle.mul(oracle.from_int(int(x)), s)) << 16 for x in row]
        for row, s in zip(inputs["W"], scale, strict=True)
    ]
    return [[oracle.bf16(_chain(a, row)) for row in w] for a in _a_bits(inputs)]


def _lift_rows(inputs: dict[str, Any]) -> list[list[int]]:
    scale = [int(x) for x in inputs["w_scale"].view(np.uint32)]
    w = [[oracle.from_int(int(x)) for x in row] for row in inputs["W"]]
    return [
        [oracle.bf16(oracle.mul(_chain(a, row), s)) for row, s in zip(w, scale, strict=True)]
        for a in _a_bits(inputs)
    ]


def _msd_split(row: list[int]) -> tuple[list[int], list[int], int] | None:
    """(h, l, s2) of one row of A, or None for a row that is not finite."""
    if any(oracle.is_nan(x) or oracle.is_inf(x) for x in row):
        return None
    largest = max(max(x & 0x7FFFFFFF for x in row), FLOOR)
    s1, s2 = oracle.div(largest, F32_127), oracle.div(largest, F32_32258)
    high = [oracle.rint(oracle.div(x, s1)) for x in row]
    rest = [oracle.fma(oracle.from_int(-254 * h), s2, x) for h, x in zip(high, row, strict=True)]
    low = [oracle.rint(oracle.div(r, s2)) for r in rest]
    assert all(abs(x) <= 127 for x in high + low), "a finite row must never saturate"
    return high, low, s2


def _msd_rows(inputs: dict[str, Any]) -> list[list[int]]:
    scale = [int(x) for x in inputs["w_scale"].view(np.uint32)]
    rows = []
    for a in _a_bits(inputs):
        parts = _msd_split(a)
        if parts is None:
            rows.append([0x7FC0] * len(scale))
            continue
        high, low, s2 = parts
        out = []
        for w, s in zip(inputs["W"], scale, strict=True):
            hw, lw = (sum(int(x) * int(y) for x, y in zip(v, w, strict=True)) for v in (high, low))
            joined = oracle.fma(oracle.from_int(hw), F32_254, oracle.from_int(lw))
            out.append(oracle.bf16(oracle.mul(oracle.mul(joined, s2), s)))
        rows.append(out)
    return rows


E2M1 = [Fraction(x, 2) for x in (0, 1, 2, 3, 4, 6, 8, 12)]
E2M1 += [-x for x in E2M1]


def _mx_element(a: Any, ea: Any, w: Any, ew: Any) -> int:
    """One output of the MXFP4 GEMM as a bf16 pattern."""
    acc = 0
    for block, (x, y) in enumerate(zip(ea, ew, strict=True)):
        if int(x) == 255 or int(y) == 255 or oracle.is_nan(acc):
            acc = oracle.NAN32
            continue
        k = range(32 * block, 32 * block + 32)
        dot = sum((E2M1[int(a[i])] * E2M1[int(w[i])] for i in k), Fraction(0))
        if not oracle.is_inf(acc):
            exact = dot * Fraction(2) ** (int(x) + int(y) - 254)
            acc = oracle.round32(exact + oracle.value(acc))
    return oracle.bf16(acc)


def _mx_rows(inputs: dict[str, Any]) -> list[list[int]]:
    a, w, ea, ew = (inputs[n] for n in ("A", "W", "A_scale", "W_scale"))
    return [[_mx_element(a[i], ea[i], w[j], ew[j]) for j in range(len(w))] for i in range(len(a))]


def _mx_weight(code: int, e: int) -> int:
    """A lifted MXFP4 weight as a float32 pattern that holds a bf16 value."""
    if e == 255:
        return oracle.NAN32
    magnitude = E2M1[code & 7] * Fraction(2) ** (e - 127)
    return (oracle.bf16(oracle.round32(magnitude)) | (code >> 3) << 15) << 16


def _mx_lift_rows(inputs: dict[str, Any]) -> list[list[int]]:
    w = [
        [_mx_weight(int(x), int(e[k // 32])) for k, x in enumerate(row)]
        for row, e in zip(inputs["W"], inputs["W_scale"], strict=True)
    ]
    return [[oracle.bf16(_chain(a, row)) for row in w] for a in _a_bits(inputs)]


def _nearest_e2m1(x: Fraction) -> Fraction:
    """The nearest E2M1 value; of two, the one with the even code."""
    code = min(range(8), key=lambda c: (abs(E2M1[c] - abs(x)), c % 2))
    return -E2M1[code] if x < 0 else E2M1[code]


def _mx_split(block: list[int]) -> tuple[list[Fraction], list[Fraction], Fraction] | None:
    """(high values, low values, alpha) of float32 patterns, or None if one is not finite."""
    if any(oracle.is_nan(x) or oracle.is_inf(x) for x in block):
        return None
    x = [oracle.value(bits) for bits in block]
    alpha = Fraction(1, 2**122)
    while alpha < max(abs(v) for v in x):
        alpha *= 2
    high = [_nearest_e2m1(v / (alpha / 4)) for v in x]
    rest = [v - h * alpha / 4 for v, h in zip(x, high, strict=True)]
    return high, [_nearest_e2m1(r / (alpha / 32)) for r in rest], alpha


def _split_element(blocks: list[Any], w: Any, ew: Any, step: int) -> int:
    """One output of the MXFP4 GEMM with split A; ``step``: blocks of a K tile."""
    acc = 0
    for first in range(0, len(blocks), step):
        for part, scale in ((0, 4), (1, 32)):
            for block in range(first, min(first + step, len(blocks))):
                split, e = blocks[block], int(ew[block])
                if split is None or e == 255 or oracle.is_nan(acc):
                    acc = oracle.NAN32
                    continue
                codes = w[32 * block : 32 * block + 32]
                products = (a * E2M1[int(c)] for a, c in zip(split[part], codes, strict=True))
                if not oracle.is_inf(acc):
                    exact = sum(products, Fraction(0)) * split[2] / scale * Fraction(2) ** (e - 127)
                    acc = oracle.round32(exact + oracle.value(acc))
    return oracle.bf16(acc)


def _w4a16_msd_rows(inputs: dict[str, Any], step: int = 8) -> list[list[int]]:
    w, ew = inputs["W"], inputs["W_scale"]
    rows = []
    for a in _a_bits(inputs):
        blocks = [_mx_split(a[k : k + 32]) for k in range(0, len(a), 32)]
        rows.append([_split_element(blocks, w[j], ew[j], step) for j in range(len(w))])
    return rows


ORACLES = {
    "gemm_bf16": _bf16_rows,
    "gemm_w8a16_dequant": _dequant_rows,
    "gemm_w8a16_lift": _lift_rows,
    "gemm_w8a16_msd": _msd_rows,
    "gemm_w4a16_lift": _mx_lift_rows,
    "gemm_mxfp4": _mx_rows,
    "gemm_w4a16_msd": _w4a16_msd_rows,
}


@pytest.mark.parametrize("tile", [64, 128])
def test_k_tiles_order_the_passes(tile: int) -> None:
    module = golden("gemm_w4a16_msd")
    inputs = module.inputs({"M": 4, "N": 16, "K": 192}, 2)
    got = module.golden(inputs, {"TK": tile})["C"].view(np.uint16)
    assert np.array_equal(got, np.array(_w4a16_msd_rows(inputs, tile // 32), np.uint16))


def _edited_cases() -> list[Any]:
    return [
        pytest.param(kernel, case, id=f"{kernel}-{case['name']}")
        for kernel in KERNELS
        for case in [{"name": "as drawn", "params": {}}, *golden(kernel).cases()]
        if "edit" in case or case["name"] == "as drawn"
    ]


@pytest.mark.parametrize(("kernel", "case"), _edited_cases())
def test_golden_equals_the_scalar_formula(kernel: str, case: dict[str, Any]) -> None:
    module = golden(kernel)
    inputs = module.inputs(SHAPE, 11)
    case.get("edit", lambda _: None)(inputs)
    got = module.golden(inputs, SHAPE)["C"].view(np.uint16)
    assert np.array_equal(got, np.array(ORACLES[kernel](inputs), np.uint16))


@pytest.mark.parametrize("kernel", KERNELS)
def test_inputs_follow_params_and_seed(kernel: str) -> None:
    module = golden(kernel)
    first, again, other = (module.inputs(SHAPE, seed) for seed in (3, 3, 4))
    assert first["A"].shape == (10, 64) and first["W"].shape == (16, 64)
    for name, value in first.items():
        assert value.tobytes() == again[name].tobytes()
        assert value.tobytes() != other[name].tobytes()
    assert module.inputs({}, 0)["A"].shape == (256, 256)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cases_are_legal_and_cover_the_shapes(kernel: str) -> None:
    cases = golden(kernel).cases()
    unit = 64 if kernel in MX else 32
    assert len({case["name"] for case in cases}) == len(cases)
    shapes = [case["params"] for case in cases if case["params"]]
    assert all(s["N"] % 16 == 0 and s["K"] % unit == 0 and s["M"] >= 1 for s in shapes)
    assert {1, 17, 130} <= {s["M"] for s in shapes}
    assert any(s["N"] == 16 for s in shapes) and any(s["K"] == unit for s in shapes)
    assert cases[0]["params"] == {}


@pytest.mark.parametrize("kernel", KERNELS)
def test_edits_change_the_inputs_and_keep_their_types(kernel: str) -> None:
    module = golden(kernel)
    for case in module.cases():
        if "edit" not in case:
            continue
        before, after = (module.inputs(case["params"], 0) for _ in range(2))
        case["edit"](after)
        assert any(before[n].tobytes() != after[n].tobytes() for n in before), case["name"]
        for name in before:
            assert before[name].dtype == after[name].dtype
            assert before[name].shape == after[name].shape


def test_definitions_do_not_import_the_emulator() -> None:
    for path in PROGRAMS.rglob("golden*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "npuemu" for name in names), path


@pytest.mark.parametrize("kernel", KERNELS)
def test_default_shape_takes_less_than_two_seconds(kernel: str) -> None:
    module = golden(kernel)
    inputs = module.inputs({}, 0)
    start = time.process_time()
    module.golden(inputs, {})
    assert time.process_time() - start < 2.0
