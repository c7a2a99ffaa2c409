"""Results that nothing reads, end to end; how much of what ran that was."""

from __future__ import annotations

import pytest

from tests.observe.kernels import A2, finds, first_core

HEAD = ".tensor X u8 [4096] in\n.tensor Y u8 [4096] out\n.tensor T u8 [4096] scratch"
BASE = "    li r1, 0\n    li r2, 4096\n    li r3, X\n    li r4, Y\n    li r5, 8192\n    li r6, T\n"
ALL = "    pipe_barrier ALL\n"


def on_vector(*body: str) -> list[dict[str, str]]:
    """Findings of vector code on one core, each line after the one before has completed."""
    text = BASE + "".join(f"    {line}\n{ALL}" for line in body)
    return finds(vector=first_core(text), head=HEAD, machine=A2, unused=True)


@pytest.mark.parametrize("size", [256, 32, 1])
def test_one_byte_that_is_read_is_use(size: int) -> None:
    on_vector("mov_gm_ub r1, r3, len=256", f"mov_ub_gm r4, r1, len={size}")
    on_vector("mov_gm_ub r1, r3, len=256   ;<- W211")
    on_vector("mov_gm_ub r1, r3, len=256", "ld.u8 r9, UB, r1, 255")
    on_vector("mov_gm_ub r1, r3, len=255, rpad=1", "ld.u8 r9, UB, r1, 255")


def test_overwritten_before_it_is_read() -> None:
    body = ("mov_gm_ub r1, r3, len=256   ;<- W211", "vdup.b32 r1, r5", "mov_ub_gm r4, r1, len=256")
    on_vector(*body)
    kept = ("mov_gm_ub r1, r3, len=257, rpad=31", *body[1:2], "ld.u8 r9, UB, r1, 256")
    on_vector(*kept, "mov_ub_gm r4, r1, len=256")


def test_what_is_left_in_an_output_is_used() -> None:
    on_vector("st.u32 r1, GM, r4")
    on_vector("st.u32 r1, GM, r4   ;<- W210", "st.u32 r1, GM, r4")
    on_vector("st.u32 r1, GM, r4", "st.u16 r1, GM, r4")
    on_vector("st.u32 r1, GM, r6   ;<- W210")
    on_vector("st.u32 r1, GM, r6", "ld.u8 r9, GM, r6, 3")


def test_a_scratch_tensor_right_behind_an_output() -> None:
    head = ".tensor Y u8 [512] out, at=4096\n.tensor T u8 [512] scratch, at=4608"
    body = "    li r1, T\n    st.u32 r1, GM, r1   ;<- W210\n"
    finds(vector=first_core(body), head=head, unused=True)


LOOP = "    li r7, 0\nagain:\n    vdup.b32 r1, r5{}\n    pipe_barrier V\n    add r7, r7, 1\n"
LOOP += "    blt r7, 3, again\n" + ALL


def test_a_result_that_is_used_once_is_no_waste() -> None:
    """Of three executions the last one is read; or none is."""
    body = LOOP.format("") + "    mov_ub_gm r4, r1, len=256\n"
    finds(vector=first_core(BASE + body), head=HEAD, unused=True)
    text = first_core(BASE + LOOP.format("   ;<- W210"))
    (found,) = finds(vector=text, head=HEAD, unused=True)
    assert "in 3 of 3 executions" in found["message"]
