"""Races between cores and blocks: global memory byte by byte, shared local memories, flags."""

from __future__ import annotations

import numpy as np
import pytest

import npuemu
from tests.observe.kernels import A2, A5, finds, sync

HEAD = ".tensor X u8 [4096] in\n.tensor Y u8 [4096] out\n.tensor T u8 [4096] scratch"
CUBE = "    li r1, 0\n    li r3, X\n    li r4, Y\n    li r6, T\n"
BASE = CUBE + "    subblock_idx r20\n    block_idx r21\n"
SPIN = "    li r7, 0\nspin: add r7, r7, 1\n    blt r7, 4000, spin\n"
LOAD = "    mov_gm_ub r1, r3, len=256\n" + sync("MTE2", "MTE3")


def by_core(first: str, second: str) -> str:
    """Vector code of the two cores of a block."""
    return f"{BASE}    bne r20, 0, second\n{first}    halt\nsecond:\n{second}"


# --- bytes of GM


@pytest.mark.parametrize("step", [16, 15, 17, 1, 4])
def test_two_blocks_write_neighbouring_bytes(step: int) -> None:
    """A store of 16 bytes each, ``step`` bytes apart, in one or two granules."""
    body = BASE + "    bne r20, 0, end\n" + LOAD
    body += f"    mul r21, r21, {step}\n    add r6, r6, r21\n    mov_ub_gm r6, r1, len=16{{}}\nend:"
    if step >= 16:
        finds(vector=body.format(""), head=HEAD, blocks=2)
        return
    found = finds(vector=body.format("   ;<- E203"), head=HEAD, blocks=2)
    assert f"bytes {step} .. 15 of tensor T" in found[0]["message"]


@pytest.mark.parametrize("step", [1, 0])
def test_two_scalar_units_store_bytes(step: int) -> None:
    body = BASE + f"    mul r20, r20, {step}\n    add r6, r6, r20\n    st.u8 r1, GM, r6{{}}\n"
    finds(vector=body.format("   ;<- E203" if step == 0 else ""), head=HEAD)


@pytest.mark.parametrize(("at", "races"), [(0, True), (15, True), (16, False), (31, False)])
def test_one_core_reads_beside_what_another_writes(at: int, races: bool) -> None:
    """The reader is late."""
    first = LOAD + "    mov_ub_gm r6, r1, len=16\n"
    mark = "   ;<- E201" if races else ""
    second = SPIN + f"    add r6, r6, {at}\n    mov_gm_ub r1, r6, len=1{mark}\n"
    finds(vector=by_core(first, second), head=HEAD)


def test_inputs_are_never_raced_for() -> None:
    finds(vector=BASE + "    mov_gm_ub r1, r3, len=256\n", head=HEAD, blocks=2)


def test_two_blocks_far_apart_in_time() -> None:
    """Time is no order."""
    wait = "    mul r21, r21, 3000\n    li r7, 0\nspin: add r7, r7, 1\n    blt r7, r21, spin\n"
    body = BASE + "    bne r20, 0, end\n" + wait + LOAD + "    mov_ub_gm r6, r1, len=16{}\nend:"
    finds(vector=body.format("   ;<- E203"), head=HEAD, blocks=2)


# --- cross-core flags

HAND = "    cross_core_set_flag {mode}, MTE3, {id}\n"
TAKE = "    cross_core_wait_flag MTE2, {id}\n"


def pair(set_first: bool = False) -> str:
    """The first vector core stores, the second one loads, much later."""
    store, load = "    mov_ub_gm r6, r1, len=64\n", "    mov_gm_ub r1, r6, len=64{}\n"
    flag = HAND.format(mode="pair", id=1)
    first = LOAD + (flag + store if set_first else store + flag) + TAKE.format(id=1)
    return by_core(first, flag + TAKE.format(id=1) + SPIN + load)


def test_pair() -> None:
    finds(vector=pair().format(""), head=HEAD)


def test_pair_set_before_the_store() -> None:
    finds(vector=pair(set_first=True).format("   ;<- E201"), head=HEAD)


def test_the_flag_must_be_set_on_the_pipe_that_stores() -> None:
    text = pair().replace("cross_core_set_flag pair, MTE3", "cross_core_set_flag pair, MTE2")
    finds(vector=text.format("   ;<- E201"), head=HEAD)


def test_the_wait_must_be_on_the_pipe_that_loads() -> None:
    text = pair().replace("cross_core_wait_flag MTE2", "cross_core_wait_flag V")
    finds(vector=text.format("   ;<- E201"), head=HEAD)


def test_a_wait_of_s_holds_for_what_it_dispatches_afterwards() -> None:
    text = pair().replace("cross_core_wait_flag MTE2", "cross_core_wait_flag S")
    finds(vector=text.format(""), head=HEAD)


@pytest.mark.parametrize("after", [True, False])
def test_all_vector_cores(after: bool) -> None:
    """Every core stores its part and reads the whole when all have arrived."""
    store = "    mul r8, r21, 128\n    mul r9, r20, 64\n    add r8, r8, r9\n    add r8, r8, r6\n"
    store += "    mov_ub_gm r8, r1, len=64\n"
    flag = "    cross_core_set_flag all, MTE3, 3\n"
    body = BASE + LOAD + (store + flag if after else flag + store) + SPIN
    body += "    cross_core_wait_flag MTE2, 3\n    mov_gm_ub r1, r6, len=256{}\n"
    finds(vector=body.format("" if after else "   ;<- E201, E202"), head=HEAD, blocks=2)


def test_two_rounds_of_a_gathered_flag() -> None:
    """Each round orders its own stores; the second load of the other's part needs another flag."""
    part = "    mul r8, r20, 64\n    add r8, r8, r6\n    xor r9, r20, 1\n    mul r9, r9, 64\n"
    part += "    add r9, r9, r6\n"
    turn = "    mov_ub_gm r8, r1, len=64{}\n" + HAND.format(mode="pair", id=1)
    turn += TAKE.format(id=1) + "    mov_gm_ub r1, r9, len=64\n"
    back = sync("MTE2", "MTE3") + HAND.format(mode="pair", id=2)
    back += "    cross_core_wait_flag MTE3, 2\n"
    finds(vector=BASE + LOAD + part + turn.format("") + back + turn.format(""), head=HEAD)
    body = BASE + LOAD + part + turn.format("") + sync("MTE2", "MTE3")
    finds(vector=body + turn.format("   ;<- E202"), head=HEAD)


# --- cube and vector

FIX = "    fix_l0c_gm.none_b32 r6, r1, 16, 16, 1, 64{}\n"
SUM = "    mov_gm_l1 r1, r3, len=1024\n" + sync("MTE2", "MTE1")
SUM += "    load_l1_l0a.b16 r1, r1, 1, 1, 1\n    load_l1_l0b.b16 r1, r1, 1, 1, 1\n"
SUM += sync("MTE1", "M") + "    mmad.f16 r1, r1, r1, 16, 16, 16, zero\n" + sync("M", "FIX")


@pytest.mark.parametrize("machine", [A2, A5])
def test_cube_to_vector(machine: str) -> None:
    cube = CUBE + SUM + FIX.format("") + "    cross_core_set_flag cv, FIX, 4\n"
    vector = BASE + "    cross_core_wait_flag MTE2, 4\n    mov_gm_ub r1, r6, len=1024\n"
    finds(cube, vector, HEAD, machine=machine)
    late = BASE + SPIN
    late += "    mov_gm_ub r1, r6, len=1024   ;<- E201\n    cross_core_wait_flag MTE2, 4\n"
    finds(cube, late, HEAD, machine=machine)


def test_vector_to_cube_needs_the_flag_of_both() -> None:
    """cv: the cube core's count carries what both vector cores have done."""
    vector = BASE + LOAD + "    mul r20, r20, 512\n    add r6, r6, r20\n"
    vector += "    mov_ub_gm r6, r1, len=256\n    add r6, r6, 256\n    mov_ub_gm r6, r1, len=256\n"
    vector += "    cross_core_set_flag cv, MTE3, 4\n"
    cube = CUBE + "    cross_core_wait_flag MTE2, 4\n    mov_gm_l1 r1, r6, len=1024\n"
    finds(cube, vector, HEAD)


def test_c1v_carries_one_core_only() -> None:
    """The cube core takes the flag of the first vector core, and reads what both have stored."""
    vector = BASE + LOAD + "    mul r20, r20, 256\n    add r6, r6, r20\n"
    vector += "    mov_ub_gm r6, r1, len=256\n    cross_core_set_flag c1v, MTE3, 4\n"
    cube = CUBE + "    cross_core_wait_flag MTE2, {}\n    cross_core_wait_flag {}, {}\n"
    cube += "    mov_gm_l1 r1, r6, len=512{}\n"
    finds(cube.format(4, "MTE2", 20, ""), vector, HEAD, machine=A5)
    found = finds(cube.format(4, "M", 20, "   ;<- E201"), vector, HEAD, machine=A5)
    assert "bytes 256 .. 511 of tensor T" in found[0]["message"]
    found = finds(cube.format(20, "M", 4, "   ;<- E201"), vector, HEAD, machine=A5)
    assert "bytes 0 .. 255 of tensor T" in found[0]["message"]


@pytest.mark.parametrize("core", [0, 1])
def test_a_unified_buffer_written_by_the_cube_core(core: int) -> None:
    cube = CUBE + f"    mov_gm_l1 r1, r3, len=64\n{sync('MTE2', 'MTE1')}"
    cube += f"    mov_l1_ub r1, r1, len=64, core=aiv{core}\n    cross_core_set_flag cv, MTE1, 4\n"
    wait = "    cross_core_wait_flag V, 4\n"
    use = "    li r2, 4096\n    set_vector_mask 0, 65535\n    vabs.f32 r2, r1{}\n"
    mine, other = wait + use.format(""), wait + use.format("   ;<- E204")
    finds(cube, by_core(*((mine, other) if core == 0 else (other, mine))), HEAD, machine=A5)
    mine, other = SPIN + use.format("   ;<- E201") + wait, wait
    found = finds(cube, by_core(*((mine, other) if core == 0 else (other, mine))), HEAD, machine=A5)
    assert "UB bytes 0 .. 63," in found[0]["message"]


def test_l1_written_by_both_vector_cores() -> None:
    """Neighbouring bytes are theirs; the same bytes are not."""
    body = BASE + LOAD + "    mul r20, r20, {}\n    mov_ub_l1 r20, r1, len=64{}\n"
    finds(vector=body.format(64, ""), head=HEAD, machine=A5)
    found = finds(vector=body.format(32, "   ;<- E203"), head=HEAD, machine=A5)
    assert "L1 bytes 32 .. 63 of block 0 aic" in found[0]["message"]


def test_every_occurrence_is_counted_once() -> None:
    """Four blocks: three later ones race with the one before each."""
    body = BASE + "    bne r20, 0, end\n" + LOAD + "    mov_ub_gm r6, r1, len=16   ;<- E203\nend:"
    found = finds(vector=body, head=HEAD, blocks=4)
    assert found[0]["message"].endswith("; 3 times in this run")


def test_the_bytes_of_a_finding_are_those_of_its_first_occurrence() -> None:
    """Two cores store at the same cycle; a third overwrites the bytes of both."""
    store = "    mul r8, r21, 1024\n    add r8, r8, r6\n    st.u8 r1, GM, r8\n"
    over = "    bne r21, 0, end\n" + LOAD + SPIN
    over += "    mov_ub_gm r6, r1, 2, 64, 0, 1024   ;<- E203\nend:"
    found = finds(vector=by_core(store, over), head=HEAD, blocks=2)
    assert "bytes 0 .. 0 of tensor T" in found[0]["message"]


def test_diagnostics_do_not_depend_on_the_mode() -> None:
    """Only undefined bytes that are carried need numbers."""
    body = BASE + "    bne r20, 0, end\n" + LOAD + "    mov_ub_gm r6, r1, len=16\nend:"
    text = f".kernel t\n.machines {A2}\n{HEAD}\n.section vector\n{body}\n    halt\n"
    program = npuemu.assemble(text, blocks=2)
    full, timing = npuemu.run(program), npuemu.run(program, mode="timing")
    assert full.diagnostics == timing.diagnostics


def test_repairs_of_a_line_that_races_with_itself() -> None:
    """A flag or barrier between a line and itself would help nobody."""
    head = ".kernel same\n.machines ascend910b1\n.tensor Y f32 [64] out\n.section vector\n"
    store = "    li r1, 0\n    li r2, Y\n    vdup.b32 r1, r1\n    pipe_barrier ALL\n"
    text = head + store + "    mov_ub_gm r2, r1, len=256\n    halt\n"
    (found,) = npuemu.run(npuemu.assemble(text)).diagnostics
    assert found["code"] == "E203" and found["help"].startswith("give every core a part of its own")
    once = head + "    li r1, 0\n    li r3, 2\nagain:\n    vdup.b32 r1, r1\n    sub r3, r3, 1\n"
    rows = npuemu.run(npuemu.assemble(once + "    bne r3, 0, again\n    halt\n")).diagnostics
    (found,) = [row for row in rows if row["code"] == "E203"]
    assert found["help"] == "pipe_barrier V before line 8 orders them"


def test_a_refused_instruction_names_the_race_that_made_its_values_wrong() -> None:
    """Offsets that the vector pipe reads without a flag from the load."""
    head = ".tensor X u32 [64] in\n.buffer table UB 256\n.buffer offsets UB 256"
    body = "    li r1, 0\n    li r2, table\n    li r3, offsets\n    li r4, X\n"
    body += "    mov_gm_ub r3, r4, len=256\n    vdup.b32 r2, r1\n    pipe_barrier V\n"
    body += "    vgather.b32 r2, r3, r2, 256   ; refused"
    text = f".kernel t\n.machines {A2}\n{head}\n.section vector\n{body}\n    halt\n"
    run = npuemu.run(npuemu.assemble(text), inputs={"X": np.full(64, 1 << 20, np.uint32)})
    line = next(i for i, t in enumerate(text.splitlines(), 1) if "refused" in t)
    found = {(row["code"], int(row["where"].split(":")[1])) for row in run.diagnostics}
    assert found == {("E201", line), ("E117", line)}
