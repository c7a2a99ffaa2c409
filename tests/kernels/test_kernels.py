"""Every bundled kernel on every machine it names: bits, blocks, threads, repeatability, round
trip.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import npuemu
from npuemu import asm
from npuemu.api import draw
from npuemu.verify import verify_kernel
from npuemu.verify.golden import load_golden
from tests.kernels.shapes import KERNELS, Params, shapes

ON_SHAPES = [
    pytest.param(name, machine, shape, id=f"{name}-{machine}-{'x'.join(map(str, shape.values()))}")
    for name, machine in KERNELS
    for shape in shapes(name).awkward
]
REFUSED = [
    pytest.param(name, machine, shape, word, id=f"{name}-{machine}-{word}{shape[word]}")
    for name, machine in KERNELS
    for shape, word in shapes(name).refused
]


def run(name: str, machine: str, blocks: int = 1, threads: int = 1, **shape: int) -> npuemu.Run:
    """A run with the same inputs whatever the block count."""
    program = npuemu.load(name, machine=machine, blocks=blocks, **shape)
    inputs = {t.name: draw(t, 3) for t in program.tensors if t.role == "in"}
    found = npuemu.run(program, machine, inputs, threads=threads)
    assert found.diagnostics == []
    return found


def fingerprint(found: npuemu.Run) -> dict[str, Any]:
    """What must not change."""
    return {**{k: v for k, v in found.report.items() if k != "time_us"}}


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_every_case_equals_the_golden_definition(name: str, machine: str) -> None:
    results = list(verify_kernel(name, machine=machine))
    assert len(results) >= 20
    assert [r.difference for r in results if not r.ok] == []


@pytest.mark.parametrize("blocks", [2, 24])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_cases_hold_on_more_blocks(name: str, machine: str, blocks: int) -> None:
    results = list(verify_kernel(name, machine=machine, blocks=blocks, seeds=(5,)))
    assert [r.difference for r in results if not r.ok] == []


@pytest.mark.parametrize("name", sorted({name for name, _ in KERNELS if name != "gemm_mxfp4"}))
def test_hard_rows_are_among_the_cases(name: str) -> None:
    cases = {case.name for case in load_golden(name).cases}
    assert cases >= set(shapes(name).hard_cases)


@pytest.mark.parametrize(
    "name", sorted({name for name, _ in KERNELS if name.startswith(("gemm_bf16", "gemm_w8"))})
)
def test_sums_beyond_what_int32_times_254_holds_are_among_the_cases(name: str) -> None:
    cases = {case.name: case.params for case in load_golden(name).cases}
    assert cases["equal large values"]["K"] == 1024


@pytest.mark.parametrize(("name", "machine", "shape"), ON_SHAPES)
def test_blocks_threads_and_repetition_change_nothing(
    name: str, machine: str, shape: Params
) -> None:
    first = run(name, machine, **shape)
    assert fingerprint(run(name, machine, **shape)) == fingerprint(first)
    assert fingerprint(run(name, machine, threads=2, **shape)) == fingerprint(first)
    for blocks in (2, 24):
        found = run(name, machine, blocks, **shape)
        assert found.report["outputs"] == first.report["outputs"]


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_large_products_agree_between_one_and_two_threads(name: str, machine: str) -> None:
    one, two = (run(name, machine, threads=n, **shapes(name).large) for n in (1, 2))
    assert fingerprint(one) == fingerprint(two)


@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_timing_mode_counts_the_cycles_of_a_full_run(name: str, machine: str) -> None:
    program = npuemu.load(name, machine=machine, **shapes(name).ragged)
    given = {t.name: draw(t, 3) for t in program.tensors if t.role == "in"}
    full = npuemu.run(program, machine, given)
    timing = npuemu.run(program, machine, given, mode="timing")
    for key in ("cycles", "cores", "buffers", "traffic", "work"):
        assert timing.report[key] == full.report[key]


@pytest.mark.parametrize("awkward", [False, True], ids=["default", "awkward"])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_text_binary_text_binary(name: str, machine: str, awkward: bool) -> None:
    shape = shapes(name).awkward[0] if awkward else {}
    program = npuemu.load(name, machine=machine, blocks=2, **shape)
    data = asm.binary.dump(program)
    text = asm.disassemble(asm.binary.load(data))
    assert asm.binary.dump(asm.assemble(text)) == data


@pytest.mark.parametrize(("name", "machine", "shape", "word"), REFUSED)
def test_other_sizes_are_refused_by_name(name: str, machine: str, shape: Params, word: str) -> None:
    with pytest.raises(npuemu.api.UserError, match=rf"\b{word}\b"):
        npuemu.load(name, machine=machine, **shape)


def test_every_pipe_of_every_core_accounts_for_all_cycles() -> None:
    for name, machine in KERNELS:
        found = run(name, machine, 3, **shapes(name).small)
        for core in found.report["cores"]:
            for pipe in core["pipes"].values():
                parts = [pipe["busy"], pipe["idle"], *pipe["stalls"].values()]
                assert min(parts) >= 0
                assert sum(parts) == found.cycles


def test_a_row_of_nan_reaches_the_output_as_the_canonical_nan() -> None:
    program = npuemu.load("gemm_w8a16_msd", M=3, N=16, K=32)
    inputs = {t.name: draw(t, 0) for t in program.tensors if t.role == "in"}
    inputs["A"] = inputs["A"].copy()
    inputs["A"][1, 7] = np.nan
    words = npuemu.run(program, inputs=inputs).outputs["C"].view(np.uint16)
    assert (words[1] == 0x7FC0).all()
    assert not (words[[0, 2]] == 0x7FC0).any()
