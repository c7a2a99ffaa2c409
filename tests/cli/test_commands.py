"""The other commands, through the same entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import npuemu
from npuemu.asm.binary import dump
from tests.cli.conftest import Result
from tests.cli.fake_api import PROGRAM, FakeApi

Npu = Callable[..., Result]


def test_no_arguments_shows_the_help(npu: Npu) -> None:
    status, out, err = npu()
    assert (status, err) == (0, "")
    for command in (
        "run",
        "diff",
        "asm",
        "dis",
        "check",
        "verify",
        "list",
        "machines",
        "isa",
        "explain",
    ):
        assert f"\n  {command} " in out


def test_version(npu: Npu) -> None:
    assert npu("--version") == (0, f"npuemu {npuemu.__version__}\n", "")


def test_list(api: FakeApi, npu: Npu) -> None:
    status, out, _ = npu("list")
    assert status == 0
    assert "gemm_bf16   ascend910b1  BF16 GEMM" in out


def test_machines(api: FakeApi, npu: Npu) -> None:
    status, out, _ = npu("machines")
    assert status == 0
    assert "1850 MHz" in out and "512.0 KiB" in out and "ascend910b1.toml" in out


def test_isa_lists_every_instruction(npu: Npu) -> None:
    from npuemu.isa.table import load

    status, out, _ = npu("isa")
    names = [line.split()[0] for line in out.splitlines()[2:]]
    assert status == 0 and names == [record.name for record in load().records]


def test_isa_shows_every_record(npu: Npu) -> None:
    from npuemu.isa.table import load

    for record in load().records:
        status, out, err = npu("isa", record.name)
        assert (status, err) == (0, "") and record.meaning in out


def test_isa_ignores_suffixes_and_case(npu: Npu) -> None:
    assert npu("isa", "VADD.f32") == npu("isa", "vadd")


def test_isa_names_the_nearest(npu: Npu) -> None:
    assert npu("isa", "mmda") == (
        2, "", "error: there is no instruction 'mmda'; did you mean 'mmad'?\n",
    )  # fmt: skip


def test_check(api: FakeApi, npu: Npu) -> None:
    status, out, _ = npu("check", "gemm_bf16", "-D", "M=16", "--blocks", "2")
    assert status == 0 and out.startswith("gemm_bf16 on ascend910b1: ok")
    assert api.calls == [("load", "gemm_bf16", {"machine": None, "blocks": 2, "M": 16})]


def test_asm_needs_a_file(api: FakeApi, npu: Npu) -> None:
    assert npu("asm", "gemm_bf16") == (2, "", "error: Missing option '-o'.\n")


def test_asm_writes_the_binary(api: FakeApi, npu: Npu, tmp_path: Path) -> None:
    assert npu("asm", "gemm_bf16", "-o", f"{tmp_path}/k.bin") == (0, "", "")
    assert (tmp_path / "k.bin").read_bytes() == dump(PROGRAM)


def test_dis_prints_text(api: FakeApi, npu: Npu) -> None:
    status, out, err = npu("dis", "k.bin")
    assert (status, err) == (0, "") and ".kernel gemm_bf16" in out and "halt" in out


def test_verify_tells_findings_from_differences(npu: Npu, monkeypatch: pytest.MonkeyPatch) -> None:
    case = SimpleNamespace(
        case="small", ok=False, difference="k.npu:7:5: E201: a race", findings=True,
        params={"M": 1}, seed=0, cycles=1234,
    )  # fmt: skip
    module = SimpleNamespace(verify_kernel=lambda kernel, **options: [case])
    monkeypatch.setitem(sys.modules, "npuemu.verify", module)
    status, out, _ = npu("verify", "gemm_bf16")
    assert status == 1 and out.startswith("FINDINGS small")
    assert "E201" in out and "1 have findings and were not compared" in out


@pytest.mark.parametrize(("good", "status"), [(True, 0), (False, 1)])
def test_verify(npu: Npu, monkeypatch: pytest.MonkeyPatch, good: bool, status: int) -> None:
    def cases(kernel: str, **options: object) -> list[SimpleNamespace]:
        assert options == {"machine": None, "blocks": 3, "params": {"M": 1}}
        difference = None if good else "C[0, 1]: 1.0 (3f80), expected 2.0 (4000)"
        rest = {"params": {"M": 1}, "seed": 0, "cycles": 1234, "findings": False}
        return [SimpleNamespace(case="small", ok=good, difference=difference, **rest)]

    module = SimpleNamespace(verify_kernel=cases)
    monkeypatch.setitem(sys.modules, "npuemu.verify", module)
    found, out, _ = npu("verify", "gemm_bf16", "-D", "M=1", "--blocks", "3")
    assert found == status
    assert ("C[0, 1]: 1.0 (3f80)" in out) == (not good)
    assert "1,234 cycles" in out
