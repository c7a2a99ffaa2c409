"""Races within a core, end to end, with every kind of order that prevents them and without."""

from __future__ import annotations

import pytest

from tests.observe.kernels import A2, A5, BOTH, finds, first_core, sync

HEAD = ".tensor X u8 [4096] in\n.tensor Y u8 [4096] out\n.tensor T u8 [4096] scratch"
BASE = "    li r1, 0\n    li r2, 4096\n    li r3, X\n    li r4, Y\n    li r5, 8192\n    li r6, T\n"


def on_vector(body: str, machine: str = A2, **options: object) -> list[dict[str, str]]:
    """Findings of vector code on one core."""
    return finds(vector=first_core(BASE + body), head=HEAD, machine=machine, **options)


def on_cube(body: str, machine: str = A2) -> list[dict[str, str]]:
    """Findings of cube code."""
    return finds(cube=BASE + body, head=HEAD, machine=machine)


@pytest.mark.parametrize("machine", BOTH)
def test_load_use_store_with_flags(machine: str) -> None:
    body = "    mov_gm_ub r1, r3, len=256\n" + sync("MTE2", "V")
    body += "    vadd.f32 r2, r1, r1\n" + sync("V", "MTE3") + "    mov_ub_gm r4, r2, len=256\n"
    on_vector(body, machine)


@pytest.mark.parametrize("machine", BOTH)
def test_load_use_store_without_the_first_flag(machine: str) -> None:
    body = "    mov_gm_ub r1, r3, len=256\n    vadd.f32 r2, r1, r1   ;<- E201\n"
    body += sync("V", "MTE3") + "    mov_ub_gm r4, r2, len=256\n"
    on_vector(body, machine)


@pytest.mark.parametrize("machine", BOTH)
def test_load_use_store_without_the_second_flag(machine: str) -> None:
    """The store takes its turn before the addition, and stands behind it in the text."""
    body = "    mov_gm_ub r1, r3, len=256\n" + sync("MTE2", "V")
    on_vector(
        body + "    vadd.f32 r2, r1, r1\n    mov_ub_gm r4, r2, len=256  ;<- E201, E204\n", machine
    )


def test_a_flag_between_other_pipes_orders_nothing() -> None:
    body = "    mov_gm_ub r1, r3, len=256\n" + sync("MTE3", "V")
    on_vector(body + "    vadd.f32 r2, r1, r1   ;<- E201\n")


def test_a_flag_set_before_the_load_orders_nothing() -> None:
    body = "    set_flag MTE2, V, 0\n    mov_gm_ub r1, r3, len=256\n    wait_flag MTE2, V, 0\n"
    on_vector(body + "    vadd.f32 r2, r1, r1   ;<- E201\n")


def test_a_use_before_the_wait() -> None:
    body = "    mov_gm_ub r1, r3, len=256\n    set_flag MTE2, V, 0\n"
    on_vector(body + "    vadd.f32 r2, r1, r1   ;<- E201\n    wait_flag MTE2, V, 0\n")


CHAIN = "    vdup.b32 r2, r1\n{}    vadd.f32 r5, r2, r2{}\n"
OVERWRITE = "    vdup.b32 r2, r1\n    vdup.b32 r5, r1\n    pipe_barrier V\n"


def test_barrier_in_v_is_needed_where_v_is_not_protected() -> None:
    on_vector(CHAIN.format("", "   ;<- E201"), A2)
    on_vector(CHAIN.format("    pipe_barrier V\n", ""), A2)
    on_vector(CHAIN.format("    pipe_barrier MTE2\n", "   ;<- E201"), A2)
    on_vector(CHAIN.format("", ""), A5)


def test_a_read_then_a_write_of_the_same_pipe() -> None:
    body = OVERWRITE + "    vabs.f32 r1, r2\n    vdup.b32 r2, r1{}\n"
    on_vector(body.format("   ;<- E202"), A2)
    on_vector(body.format(""), A5)


def test_a_read_then_an_instruction_that_works_in_place() -> None:
    """It reads what it overwrites: its own read must not hide the one before."""
    body = OVERWRITE + "    vabs.f32 r1, r2\n    vadds.f32 r2, r2, r5{}\n"
    on_vector(body.format("   ;<- E202"), A2)
    on_vector(body.format(""), A5)
    body = OVERWRITE + "    vabs.f32 r1, r2\n    pipe_barrier V\n    vadds.f32 r2, r2, r5\n"
    on_vector(body, A2)


def test_in_place_after_many_readers() -> None:
    """Of the readers in its own pipe the latest is enough."""
    read = "    vabs.f32 r1, r2\n    pipe_barrier V\n"
    last = "    vadds.f32 r2, r2, r5{}\n"
    on_vector(OVERWRITE + 5 * read + last.format(""), A2)
    body = OVERWRITE + 5 * read + "    vneg.f32 r5, r2\n"
    on_vector(body + last.format("   ;<- E202"), A2)


@pytest.mark.parametrize("machine", BOTH)
def test_m_is_protected(machine: str) -> None:
    body = "    mov_gm_l1 r1, r3, len=1024\n" + sync("MTE2", "MTE1")
    body += "    load_l1_l0a.b16 r1, r1, 1, 1, 1\n    load_l1_l0b.b16 r1, r1, 1, 1, 1\n"
    body += sync("MTE1", "M") + "    mmad.f16 r1, r1, r1, 16, 16, 16, zero\n"
    body += "    mmad.f16 r1, r1, r1, 16, 16, 16, acc\n" + sync("M", "FIX")
    on_cube(body + "    fix_l0c_gm.none_b32 r4, r1, 16, 16, 1, 64\n", machine)


def test_loads_of_one_pipe_are_not_ordered() -> None:
    body = "    mov_gm_ub r1, r3, len=256\n{}    mov_gm_ub r1, r3, len=256{}\n"
    on_vector(body.format("", "   ;<- E203"))
    on_vector(body.format("    pipe_barrier MTE2\n", ""))
    on_vector(body.format("    pipe_barrier ALL\n", ""))


def test_partial_granules() -> None:
    """Two loads into neighbouring bytes of one granule, then into one byte of it twice."""
    body = "    mov_gm_ub r1, r3, len=16\n    li r7, 16\n    li r8, T\n" + sync("MTE2", "MTE3")
    body += "    mov_ub_gm r8, r1, len=16\n    add r8, r8, {}\n    mov_ub_gm r8, r1, len=16{}\n"
    on_vector(body.format(16, ""))
    found = on_vector(body.format(15, "   ;<- E203"))
    assert "bytes 15 .. 15 of tensor T" in found[0]["message"]


def test_a_vector_tail_beside_other_bytes() -> None:
    """V writes 3 lanes of a block while S reads another lane of it."""
    body = "    mov_gm_ub r1, r3, len=32\n" + sync("MTE2", "S")
    body += "    set_vector_mask 0, 7\n    vdup.b32 r1, r5\n    ld.u32 r9, UB, r1, {}{}\n"
    on_vector(body.format(12, ""))
    on_vector(body.format(8, "   ;<- E201"))


def test_scalar_accesses() -> None:
    """S sees what it waited for, and what it has stored is there for what it dispatches."""
    body = "    st.u32 r3, UB, r1\n    vadd.f32 r2, r1, r1   ;<- E204\n"
    on_vector(body)
    load = "    mov_gm_ub r1, r3, len=256\n{}    ld.u32 r9, UB, r1{}\n"
    on_vector(load.format("", "   ;<- E201"))
    on_vector(load.format(sync("MTE2", "S"), ""))
    on_vector(load.format("    pipe_barrier ALL\n", ""))
    on_vector(load.format("    pipe_barrier MTE2\n", "   ;<- E201"))
    over = "    mov_gm_ub r1, r3, len=256\n{}    st.u32 r9, UB, r1{}\n"
    on_vector(over.format("", "   ;<- E203"))
    on_vector(over.format(sync("MTE2", "S"), ""))


def test_what_s_waited_for_holds_for_what_it_dispatches() -> None:
    body = "    mov_gm_ub r1, r3, len=256\n" + sync("MTE2", "S") + "    vadd.f32 r2, r1, r1\n"
    on_vector(body + sync("V", "S") + "    mov_ub_gm r4, r2, len=256\n")


def test_dispatched_before_s_waited() -> None:
    body = "    mov_gm_ub r1, r3, len=256\n    vadd.f32 r2, r1, r1   ;<- E201\n" + sync("MTE2", "S")
    on_vector(body)


@pytest.mark.parametrize("machine", BOTH)
def test_a_chain_over_three_pipes(machine: str) -> None:
    """MTE2 to V, V to MTE3, and MTE3 reads what MTE2 wrote."""
    body = "    mov_gm_ub r1, r3, len=256\n{}    vadd.f32 r2, r1, r1\n" + sync("V", "MTE3")
    body += "    mov_ub_gm r4, r1, len=256{}\n"
    on_vector(body.format(sync("MTE2", "V"), ""), machine)
    broken = body.format("", "   ;<- E201").replace("r1, r1\n", "r1, r1   ;<- E201\n")
    on_vector(broken, machine)


def test_a_race_in_the_second_round_only() -> None:
    body = ".rep i, 0, {}\n    mov_gm_ub r1, r3, len=256{}\n" + sync("MTE2", "V")
    body += "    vadd.f32 r2, r1, r1\n    pipe_barrier V\n.endrep\n"
    on_vector(body.format(1, ""))
    on_vector(body.format(2, "   ;<- E202, E203"))


DOUBLE = """
    set_flag V, MTE2, 0
    set_flag V, MTE2, 1
.rep i, 0, 4
    li r7, i % 2 * 1024
    {}
    mov_gm_ub r7, r3, len=1024{}
    set_flag MTE2, V, i % 2
    wait_flag MTE2, V, i % 2
    vabs.f32 r2, r7, rep=4
    pipe_barrier V
    set_flag V, MTE2, i % 2
.endrep
"""


def test_double_buffering() -> None:
    ends = "    wait_flag V, MTE2, 0\n    wait_flag V, MTE2, 1\n"
    on_vector(DOUBLE.format("wait_flag V, MTE2, i % 2", "") + ends)


def test_double_buffering_with_one_wait_missing() -> None:
    """One buffer has its flags, the other none."""
    text = DOUBLE.replace("    set_flag V, MTE2, 1\n", "", 1)
    text = text.replace(
        "    set_flag V, MTE2, i % 2", ".if i % 2 == 0\n    set_flag V, MTE2, 0\n.endif"
    )
    wait = ".if i % 2 == 0\n    wait_flag V, MTE2, 0\n.endif"
    text = text.format(wait, "   ;<- E202, E203") + "    wait_flag V, MTE2, 0\n"
    found = on_vector(text)
    assert all("UB bytes 1024 .. 2047" in d["message"] for d in found)
