"""Models beside the emulation: traffic exactly equal, cycles within 10 % for large shapes."""

from __future__ import annotations

from pathlib import Path

import pytest

import npuemu
from npuemu.models import MODELS, estimate

LARGE = [(256, 4096, 4096), (512, 7168, 2048), (1024, 4096, 4096)]
SMALL = [
    (1, 4096, 4096, 1), (16, 4096, 4096, 24), (17, 96, 320, 3), (40, 64, 128, 8),
    (40, 64, 16384, 2), (256, 256, 256, 1), (300, 4096, 1056, 24), (130, 272, 544, 20),
    (600, 64, 96, 24), (257, 288, 8224, 5),
]  # fmt: skip
CASES = [(name, machine) for name, model in MODELS.items() for machine in model.machines]


def _both(
    kernel: str, machine: str, m: int, n: int, k: int, blocks: int
) -> tuple[float, str | None]:
    """Relative error of the model's cycles, and what differs in the traffic."""
    shape = {"M": m, "N": n, "K": k}
    run = npuemu.run(kernel, machine, blocks=blocks, mode="timing", check=False, **shape)
    found = estimate(kernel, npuemu.machine(machine), blocks=blocks, **shape)
    traffic = run.report["traffic"]
    exact = {name: (t["read"], t["write"]) for name, t in traffic["tensors"].items()}
    difference = None if exact == found.traffic else f"{exact} != {found.traffic}"
    assert difference or found.read == traffic["gm_read_bytes"]
    assert difference or found.written == traffic["gm_write_bytes"]
    return found.cycles / run.cycles - 1, difference


@pytest.mark.parametrize(("kernel", "machine"), CASES)
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_large_shapes(kernel: str, machine: str, shape: tuple[int, int, int]) -> None:
    for blocks in (1, npuemu.machine(machine).groups):
        error, difference = _both(kernel, machine, *shape, blocks)
        assert difference is None
        assert abs(error) <= 0.10, f"{blocks} blocks: {error:+.1%}"


@pytest.mark.parametrize(("kernel", "machine"), CASES)
@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_traffic_of_awkward_shapes(
    kernel: str, machine: str, shape: tuple[int, int, int, int]
) -> None:
    assert _both(kernel, machine, *shape)[1] is None


OTHER = """
base = "ascend910b1"
name = "other"
title = "another machine of the kind"
[global_memory]
l2_bytes_per_cycle = { value = 1400, source = "a test" }
hbm_bytes_per_cycle = { value = 500, source = "a test" }
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


@pytest.mark.parametrize("kernel", MODELS)
def test_models_follow_the_machine_file(kernel: str, tmp_path: Path) -> None:
    """Nothing is fitted to one machine: another one's records give another one's cycles."""
    path = tmp_path / "other.toml"
    path.write_text(OTHER)
    other = npuemu.machine(path)
    shape = {"M": 512, "N": 4096, "K": 4096}
    for blocks in (1, 24):
        program = npuemu.load(kernel, machine="ascend910b1", blocks=blocks, **shape)
        text = npuemu.asm.disassemble(program).replace("ascend910b1", "other")
        path.with_suffix(".npu").write_text(text)
        program = npuemu.load(path.with_suffix(".npu"), machine=other, blocks=blocks)
        run = npuemu.run(program, other, mode="timing", check=False)
        found = estimate(kernel, other, blocks=blocks, **shape)
        assert abs(found.cycles / run.cycles - 1) <= 0.10


def test_what_has_no_model() -> None:
    with pytest.raises(npuemu.UserError, match="no model of 'gemm_none'"):
        estimate("gemm_none", "ascend910b1", M=1, N=16, K=32)
    with pytest.raises(npuemu.UserError, match="no model of this kernel for ascend950pr"):
        estimate("gemm_w8a16_msd", "ascend950pr", M=1, N=16, K=32)
    with pytest.raises(npuemu.UserError, match="N a multiple of 16"):
        estimate("gemm_bf16", "ascend910b1", M=1, N=17, K=32)
    with pytest.raises(npuemu.UserError, match="25 blocks, but ascend910b1 has 24"):
        estimate("gemm_bf16", "ascend910b1", M=1, N=16, K=32, blocks=25)
