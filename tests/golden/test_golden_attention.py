"""The attention golden definitions against a scalar restatement, bit for bit, and by properties."""

from __future__ import annotations

import sys
import time
from typing import Any

import attention_oracle
import golden_oracle as oracle
import numpy as np
import pytest
from golden_loader import golden

KERNELS = ("attn_bf16", "attn_kv8_dequant", "attn_kv8_lift", "attn_kv8_msd")
TINY = {"H": 2, "NQ": 5, "G": 2, "KV": 9, "D": 8, "CAUSAL": 0, "TM": 3, "TK": 4}
LONG = {"H": 1, "NQ": 1, "G": 2, "KV": 203, "D": 2, "CAUSAL": 0, "TM": 16, "TK": 131}


def _words(module: Any, inputs: dict[str, Any], params: dict[str, int]) -> np.ndarray:
    return module.golden(inputs, params)["O"].view(np.uint16)


def _cases() -> list[Any]:
    """Every case with its own values at a tiny shape; the drawn values also causal and long."""
    found = []
    for kernel in KERNELS:
        drawn = [("as drawn", TINY), ("causal", TINY | {"CAUSAL": 1}), ("long", LONG)]
        found += [pytest.param(kernel, {}, p, id=f"{kernel}-{name}") for name, p in drawn]
        for case in golden(kernel).cases():
            if "edit" in case:
                params = TINY | {"CAUSAL": case["params"].get("CAUSAL", 0)}
                found.append(pytest.param(kernel, case, params, id=f"{kernel}-{case['name']}"))
    return found


@pytest.mark.parametrize(("kernel", "case", "params"), _cases())
def test_golden_equals_the_scalar_definition(
    kernel: str, case: dict[str, Any], params: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The float32 value before the last rounding too: bf16 hides most of what may go wrong."""
    module = golden(kernel)
    inputs = module.inputs(params, 11)
    case.get("edit", lambda _: None)(inputs)
    want = np.array(attention_oracle.attention(kernel, inputs, params))
    rounded = [oracle.bf16(x) for x in want.reshape(-1).tolist()]
    assert np.array_equal(_words(module, inputs, params).reshape(-1), np.array(rounded, np.uint16))
    monkeypatch.setattr(module, "attend", sys.modules["golden_attention"].attend32)
    wide = module.golden(inputs, params)["O"].reshape(want.shape)
    words = np.where(np.isnan(wide), np.uint32(oracle.NAN32), wide.view(np.uint32))
    assert np.array_equal(words, want)


@pytest.mark.parametrize("kernel", KERNELS)
def test_row_tiles_move_no_bit_of_finite_inputs_and_kv_tiles_do(kernel: str) -> None:
    module = golden(kernel)
    for causal in (0, 1):
        params = TINY | {"NQ": 20, "KV": 90, "D": 32, "CAUSAL": causal, "TM": 64, "TK": 64}
        inputs = module.inputs(params, 2)
        want = _words(module, inputs, params)
        for tm in (1, 7, 16):
            assert np.array_equal(_words(module, inputs, params | {"TM": tm}), want)
        assert not np.array_equal(_words(module, inputs, params | {"TK": 32}), want)


def test_a_hidden_value_counts_where_its_tile_is_visited() -> None:
    """Query 0 does not see key 1, whose value is Inf: 0 * Inf = NaN if the two share a KV tile, or
    if a row of the same row tile makes it visit the next one.
    """
    module = golden("attn_bf16")
    params = {"H": 1, "NQ": 2, "G": 1, "KV": 2, "D": 32, "CAUSAL": 1, "TM": 1, "TK": 1}
    inputs = module.inputs(params, 0)
    inputs["V"][0, 1, 5] = np.inf
    nan = {}
    for tm, tk in ((1, 1), (2, 1), (1, 2)):
        out = module.golden(inputs, params | {"TM": tm, "TK": tk})["O"].astype(np.float32)
        nan[tm, tk] = np.isnan(out[0, 0, 0]).nonzero()[0].tolist()
        assert np.isinf(out[0, 1, 0, 5])
    assert nan == {(1, 1): [], (2, 1): [5], (1, 2): [5]}


@pytest.mark.parametrize("kernel", KERNELS)
def test_keys_beyond_the_length_do_not_matter(kernel: str) -> None:
    module = golden(kernel)
    params = TINY | {"KV": 40, "D": 32}
    inputs = module.inputs(params, 4)
    inputs["kv_len"][:] = [17, 0]
    before = _words(module, inputs, params).copy()
    for name in inputs.keys() & {"K", "V", "K8", "V8"}:
        inputs[name][0, 17:] = -5
        inputs[name][1] = 7
    assert np.array_equal(_words(module, inputs, params), before)
    assert not before[1].any() and before[0].any()


@pytest.mark.parametrize("kernel", KERNELS)
def test_inputs_follow_params_and_seed(kernel: str) -> None:
    module = golden(kernel)
    first, again, other = (module.inputs(TINY, seed) for seed in (3, 3, 4))
    assert first["Q"].shape == (2, 5, 2, 8) and first["kv_len"].tolist() == [9, 9]
    for name, value in first.items():
        assert value.tobytes() == again[name].tobytes()
        assert name == "kv_len" or value.tobytes() != other[name].tobytes()
    assert module.inputs({}, 0)["Q"].shape == (2, 16, 1, 64)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cases_are_legal_and_cover_the_shapes(kernel: str) -> None:
    cases = golden(kernel).cases()
    assert len({case["name"] for case in cases}) == len(cases) >= 24
    assert cases[0]["params"] == {}
    shapes = [{"H": 2, "NQ": 16, "G": 1, "KV": 256, "D": 64, **case["params"]} for case in cases]
    assert {s["D"] for s in shapes} >= {32, 64, 96, 128}
    assert any(s["NQ"] * s["G"] * s["KV"] == 1 for s in shapes)
    assert any(s["H"] > 32 for s in shapes), "more heads than core groups"
    assert any(s["G"] == 8 and s["KV"] >= 1000 for s in shapes)
    assert any(s["KV"] % s.get("TK", 128) == 1 and s["KV"] > 1 for s in shapes)
    assert any(s["NQ"] * s["G"] > 2 * s.get("TM", 64) for s in shapes)
    assert any(s["NQ"] > s["KV"] and s.get("CAUSAL") for s in shapes)


@pytest.mark.parametrize("kernel", KERNELS)
def test_cases_run_quickly_and_edits_keep_types(kernel: str) -> None:
    module = golden(kernel)
    for case in module.cases():
        before, after = (module.inputs(case["params"], 0) for _ in range(2))
        case.get("edit", lambda _: None)(after)
        changed = any(before[n].tobytes() != after[n].tobytes() for n in before)
        assert changed == ("edit" in case), case["name"]
        for name in before:
            assert before[name].dtype == after[name].dtype
            assert before[name].shape == after[name].shape
        length = after["kv_len"]
        assert (0 <= length).all() and (length <= before["kv_len"]).all()
        start = time.process_time()
        out = module.golden(after, case["params"])["O"]
        assert time.process_time() - start < 1.0
        assert out.shape == before["Q"].shape
        assert not np.isnan(out.astype(np.float32)).all(), case["name"]
