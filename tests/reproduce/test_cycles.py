"""Cycles, crossings, and the comparison of models with the emulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import npuemu
from npuemu import models
from npuemu.reproduce import cycles, model_errors
from npuemu.reproduce.cycles import FAMILIES, Cycles, count, ranges
from npuemu.reproduce.model_errors import ModelErrors
from npuemu.reproduce.timing import Runs, Timed, twice_the_vector_rate

INT8 = FAMILIES[0]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller matrices than the study's."""
    monkeypatch.setattr(cycles, "SIZE", 512)
    monkeypatch.setattr(model_errors, "SIZE", 2048)


def test_words() -> None:
    assert (count(999), count(250_323), count(2_235_369)) == ("0.999 k", "250.3 k", "2.24 M")
    assert ranges([1, 16, 256], (1, 16, 64, 256)) == "1 .. 16, 256"


def test_cycles_and_crossings_are_those_of_runs() -> None:
    found = Cycles(Runs(), (1, 64), ()).over_rows(INT8, "ascend910b1", 2, "here", "plot")
    rows = {row.claim: row for row in found.rows}
    by_kernel = {}
    for kernel in ("gemm_w8a16_lift", "gemm_w8a16_msd"):
        runs = [
            npuemu.run(
                kernel, "ascend910b1", blocks=2, mode="timing", check=False, M=m, N=512, K=512
            )
            for m in (1, 64)
        ]
        by_kernel[kernel] = [run.cycles for run in runs]
        ours = " / ".join(count(run.cycles) for run in runs)
        assert rows[f"cycles, here: {kernel}"].ours == ours
    lift, split = by_kernel.values()
    fewer = [m for m, a, b in zip((1, 64), split, lift, strict=True) if a < b]
    row = rows["gemm_w8a16_msd takes fewer cycles than gemm_w8a16_lift, here"]
    assert row.ours == (f"at M = {ranges(fewer, (1, 64))}" if fewer else "at no M")
    names = {curve.name: curve.points for curve in found.curves}
    assert names["msd"] == ((1.0, float(split[0])), (64.0, float(split[1])))


def test_what_is_not_there_says_so() -> None:
    none = replace(INT8, kernels=("gemm_none",))
    (row,) = Cycles(Runs(), (1,), ()).over_rows(none, "ascend910b1", 1, "here", "plot").rows
    assert row.verdict == "not run" and "gemm_none" in row.claim
    assert not Cycles(Runs(), (1,), ()).layers(none, "ascend910b1").rows


def test_layers_are_ordered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "LAYERS", {"a layer": (96, 128)})
    (row,) = Cycles(Runs(), (), (17,)).layers(INT8, "ascend910b1").rows
    found = {
        cycles.short(k): npuemu.run(
            k, "ascend910b1", blocks=24, mode="timing", check=False, M=17, N=96, K=128
        ).cycles
        for k in INT8.kernels
        if "ascend910b1" in Runs().machines(k)
    }
    order = sorted(found, key=lambda name: found[name])
    assert row.ours == ", ".join(f"{name} {count(found[name])}" for name in order)


def _timed(busy: int) -> Timed:
    pipes = {"M": {"busy": busy, "stalls": {"dispatch": 5}}, "V": {"busy": 10, "stalls": {}}}
    return Timed({"cycles": 1000, "cores": [{"core": "g0.aic", "pipes": pipes}]})


def test_equal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake(Runs):
        def machines(self, kernel: str) -> tuple[str, ...]:
            return ("ascend950pr",)

        def run(self, kernel: str, *place: Any, **_: Any) -> Timed:
            return _timed(980 if kernel.endswith("msd") else 970 if place[2] == 1 else 900)

    rows = Cycles(Fake(), (1, 16), ()).equal_time().rows
    assert [r.verdict for r in rows] == ["agrees", "disagrees"]
    assert _timed(980).bound == "cube M 98%" and _timed(980).busy("aic", "M") == 980


def test_twice_the_vector_rate() -> None:
    machine = npuemu.machine("ascend950pr")
    twice = twice_the_vector_rate(machine)
    assert twice.file.timing["vdiv"].cycles == (4, 2) or twice.file.timing["vdiv"].cycles == (8, 2)
    assert twice.file.timing["mmad"] == machine.file.timing["mmad"]
    program = npuemu.assemble(
        ".kernel v\n.machines ascend950pr\n.section vector\nli r1, 0\nli r2, 0x8000\n"
        "vadds.f32 r2, r1, r1, rep=200\nhalt\n"
    )
    runs = [npuemu.run(program, m, mode="timing", check=False) for m in (machine, twice)]
    assert 90 <= runs[0].cycles - runs[1].cycles <= 100


def test_models_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    section, estimate = ModelErrors(Runs(), (16, 256)), models.estimate
    first, second = section.compare("gemm_bf16", "ascend910b1").rows
    assert first.verdict == second.verdict == "holds" and "traffic equal" in first.where

    def off(kernel: str, machine: str, **shape: int) -> models.Estimate:
        right = estimate(kernel, machine, **shape)
        return replace(right, cycles=right.cycles * 6 // 5)

    monkeypatch.setattr(model_errors.models, "estimate", off)
    assert section.compare("gemm_bf16", "ascend910b1").rows[0].verdict == "FAILS"

    def moved(kernel: str, machine: str, **shape: int) -> models.Estimate:
        return models.Estimate(1, {"A": (0, 0)}, {})

    monkeypatch.setattr(model_errors.models, "estimate", moved)
    row = ModelErrors(Runs(), (16,)).compare("gemm_bf16", "ascend910b1").rows[0]
    assert row.verdict == "FAILS" and "TRAFFIC DIFFERS" in row.where
