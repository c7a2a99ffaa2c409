"""The attention kernels on every machine they name: what the tests of every kernel do not ask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu import asm
from npuemu.verify.golden import load_golden

NAMES = ("attn_bf16", "attn_kv8_dequant", "attn_kv8_lift", "attn_kv8_msd")
KERNELS = [(k.name, m) for k in npuemu.list_kernels() if k.name in NAMES for m in k.machines]
AWKWARD = {"H": 3, "NQ": 25, "G": 2, "KV": 150, "D": 96, "CAUSAL": 1, "TM": 16, "TK": 64}
LENGTHS = [150, 0, 77]


def run(name: str, machine: str, blocks: int = 1, **options: Any) -> npuemu.Run:
    """A run of the awkward shape, free of findings."""
    program = npuemu.load(name, machine=machine, blocks=blocks, **AWKWARD)
    inputs = load_golden(name).inputs(dict(program.params), 3)
    inputs["kv_len"][:] = LENGTHS
    found = npuemu.run(program, machine, inputs, blocks=blocks, **options)
    assert found.diagnostics == []
    return found


def fingerprint(found: npuemu.Run) -> dict[str, Any]:
    """What must not change."""
    return {k: v for k, v in found.report.items() if k != "time_us"}


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_blocks_threads_and_repetition_change_nothing(name: str, machine: str) -> None:
    first = run(name, machine)
    assert fingerprint(run(name, machine)) == fingerprint(first)
    assert fingerprint(run(name, machine, threads=2)) == fingerprint(first)
    for blocks in (2, 3, 24):
        assert run(name, machine, blocks).report["outputs"] == first.report["outputs"]


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_timing_mode_counts_the_cycles_of_a_full_run(name: str, machine: str) -> None:
    full, timing = run(name, machine, 2), run(name, machine, 2, mode="timing")
    for key in ("cycles", "cores", "buffers", "traffic", "work"):
        assert timing.report[key] == full.report[key]


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_other_timings_change_nothing(name: str, machine: str) -> None:
    timings = run(name, machine, 2, shuffle=20).report["timings"]
    assert timings["count"] == 20


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_text_binary_text_binary(name: str, machine: str) -> None:
    data = asm.binary.dump(npuemu.load(name, machine=machine, blocks=2, **AWKWARD))
    text = asm.disassemble(asm.binary.load(data))
    assert asm.binary.dump(asm.assemble(text)) == data


@pytest.mark.parametrize(("name", "machine"), KERNELS)
@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"D": 48}, "D"),
        ({"NQ": 0}, "NQ"),
        ({"KV": 0}, "KV"),
        ({"TM": 129}, "TM"),
        ({"TK": 40}, "TK"),
        ({"CAUSAL": 2}, "CAUSAL"),
        ({"NQ": 128, "KV": 512, "D": 128, "TM": 128, "TK": 512}, "TM"),
    ],
)
def test_other_sizes_are_refused_by_name(
    name: str, machine: str, params: dict[str, int], word: str
) -> None:
    with pytest.raises(npuemu.api.UserError, match=rf"\b{word}\b"):
        npuemu.load(name, machine=machine, **params)


@pytest.mark.parametrize(("name", "machine"), KERNELS)
@pytest.mark.parametrize("length", [-1, 41])
def test_lengths_outside_the_cache_are_refused(name: str, machine: str, length: int) -> None:
    program = npuemu.load(name, machine=machine, H=3, KV=40, D=32)
    inputs = load_golden(name).inputs(dict(program.params), 1)
    inputs["kv_len"][1] = length
    with pytest.raises(npuemu.api.UserError, match="kv_len"):
        npuemu.run(program, machine, inputs)


@pytest.mark.parametrize("machine", ["ascend910b1", "ascend950pr"])
def test_a_resident_tile_is_read_once(machine: str) -> None:
    shape = {"H": 1, "NQ": 1, "G": 8, "KV": 512, "D": 64}
    reads, outputs = [], []
    for resident in (1, 0):
        program = npuemu.load("attn_kv8_msd", machine=machine, RESIDENT=resident, **shape)
        inputs = load_golden("attn_kv8_msd").inputs(dict(program.params), 2)
        found = npuemu.run(program, machine, inputs)
        reads.append([found.report["traffic"]["tensors"][t]["read"] for t in ("K8", "V8")])
        outputs.append(found.outputs["O"].view(np.uint16).tolist())
    assert reads == [[512 * 64] * 2, [2 * 512 * 64] * 2]
    assert outputs[0] == outputs[1]
