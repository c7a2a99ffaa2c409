"""Models beside the emulation in the study: that both kinds of difference fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from npuemu import models
from npuemu.reproduce import model_errors
from npuemu.reproduce.model_errors import ModelErrors


def test_models_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(model_errors.SWEEPS, "gemm", model_errors.Sweep({"N": 2048, "K": 2048}))
    section, estimate = ModelErrors((16, 256)), models.estimate
    first, second = section.compare("gemm_bf16", "ascend910b1").rows
    assert first.verdict == second.verdict == "holds" and "traffic equal" in first.where

    def off(kernel: str, machine: str, **shape: Any) -> models.Estimate:
        right = estimate(kernel, machine, **shape)
        return replace(right, cycles=right.cycles * 6 // 5)

    monkeypatch.setattr(model_errors.models, "estimate", off)
    assert section.compare("gemm_bf16", "ascend910b1").rows[0].verdict == "FAILS"

    def moved(kernel: str, machine: str, **shape: Any) -> models.Estimate:
        return models.Estimate(1, {"A": (0, 0)}, {})

    monkeypatch.setattr(model_errors.models, "estimate", moved)
    row = ModelErrors((16,)).compare("gemm_bf16", "ascend910b1").rows[0]
    assert row.verdict == "FAILS" and "TRAFFIC DIFFERS" in row.where
