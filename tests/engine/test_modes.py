"""Modes and repeatability: the same cycles without numbers, the same numbers without observers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.engine.harness import check_accounting, executed, fails, run, words
from tests.engine.micro import KERNELS, Micro

HEAD = ".tensor IN s32 [64] in\n.tensor OUT s32 [64] out\n.tensor S s32 [64] scratch"
ids = {"ids": lambda kernel: kernel.name}


@pytest.mark.parametrize("kernel", KERNELS, **ids)
def test_timing_mode_gives_the_cycles_of_full_mode(kernel: Micro) -> None:
    full = kernel.run()
    for check in (True, False):
        timing = kernel.run(mode="timing", check=check)
        assert timing.outputs == {} and timing.report["outputs"] == {}
        for key in ("cycles", "cores", "traffic", "work"):
            assert timing.report[key] == full.report[key], key
        if check:
            assert timing.report["buffers"] == full.report["buffers"]


@pytest.mark.parametrize("kernel", KERNELS, **ids)
def test_numbers_mode_gives_the_outputs_of_full_mode(kernel: Micro) -> None:
    full, numbers = kernel.run(), kernel.run(mode="numbers")
    assert numbers.report["outputs"] == full.report["outputs"]
    assert numbers.cycles == full.cycles


@pytest.mark.parametrize("kernel", KERNELS, **ids)
def test_two_runs_are_identical(kernel: Micro) -> None:
    one, two = kernel.run(record=True), kernel.run(record=True)
    assert one.report == two.report and one.recording and two.recording
    for name in ("events", "values", "live"):
        assert np.array_equal(getattr(one.recording, name), getattr(two.recording, name)), name
    check_accounting(one.report)
    assert kernel.run(threads=2).report == one.report == kernel.run(record=False).report


@pytest.mark.parametrize("kernel", KERNELS, **ids)
def test_outputs_depend_on_the_seed_cycles_do_not(kernel: Micro) -> None:
    one, other = kernel.run(seed=0), kernel.run(seed=1)
    assert one.cycles == other.cycles
    assert all(one.report["outputs"][n] != other.report["outputs"][n] for n in one.outputs)


def test_output_hashes_are_of_the_bytes_in_memory() -> None:
    done = KERNELS[0].run()
    for name, value in done.outputs.items():
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        assert done.report["outputs"][name]["sha256"] == digest


# --- poison: a value that timing mode does not compute

LOAD = "    li r1, 0\n    ld.u32 r2, {}, {}\n"
POISON = "    li r1, S\n    ld.u32 r2, GM, r1\n"


@pytest.mark.parametrize(
    "line",
    [
        "beq r2, 0, done  ;!",
        "beq r1, r2, done  ;!",
        "add r3, r2, 1\n    mul r3, r3, 0\n    bne r3, 0, done  ;!",
        "ld.u32 r3, GM, r2  ;!",
        "mmad.f16 r2, r1, r1, 16, 16, 16, zero  ;!",
        "cross_core_wait_flag S, r2  ;!",
        "set_flag M, S, r2  ;!",
        "set_flag S, M, r2  ;!",
    ],
)
def test_time_must_not_depend_on_poison(line: str) -> None:
    body = POISON + f"    {line}\ndone:"
    fails("E107", body, head=HEAD, words="run in full mode", mode="timing")


def test_vector_masks_must_not_be_poison() -> None:
    fails("E107", vector=POISON + "    set_vector_mask 0, r2  ;!", head=HEAD, mode="timing")


def test_a_scalar_that_is_only_data_may_be_poison() -> None:
    """The multiplier of a vector instruction changes no cycle; a repeat count does."""
    body = POISON + "    li r1, 0\n    vmuls.f32 r1, r1, r2\n    vdup.b32 r1, r2, rep=3\n"
    assert run(vector=body, head=HEAD, mode="timing").cycles == run(vector=body, head=HEAD).cycles
    body = POISON + "    li r1, 0\n    vabs.f32 r1, r1, rep=r2  ;!"
    fails("E107", vector=body, head=HEAD, mode="timing")


@pytest.mark.parametrize(
    "line",
    [
        "mmad.bf16 r1, r1, r1, 16, 16, 16, zero, bias=r2",
        "fix_l0c_l1.f32_bf16 r1, r1, 16, 16, 1, 32, scale=r2",
        "fix_l0c_l1.s32_s8 r1, r1, 16, 16, 1, 32, quant=scalar, scale=r2",
    ],
)
def test_a_register_that_this_form_reads_only_as_data_may_be_poison(line: str) -> None:
    body = POISON + f"    li r1, 0\n    {line}\n"
    assert run(body, head=HEAD, mode="timing").cycles == run(body, head=HEAD).cycles


@pytest.mark.parametrize(
    "line",
    [
        "mmad.bf16 r1, r1, r1, 16, 16, 16, bias, bias=r2",
        "fix_l0c_l1.s32_s8 r1, r1, 16, 16, 1, 32, quant=vector, scale=r2",
    ],
)
def test_a_register_that_is_an_address_in_this_form_must_not_be_poison(line: str) -> None:
    body = POISON + f"    li r1, 0\n    {line}  ;!"
    fails("E107", body, head=HEAD, mode="timing")


def test_long_traces_are_whole() -> None:
    body = "    li r1, 0\n    li r2, 0\nagain: vabs.f32 r1, r1\n    add r2, r2, 1\n"
    done = run(vector=body + "    blt r2, 70000, again\n", mode="timing", record=True)
    assert len(executed(done)) == 140000


def test_inputs_and_overwritten_registers_are_no_poison() -> None:
    body = "    li r1, IN\n    ld.u32 r2, GM, r1\n    beq r2, 5, done\n" + POISON + "    li r2, 3\n"
    body += "    bne r2, 3, done\n    li r9, 1\n    li r9, 2\ndone:"
    values = np.full(64, 5, np.int32)
    assert run(body, head=HEAD, mode="timing", inputs={"IN": values}).cycles == 1 + 200 + 1 + 1
    assert run(body, head=HEAD, mode="timing").cycles == 1 + 200 + 1 + 1 + 200 + 1 + 1 + 2 + 1


def test_storing_poison_is_fine() -> None:
    body = POISON + "    li r3, OUT\n    st.u32 r2, GM, r3\n    div r4, r1, r2\n"
    assert run(body, head=HEAD, mode="timing").cycles == run(body, head=HEAD).cycles


def test_input_that_is_read_back_through_a_scratch_tensor() -> None:
    body = "    li r1, IN\n    li r2, OUT\n    ld.s32 r3, GM, r1, 8\n    st.u32 r3, GM, r2, 8\n"
    values = np.arange(64, dtype=np.int32)
    assert words(run(body, head=HEAD, inputs={"IN": values}))[:4] == [2**32 - 1] * 2 + [
        2,
        2**32 - 1,
    ]
