"""Attention in the study: errors, the cache's traffic, and the equal-time claim."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from npuemu.reproduce import attention, equal_time
from npuemu.reproduce.attention import ATTENTIONS, DECODES, AttentionErrors, CacheTraffic
from npuemu.reproduce.equal_time import EqualTime
from npuemu.reproduce.measure import Pipe, Target, Timing
from npuemu.verify import load_golden


def test_the_reference_is_attention_in_float64() -> None:
    for which in ATTENTIONS[0], ATTENTIONS[-1]:
        inputs, exact = attention.problem(which, 40)
        q = inputs["Q"].astype(np.float64).reshape(-1, attention.DEPTH)
        if which.int8:
            stored = [
                inputs[f"{n}8"][0] * inputs[f"{n.lower()}_scale"].astype(np.float64)
                for n in ("K", "V")
            ]
        else:
            stored = [inputs[n][0].astype(np.float64) for n in ("K", "V")]
        for row, want in zip(q, exact.reshape(-1, attention.DEPTH), strict=True):
            logits = [float(row @ key) / attention.DEPTH**0.5 for key in stored[0]]
            weights = [np.exp(x) for x in logits]
            mixed = sum(w * v for w, v in zip(weights, stored[1], strict=True)) / sum(weights)
            assert np.allclose(mixed, want, rtol=1e-12)


def test_errors_are_those_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    section = AttentionErrors((64, 200))
    (row,) = section.rows(ATTENTIONS[0]).rows
    assert row.sound and row.where.endswith("bits as defined")
    golden = load_golden("attn_bf16")
    assert golden.unrounded is not None

    def moved(inputs: dict[str, Any], params: dict[str, int]) -> dict[str, Any]:
        assert golden.unrounded is not None
        return {"O": golden.unrounded(inputs, params)["O"] * np.float32(1.01)}

    monkeypatch.setattr(attention, "load_golden", lambda _: replace(golden, unrounded=moved))
    (row,) = section.rows(ATTENTIONS[0]).rows
    assert row.verdict == "FAILS" and "NOT AS DEFINED" in row.where
    (row,) = section.rows(attention.Attention("attn_none", True, "none")).rows
    assert row.verdict == "not run"


def test_cache_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of the cache's tensors over those of an int8 cache; other tensors do not count."""
    unit = 2 * 1000 * attention.DEPTH
    moved = {"attn_kv8_dequant": (1, 2, 2), "attn_kv8_msd": (2, 0, 0)}

    def run(kernel: str, **_: Any) -> Any:
        read, written, again = moved[kernel]
        tensors = {
            "K8": {"read": read * unit, "write": 0},
            "lifted_k": {"read": again * unit, "write": written * unit},
            "S_ring": {"read": 12345, "write": 12345},
        }
        report = {"traffic": {"tensors": tensors}}
        return SimpleNamespace(report=report, ok=True, cycles=5)

    listed = [SimpleNamespace(name=name, machines=("ascend910b1",)) for name in moved]
    fake = SimpleNamespace(
        list_kernels=lambda: listed, load=lambda kernel, **_: kernel, run=lambda k, **a: run(k, **a)
    )
    monkeypatch.setattr(attention, "api", fake)
    section = CacheTraffic(1000)
    rows = [section.measure("ascend910b1", decode).rows[0] for decode in DECODES]
    assert [(r.ours, r.verdict) for r in rows] == [
        ("5.00", "agrees"), ("-", "not run"), ("2.00", "agrees"), ("2.00", ""),
    ]  # fmt: skip
    assert section.ratio("ascend910b1").rows[0].verdict == "agrees"
    assert section.measure("ascend950pr", DECODES[0]).rows[0].verdict == "not run"
    assert section.ratio("ascend950pr").rows[0].verdict == "not run"
    moved["attn_kv8_dequant"] = (1, 0, 0)
    assert section.measure("ascend910b1", DECODES[0]).rows[0].verdict == "disagrees"
    assert section.ratio("ascend910b1").rows[0].verdict == "disagrees"


def test_equal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (equal_time.SPLIT, equal_time.RIVAL)
    listed = [SimpleNamespace(name=name, machines=(equal_time.MACHINE,)) for name in names]
    monkeypatch.setattr(equal_time.api, "list_kernels", lambda: listed)

    def timed(kernel: str, target: Target, shape: dict[str, int]) -> Timing:
        busy = 0.5 if kernel == equal_time.SPLIT or shape["M"] == 16 else 0.4
        pipes = [Pipe("cube M", busy, {})]
        return Timing(kernel, target, shape, 1000, 10, 10, pipes, {})

    monkeypatch.setattr(equal_time, "time_kernel", timed)
    rows = [EqualTime((16, 64)).compare(m).rows[0] for m in (16, 64)]
    assert [r.verdict for r in rows] == ["agrees", "disagrees"] and rows[1].ours == "1.250"
    monkeypatch.setattr(equal_time.api, "list_kernels", lambda: listed[:1])
    row = EqualTime((16,)).compare(16).rows[0]
    assert row.verdict == "not run" and equal_time.RIVAL in row.where
