"""Models beside the emulation: traffic exactly equal, cycles within 10 % for large shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu.machine import Machine
from npuemu.models import MODELS, estimate
from tests.kernels.shapes import KERNELS
from tests.models.shapes import LARGE, SMALL, Case, of


def test_every_kernel_has_a_model() -> None:
    assert sorted(MODELS) == sorted(kernel.name for kernel in npuemu.list_kernels())


def _cases(table: Mapping[str, tuple[Case, ...]]) -> list[object]:
    """Every kernel and machine with each of its cases."""
    return [
        pytest.param(kernel, machine, case, id=f"{kernel}-{machine}-{case}")
        for kernel, machine in KERNELS
        for case in of(table, kernel)
    ]


def _run(program: npuemu.Program, machine: Machine, case: Case) -> npuemu.Run:
    inputs = {name: np.array(values, np.int32) for name, values in case.inputs.items()}
    return npuemu.run(program, machine, inputs, mode="timing", check=False)


def _both(kernel: str, name: str, case: Case) -> tuple[float, str | None]:
    """Relative error of the model's cycles, and what differs in the traffic."""
    machine = npuemu.machine(name)
    blocks = case.blocks or machine.groups
    program = npuemu.load(kernel, machine=machine, blocks=blocks, **case.params)
    run = _run(program, machine, case)
    found = estimate(kernel, machine, blocks=blocks, inputs=case.inputs, **case.params)
    traffic = run.report["traffic"]
    exact = {name: (t["read"], t["write"]) for name, t in traffic["tensors"].items()}
    difference = None if exact == found.traffic else f"{exact} != {found.traffic}"
    assert difference or found.read == traffic["gm_read_bytes"]
    assert difference or found.written == traffic["gm_write_bytes"]
    return found.cycles / run.cycles - 1, difference


@pytest.mark.parametrize(("kernel", "machine", "case"), _cases(LARGE))
def test_large_shapes(kernel: str, machine: str, case: Case) -> None:
    error, difference = _both(kernel, machine, case)
    assert difference is None
    assert abs(error) <= 0.10, f"{error:+.1%}"


@pytest.mark.parametrize(("kernel", "machine", "case"), _cases(SMALL))
def test_traffic_of_awkward_shapes(kernel: str, machine: str, case: Case) -> None:
    assert _both(kernel, machine, case)[1] is None


OTHER = """
base = "{base}"
name = "other"
title = "another machine of the kind"
[global_memory]
l2_bytes_per_cycle = {{ value = 1400, source = "a test" }}
hbm_bytes_per_cycle = {{ value = 500, source = "a test" }}
[timing.vector]
cycles = [1, 2]
source = "a test"
[timing.mmad]
cycles = [3, 2]
source = "a test"
[timing.nd2nz_gm_l1]
bytes_per_cycle = 100
miss_bytes_per_cycle = 90
source = "a test"
"""


@pytest.mark.parametrize(("kernel", "base"), KERNELS)
def test_models_follow_the_machine_file(kernel: str, base: str, tmp_path: Path) -> None:
    """Nothing is fitted to one machine: another one's records give another one's cycles."""
    path = tmp_path / "other.toml"
    path.write_text(OTHER.format(base=base))
    other = npuemu.machine(path)
    for case in of(LARGE, kernel)[2:4]:
        case = replace(case, blocks=case.blocks or other.groups)
        program = npuemu.load(kernel, machine=other, blocks=case.blocks, **case.params)
        run = _run(program, other, case)
        found = estimate(kernel, other, blocks=case.blocks, inputs=case.inputs, **case.params)
        assert abs(found.cycles / run.cycles - 1) <= 0.10


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kv_len": (5,)}, "kv_len takes 2 integers, not 1"),
    ({"kv_len": (5, 257)}, "is 257: must be 0 .. 256"),
    ({"kv_len": (-1, 3)}, r"kv_len\[0\] is -1"),
    ({"kv_len": ("a", 1)}, "takes 2 integers, not"),
    ({"kv_len": 3}, "takes 2 integers, not 3"),
    ({"lengths": (1, 2)}, "no integer input 'lengths' .it has: kv_len."),
)


def test_what_has_no_model() -> None:
    with pytest.raises(npuemu.UserError, match="no model of 'gemm_none'"):
        estimate("gemm_none", "ascend910b1", M=1, N=16, K=32)
    with pytest.raises(npuemu.NpuemuError, match="N must be a multiple of 16"):
        estimate("gemm_bf16", "ascend910b1", M=1, N=17, K=32)
    for values, message in REFUSED:
        with pytest.raises(npuemu.UserError, match=message):
            estimate("attn_bf16", "ascend910b1", inputs=values)  # H = 2, KV = 256
    with pytest.raises(npuemu.UserError, match="25 blocks, but ascend910b1 has 24"):
        estimate("gemm_bf16", "ascend910b1", M=1, N=16, K=32, blocks=25)
