"""Corners that random kernels seldom reach, each with what the manual says comes out."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

import npuemu
from npuemu.asm.program import Program
from tests.interpreter.decode import BadWord
from tests.interpreter.harness import (
    compare,
    emulated,
    global_memory,
    interpreted,
    tensor_bytes,
)
from tests.interpreter.run import interpret

HEAD = """.kernel corner
.machines ascend910b1, ascend950pr
.tensor X u8 [64] in
.tensor Y u8 [64] out
"""


def program_of(text: str, machine: str = "ascend910b1", blocks: int = 1) -> Program:
    """The assembled text behind the two tensors."""
    return npuemu.assemble(HEAD + text, machine=machine, blocks=blocks)


def cube(*lines: str) -> str:
    """A section that ends."""
    return "\n".join((".section cube", *lines, "halt"))


def vector(*lines: str) -> str:
    """The same for the first vector core of a group."""
    return "\n".join((".section vector", "subblock_idx r1", "bne r1, 0, end", *lines, "end: halt"))


FAULTS = [
    ("E102", cube("li r2, -3", "ld.u32 r3, L1, r2")),
    ("E103", cube("li r2, -4", "ld.u32 r3, L1, r2")),
    ("E103", cube("li r2, 0", "ld.u32 r3, UB, r2")),
    ("E103", vector("li r2, 0", "st.b64 r3, L1, r2")),
    ("E103", vector("li r2, capacity(UB)", "ld.u8 r3, UB, r2")),
    (None, vector("li r2, capacity(UB)", "ld.u8 r3, UB, r2, -1")),
    ("E104", cube("li r2, Y", "ld.u8 r3, GM, r2, 64")),
    ("E104", cube("li r2, 0", "ld.u8 r3, GM, r2")),
    ("E105", cube("li r2, X", "st.u8 r3, GM, r2")),
    ("E106", cube("li r2, 0", "rem r3, r2, 0")),
    ("E101", cube("li r2, 8", "wait_flag MTE1, M, r2")),
    ("E101", cube("li r2, 40", "cross_core_set_flag cv, M, r2")),
    ("E101", cube("li r2, 16", "cross_core_set_flag cv, M, r2")),
    ("E101", vector("li r2, 16", "cross_core_wait_flag V, r2")),
    ("E110", cube("cross_core_wait_flag S, 3")),
    ("E110", cube("wait_flag MTE1, M, 0")),
    ("E114", vector(".rep i, 0, 16", "cross_core_set_flag pair, V, 1", ".endrep")),
    ("E116", vector("li r2, 0", "set_vector_mask 0, 1", "vdup.b8 r2, r2, 0")),
    ("E102", vector("li r2, 16", "set_vector_mask 0, 1", "vdup.b8 r2, r2")),
    ("E103", vector("li r2, -1", "vdup.b8 r2, r2")),
    ("E104", vector("li r2, X", "li r3, 0", "mov_ub_gm r2, r3, 2, 64, 0, 64")),
    (None, vector("li r2, 1", "li r3, 0", "mov_gm_ub r3, r2, 2, 0, 1024, 32")),
    ("E101", cube("li r2, Y", "li r3, 0", "fix_l0c_gm.s32_s8 r2, r3, 0, 16, 1, 16, none, r3")),
]


@pytest.mark.parametrize(("code", "text"), FAULTS)
def test_faults(code: str | None, text: str) -> None:
    program = program_of(text)
    inputs = {"X": bytes(64)}
    outcome = interpreted(program, inputs)
    assert outcome.fault == code
    assert compare(program, outcome, emulated(program, inputs)) == []


@pytest.mark.parametrize(("behind", "code"), [(31, None), (32, "E110")])
def test_a_waiting_head_counts_among_the_entries_of_a_queue(behind: int, code: str | None) -> None:
    """The set_flag that the head waits for comes after `behind` others of its pipe."""
    filler = [".rep i, 0, " + str(behind), "pipe_barrier M", ".endrep"]
    program = program_of(cube("wait_flag MTE1, M, 0", *filler, "set_flag MTE1, M, 0"))
    outcome = interpreted(program, {"X": bytes(64)})
    assert outcome.fault == code
    assert compare(program, outcome, emulated(program, {"X": bytes(64)})) == []


MODES = """.section vector
    subblock_idx r1
    bne r1, 0, second
    cross_core_set_flag pair, V, 0
    halt
second:
    cross_core_set_flag cv, V, 0
    halt
.section cube
    halt
"""


def test_every_mode_counts_its_own_arrivals() -> None:
    program = program_of(MODES)
    outcome = interpreted(program, {"X": bytes(64)})
    assert outcome.counters == {}
    assert compare(program, outcome, emulated(program, {"X": bytes(64)})) == []


ALL = """.section vector
    cross_core_set_flag all, MTE3, 2
    cross_core_wait_flag MTE2, 2
    halt
.section cube
    cross_core_set_flag all, FIX, 2
    cross_core_wait_flag S, 2
    cross_core_set_flag cv, FIX, 3
    halt
"""


def test_all_gathers_the_cores_of_each_kind() -> None:
    program = program_of(ALL, blocks=3)
    for seed in range(4):
        outcome = interpreted(program, {"X": bytes(64)}, seed)
        assert outcome.counters == {(core, 3): 1 for core in (1, 2, 4, 5, 7, 8)}
    assert compare(program, outcome, emulated(program, {"X": bytes(64)})) == []


MLA = vector(
    "li r2, 0",
    "li r3, X",
    "li r4, Y",
    "li r5, 32",
    "mov_gm_ub r2, r3, len=64",
    "set_flag MTE2, V, 0",
    "wait_flag MTE2, V, 0",
    "set_mask_count",
    "set_vector_mask 0, 1",
    "vmla.{kind} r5, r2, r2, src1_blk=1",
    "set_flag V, MTE3, 0",
    "wait_flag V, MTE3, 0",
    "mov_ub_gm r4, r5, len=32",
)


def test_a_narrow_fused_multiply_add_rounds_twice() -> None:
    """17 * 17 + 2^-30: 289 in f32, which is a tie in bf16 and goes to the even 288, not to 290."""
    program = program_of(MLA.format(kind="bf16"), "ascend950pr")
    bf16 = [struct.pack("<f", value)[2:] for value in (17.0, 2.0**-30, 288.0)]
    inputs = {"X": bf16[0].ljust(32, b"\0") + bf16[1].ljust(32, b"\0")}
    outcome = interpreted(program, inputs)
    assert tensor_bytes(program, outcome, "Y")[:2] == bf16[2]
    assert compare(program, outcome, emulated(program, inputs)) == []


WRONG_CORES = [
    cube("cross_core_set_flag pair, M, 0"),
    cube("set_flag V, M, 0"),
    cube("set_flag M, M, 0"),
    vector("pipe_barrier MTE1"),
]


@pytest.mark.parametrize("text", WRONG_CORES)
def test_what_a_core_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(npuemu.NpuemuError):
        program_of(text)


@pytest.mark.parametrize(
    ("text", "section"),
    [
        (vector("cross_core_set_flag pair, V, 0"), "cube"),
        (vector("set_flag V, MTE3, 0"), "cube"),
        (cube("pipe_barrier MTE1"), "vector"),
    ],
)
def test_words_of_another_core_are_refused(text: str, section: str) -> None:
    program = program_of(text)
    (words,), (places,) = program.code.values(), program.locations.values()
    (labels,) = program.labels.values()
    moved = replace(
        program, code={section: words}, locations={section: places}, labels={section: labels}
    )
    with pytest.raises(BadWord):
        interpret(moved, moved.machine, global_memory(moved, {"X": bytes(64)}))
    with pytest.raises(npuemu.NpuemuError):
        emulated(moved, {"X": bytes(64)})
