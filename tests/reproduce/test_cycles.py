"""Timed kernels: what a faster vector unit changes, and how figures become sentences."""

from __future__ import annotations

import pytest

from npuemu.machine import load as load_machine
from npuemu.reproduce import cycles
from npuemu.reproduce.measure import Target, time_kernel, with_vector_rate

SHAPE = {"M": 16, "N": 256, "K": 512}


def test_a_timing_is_that_of_a_run() -> None:
    found = time_kernel("gemm_w8a16_dequant", Target("ascend910b1", 2), SHAPE)
    assert found.cycles > 0 and found.bound.name == "vector V" and 0 < found.bound.held <= 1
    assert found.gm_read == sum(t["read"] for t in found.tensors.values())
    assert found.cube_busy > 0 and "vector V" in found.where_cycles_went()


def test_twice_the_vector_rate_halves_vector_rows_alone() -> None:
    plain = load_machine("ascend950pr")
    fast = with_vector_rate(plain, 2)
    assert fast.name == plain.name
    for name, row in plain.file.timing.items():
        new = fast.file.timing[name]
        if not name.startswith("v"):
            assert new == row
        elif row.cycles is not None:
            assert new.cycles == (row.cycles[0], 2 * row.cycles[1])
    slow = time_kernel("gemm_w8a16_dequant", Target("ascend910b1", 1), SHAPE)
    quick = time_kernel("gemm_w8a16_dequant", Target("ascend910b1", 1, 2), SHAPE)
    assert quick.cycles < slow.cycles
    same = [time_kernel("gemm_bf16", Target("ascend910b1", 1, r), SHAPE).cycles for r in (1, 2)]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("chosen", "text"),
    [((1, 16, 32), "M = 1 .. 32"), ((1, 32), "M = 1, 32"), ((16, 32, 96), "M = 16 .. 32, 96")],
)
def test_spans(chosen: tuple[int, ...], text: str) -> None:
    assert cycles.spans(chosen, (1, 16, 32, 64, 96)) == text


def test_crossovers_compare_what_was_timed() -> None:
    sweep = cycles.Sweep(Target("ascend910b1", 1), (1, 64))
    for kernel in (cycles.MSD, *cycles.RIVALS):
        found = sweep.measure(kernel)
        assert len(found.rows) == 2 and len(found.curves) == 1
    rows = sweep.crossovers().rows
    assert [r.claim for r in rows] == [
        "w8a16_msd against w8a16_dequant",
        "w8a16_msd against w8a16_lift",
    ]
    for row, rival in zip(rows, cycles.RIVALS, strict=True):
        ours, theirs = sweep.found[cycles.MSD], sweep.found[rival]
        assert row.value == max(theirs[m].cycles / ours[m].cycles for m in (1, 64))


def test_every_target_and_kernel_has_a_step() -> None:
    section = cycles.sweep_section(quick=False)
    kernels = {m: cycles.gemm_kernels(m) for m in ("ascend910b1", "ascend950pr")}
    assert len(section.steps) == sum(len(kernels[t.machine]) + 1 for t in cycles.targets(False))
    assert len(section.plots) == len(cycles.targets(False)) == 6
