"""Other legal timings change no output and bring no finding; a seed fixes them."""

from __future__ import annotations

from typing import Any

import pytest

import npuemu
from npuemu.verify.golden import load_golden
from tests.kernels.shapes import GEMM, KERNELS, shapes

SMALL = GEMM.small


def shuffled(name: str, machine: str, count: int, **options: Any) -> npuemu.Run:
    """A run beside ``count`` other timings, without findings."""
    run = npuemu.run(name, machine, shuffle=count, **options)
    assert run.diagnostics == []
    assert run.report["timings"]["count"] == count
    return run


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_a_hundred_timings_of_a_small_shape(name: str, machine: str) -> None:
    timings = shuffled(name, machine, 100, blocks=2, **shapes(name).small).report["timings"]
    assert timings["fewest_cycles"] * 2 < timings["most_cycles"]


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [1, 2, 24])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_a_hundred_timings_of_every_shape(name: str, machine: str, blocks: int) -> None:
    definition = load_golden(name)
    for case in definition.cases:
        program = npuemu.load(name, machine=machine, blocks=blocks, **case.params)
        inputs = definition.inputs({**case.params, **program.params}, 0)
        if case.edit is not None:
            case.edit(inputs)
        run = npuemu.run(program, machine, inputs, blocks=blocks, shuffle=100)
        assert (case.name, run.diagnostics) == (case.name, [])


def test_a_seed_and_a_number_are_one_timing() -> None:
    def cycles(number: int, seed: int = 0) -> int:
        return npuemu.run("gemm_bf16", jitter=number, seed=seed, mode="timing", **SMALL).cycles

    own = npuemu.run("gemm_bf16", mode="timing", **SMALL).cycles
    assert cycles(1) == cycles(1) and cycles(0) == own
    assert len({own, cycles(1), cycles(2), cycles(1, 5)}) == 4


def test_a_jittered_run_accounts_for_every_cycle() -> None:
    for number in range(1, 30):
        run = npuemu.run("gemm_w8a16_lift", jitter=number, blocks=2, mode="timing", **SMALL)
        report = run.report
        for core in report["cores"]:
            for pipe in core["pipes"].values():
                parts = pipe["busy"], pipe["idle"], *pipe["stalls"].values()
                assert sum(parts) == report["cycles"] and min(parts) >= 0


def test_shuffle_needs_values() -> None:
    with pytest.raises(npuemu.UserError, match="mode timing computes none"):
        npuemu.run("gemm_bf16", shuffle=3, mode="timing", **SMALL)


EITHER = """
.kernel either
.machines ascend910b1
.tensor X f32 [64] in
.tensor Y f32 [64] out
.buffer x UB 256
.section vector
    li r2, x
    li r3, X
    li r5, Y
    subblock_idx r1
    cross_core_set_flag pair, V, 0
    cross_core_set_flag pair, V, 0
    bne r1, 0, other
    cross_core_wait_flag MTE2, 0
    mov_gm_ub r2, r3, len=256
    set_flag MTE2, MTE3, 0
    wait_flag MTE2, MTE3, 0
    mov_ub_gm r5, r2, len=256
    set_flag MTE3, V, 0
    li r6, 0
    cross_core_set_flag pair, MTE3, 0
wait:
    add r6, r6, 1
    blt r6, 400, wait
    cross_core_wait_flag V, 0
    cross_core_wait_flag V, 0
    wait_flag MTE3, V, 0
    halt
other:
    cross_core_wait_flag V, 0
    cross_core_wait_flag V, 0
    li r6, 0
again:
    add r6, r6, 1
    blt r6, 300, again
    cross_core_set_flag pair, V, 0
    halt
"""
"""Two pipes take counts of one counter: a deadlock where V takes those that MTE2 needs."""


def test_timings_that_end_in_errors_are_counted() -> None:
    program = npuemu.assemble(EITHER)
    run = npuemu.run(program, shuffle=20)
    broken = sum(not npuemu.run(program, jitter=number).ok for number in range(1, 21))
    assert run.report["timings"]["broken"] == broken
    assert 0 < broken < 20 and npuemu.run(program).ok and not run.ok
