"""verify_kernel over a stand-in for the emulator: cases, overrides, messages, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu.errors import NpuemuError, UserError
from npuemu.verify import Case, load_golden, verify_kernel
from npuemu.verify.kernel import overridden

GOLDEN = """
import numpy as np

def inputs(params, seed):
    return {"X": np.random.default_rng(seed).standard_normal(params["N"]).astype(np.float32)}

def golden(inputs, params):
    inputs["X"][:] *= 2
    return {"Y": inputs["X"]}

def _plant(inputs):
    inputs["X"][0] = 100.0

def cases():
    return [{"name": "default", "params": {}}, {"name": "long", "params": {"N": 9}},
            {"name": "planted", "params": {}, "edit": _plant}]
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    folder = tmp_path / "twice"
    folder.mkdir()
    (folder / "golden.py").write_text(GOLDEN)
    (folder / "kernel.npu").write_text("; none\n")
    return folder / "kernel.npu"


class FakeApi:
    """Stands in for npuemu.api: doubles X, with a fault on demand."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.seen: list[dict[str, Any]] = []

    def load(self, kernel: Any, *, machine: Any = None, blocks: int = 1, **params: int) -> Any:
        if "Q" in params:
            raise UserError("no parameter 'Q'")
        return SimpleNamespace(params={"N": 4, **params})

    def run(self, program: Any, *, inputs: Any, **options: Any) -> Any:
        self.seen.append({**program.params, **options})
        if self.fault == "deadlock":
            raise NpuemuError("kernel.npu:3: deadlock")
        y = inputs["X"] * 2
        if self.fault == "bit" and y[0] == 200.0:
            y.view(np.uint32)[0] ^= 1
        error = {"code": "E1", "severity": "error", "message": "race", "where": "kernel.npu:7"}
        found = [error] if self.fault == "race" else []
        return SimpleNamespace(outputs={"Y": y}, cycles=10, report={"diagnostics": found})


def _use(monkeypatch: pytest.MonkeyPatch, api: FakeApi) -> FakeApi:
    monkeypatch.setitem(sys.modules, "npuemu.api", api)  # type: ignore[arg-type]
    monkeypatch.setattr(npuemu, "api", api, raising=False)
    return api


def test_every_case_and_seed_once(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = _use(monkeypatch, FakeApi())
    results = list(verify_kernel(kernel, blocks=2, threads=2, seeds=(5, 6)))
    assert [(r.name, r.seed) for r in results] == [
        ("default", 5), ("default", 6), ("long", 5), ("long", 6), ("planted", 5),
    ]  # fmt: skip
    assert all(r.ok and r.cycles == 10 and r.difference is None for r in results)
    assert [r.params["N"] for r in results] == [4, 4, 9, 9, 4]
    assert [r.case for r in results][1:3] == ["default (seed 6)", "long (N=9, seed 5)"]
    assert all(s["blocks"] == 2 and s["threads"] == 2 for s in api.seen)


def test_a_wrong_bit_is_described(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, FakeApi("bit"))
    results = list(verify_kernel(kernel.parent, seeds=(0,)))
    assert [r.ok for r in results] == [True, True, False]
    assert results[-1].difference is not None
    assert results[-1].difference.startswith("Y[0] is 200.000015 (0x43480001), expected 200 ")


@pytest.mark.parametrize(
    ("fault", "words"),
    [("deadlock", "kernel.npu:3: deadlock"), ("race", "kernel.npu:7: E1: race")],
)
def test_failed_runs_are_results(
    kernel: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    _use(monkeypatch, FakeApi(fault))
    result = next(verify_kernel(kernel))
    assert not result.ok and result.difference == words
    assert (result.cycles is None) == (fault == "deadlock")


def test_params_override_and_repetitions_go(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, FakeApi())
    results = list(verify_kernel(kernel, params={"N": 3}, seeds=(0,)))
    assert [(r.name, r.params["N"]) for r in results] == [("default", 3), ("planted", 3)]
    with pytest.raises(UserError, match="no parameter 'Q'"):
        next(verify_kernel(kernel, params={"Q": 1}))


def test_overridden_keeps_planted_cases() -> None:
    planted = Case("planted", {"N": 1}, lambda _: None)
    found = overridden([Case("a"), Case("b", {"N": 2}), planted], {"N": 7})
    assert [c.name for c in found] == ["a", "planted"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def inputs(p, s): return {}", "defines no function golden()"),
        ("import nonsense_of_no_module", "fails to load: ModuleNotFoundError"),
        (GOLDEN + "\ndef cases(): return [{'params': {}}]", "a case has name"),
        (GOLDEN + "\ndef cases(): return [{'name': 'x', 'param': 1}]", "and no param"),
    ],
)
def test_bad_definitions_are_refused(kernel: Path, text: str, words: str) -> None:
    (kernel.parent / "golden.py").write_text(text)
    with pytest.raises(UserError) as caught:
        load_golden(kernel)
    assert words in str(caught.value)


def test_a_definition_that_fails_is_placed(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(monkeypatch, FakeApi())
    path = kernel.parent / "golden.py"
    path.write_text("def inputs(p, s): return {}\ndef golden(t, p):\n    return {'Z': 1 / 0}\n")
    with pytest.raises(UserError) as caught:
        list(verify_kernel(kernel))
    assert str(caught.value).startswith(f"{path}:3 fails at default (seed 0): ZeroDivisionError: ")


def test_absent_kernel_and_definition(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no kernel 'gemm_bf17'"):
        load_golden("gemm_bf17")
    with pytest.raises(UserError, match=r"has no golden\.py"):
        load_golden(tmp_path)


def test_bundled_definitions_load_by_name() -> None:
    assert {case.name for case in load_golden("gemm_bf16").cases} >= {"default shape", "one row"}


def test_import_brings_no_numba() -> None:
    code = "import sys, npuemu.verify; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
