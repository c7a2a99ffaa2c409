"""Undefined bytes, end to end: carried by moves, found where they are used."""

from __future__ import annotations

import pytest

from tests.observe.kernels import A2, A5, BOTH, finds, first_core

HEAD = ".tensor X u8 [65536] in\n.tensor Y u8 [65536] out\n.tensor T u8 [65536] scratch"
BASE = (
    "    li r1, 0\n    li r2, 16384\n    li r3, X\n    li r4, Y\n    li r5, 32768\n    li r6, T\n"
)
ALL = "    pipe_barrier ALL\n"
HALF = "li r10, 0xFFFFFFFF\n    set_vector_mask 0, r10"
CARRIED = ("full",)
"""Timing mode moves no bytes, so it follows none."""


def lines(*body: str) -> str:
    """Each after the one before has completed."""
    return "".join(f"    {line}\n{ALL}" for line in body)


def on_vector(*body: str, machine: str = A2) -> list[dict[str, str]]:
    """Findings of vector code on one core, each line after the one before."""
    text = first_core(BASE + lines(*body))
    return finds(vector=text, head=HEAD, machine=machine, modes=CARRIED)


def on_cube(*body: str, machine: str = A2) -> list[dict[str, str]]:
    """Findings of cube code."""
    return finds(cube=BASE + lines(*body), head=HEAD, machine=machine, modes=CARRIED)


# --- used at once


@pytest.mark.parametrize("machine", BOTH)
def test_used_at_once(machine: str) -> None:
    (found,) = on_vector("vabs.f32 r2, r1   ;<- E204", machine=machine)
    assert "UB bytes 0 .. 255" in found["message"]
    on_vector("ld.u32 r9, UB, r1, 8   ;<- E204", machine=machine)
    on_vector("mov_ub_gm r4, r1, len=32   ;<- E204", machine=machine)
    on_cube("mmad.f16 r1, r1, r1, 16, 16, 16, zero   ;<- E204", machine=machine)
    on_cube("fix_l0c_gm.none_b32 r4, r1, 16, 16, 1, 64   ;<- E204", machine=machine)


def test_the_bytes_that_are_undefined() -> None:
    (found,) = on_vector("mov_gm_ub r1, r3, len=100", "vabs.f32 r2, r1   ;<- E204")
    assert "UB bytes 100 .. 255" in found["message"]
    on_vector("mov_gm_ub r1, r3, len=100, rpad=28", HALF, "vabs.f32 r2, r1")
    on_vector("mov_gm_ub r1, r3, 2, 100, 0, 128, 12, 16", "vabs.f32 r2, r1")


def test_an_instruction_that_writes_nothing_defined() -> None:
    on_vector("vdup.b32 r1, r5, rep=0", "vabs.f32 r2, r1   ;<- E204")


# --- through UB and a scratch tensor

ROUND = ("mov_ub_gm r6, r1, len=256", "mov_gm_ub r2, r6, len=256")


def test_through_a_scratch_tensor() -> None:
    half = "mov_gm_ub r1, r3, len=128"
    on_vector(half, *ROUND)
    (found,) = on_vector(half, *ROUND, "vabs.f32 r5, r2   ;<- E204")
    assert "UB bytes 16512 .. 16639" in found["message"]
    on_vector(half, *ROUND, HALF, "vabs.f32 r5, r2")
    on_vector(half, *ROUND, "mov_ub_gm r4, r2, len=128")
    (found,) = on_vector(half, *ROUND, "mov_ub_gm r4, r2, len=132   ;<- E204")
    assert "UB bytes 16512 .. 16515" in found["message"]


def test_overwritten_before_it_is_used() -> None:
    half, over = "mov_gm_ub r1, r3, len=128", "li r7, 16512"
    on_vector(half, *ROUND, over, "vdup.b32 r7, r5", "vabs.f32 r5, r2")
    on_vector(half, *ROUND, over, "mov_gm_ub r7, r3, len=128", "vabs.f32 r5, r2")
    found = on_vector(half, *ROUND, over, "mov_gm_ub r7, r3, len=100", "vabs.f32 r5, r2   ;<- E204")
    assert "UB bytes 16612 .. 16639" in found[0]["message"]
    on_vector(half, "mov_ub_gm r6, r1, len=256", "li r8, T + 128", "mov_ub_gm r8, r1, len=128",
              "mov_gm_ub r2, r6, len=256", "vabs.f32 r5, r2")  # fmt: skip


def test_defined_again_and_undefined_again() -> None:
    """The same places, round after round: old marks mean nothing."""
    copy = ("mov_ub_gm r6, r1, len=256", "mov_gm_ub r2, r6, len=256")
    on_vector(*copy, "vdup.b32 r1, r5", *copy, "vabs.f32 r5, r2")
    again = (
        "li r8, 8192",
        "li r9, T + 1024",
        "mov_ub_gm r9, r8, len=64",
        "mov_gm_ub r2, r9, len=64",
    )
    found = on_vector("vdup.b32 r1, r5", *copy, *again, "vabs.f32 r5, r2   ;<- E204")
    assert "UB bytes 16384 .. 16447" in found[0]["message"]


def test_unaligned_pieces() -> None:
    """Bytes 16 .. 31 of every row are undefined; rows of 24 bytes take 8 of them each."""
    load = "mov_gm_ub r1, r3, 4, 16, 16, 32"
    store = "mov_ub_gm r6, r1, 4, {0}, 32, {0}"
    back = "mov_gm_ub r2, r6, len={}"
    on_vector(
        load, store.format(16), back.format(64), "set_vector_mask 0, 65535", "vabs.f32 r5, r2"
    )
    found = on_vector(load, store.format(24), back.format(96), "set_vector_mask 0, 0xFFFFFF",
                      "vabs.f32 r5, r2   ;<- E204")  # fmt: skip
    assert "UB bytes 16400 .. 16479" in found[0]["message"]
    on_vector(load, store.format(24), back.format(96), "set_vector_mask 0, 15", "vabs.f32 r5, r2")


def test_timing_mode_follows_nothing_and_finds_nothing_wrong() -> None:
    text = first_core(BASE + lines("mov_gm_ub r1, r3, len=128", *ROUND, "vabs.f32 r5, r2"))
    finds(vector=text, head=HEAD, modes=("timing",))


# --- through L1 to the Cube

LOADS = ("load_l1_l0a", "load_l1_l0b")
USE = "mmad.{} r1, r1, r1, {}, {}, {}, zero"


@pytest.mark.parametrize("machine", BOTH)
@pytest.mark.parametrize("rows", [32, 31])
@pytest.mark.parametrize(("kind", "width"), [("f16", "b16"), ("s8", "b8")])
def test_rows_of_a_tile(kind: str, width: str, rows: int, machine: str) -> None:
    """A and B from one L1 tile of 32 rows of 64 bytes, all of them defined or all but one."""
    fill = f"nd2nz_gm_l1 r1, r3, {rows}, 64, 64, 32"
    load = [f"{name}.{width} r1, r1, 2, 2, 2" for name in LOADS]
    use = USE.format(kind, 32, 32, 32 if kind == "f16" else 64)
    on_cube(fill, *load, use + ("   ;<- E204" if rows < 32 else ""), machine=machine)


@pytest.mark.parametrize("machine", BOTH)
@pytest.mark.parametrize("rows", [32, 31])
def test_bytes_transposed_by_squares(rows: int, machine: str) -> None:
    """b8: 32 k rows of 32 bytes are a square; the last of them is the last element of a row."""
    fill = f"nd2nz_gm_l1 r1, r3, {rows}, 32, 32, 32"
    load = [f"{name}.b8 r1, r1, 2, 1, 2, transpose=1" for name in LOADS]
    use = USE.format("s8", 32, 32, 32)
    found = on_cube(fill, *load, use + ("   ;<- E204" if rows < 32 else ""), machine=machine)
    if found:
        assert "L0A bytes 31 .. 1023" in found[0]["message"]


@pytest.mark.parametrize("machine", BOTH)
def test_only_the_rows_that_are_used(machine: str) -> None:
    """17 defined rows of 32: a product of 17 rows uses no other."""
    fill = "nd2nz_gm_l1 r1, r3, 17, 64, 64, 32"
    load = [f"{name}.b16 r1, r1, 2, 2, 2" for name in LOADS]
    on_cube(fill, *load, USE.format("f16", 17, 17, 32), machine=machine)
    on_cube(fill, *load, USE.format("f16", 18, 17, 32) + "   ;<- E204", machine=machine)
    on_cube(fill, *load, USE.format("f16", 17, 18, 32) + "   ;<- E204", machine=machine)


@pytest.mark.parametrize("machine", BOTH)
def test_transposed_marks_move_with_their_elements(machine: str) -> None:
    """Undefined k rows of the source are undefined k columns of A, in every row of it."""
    fill = "nd2nz_gm_l1 r1, r3, 16, 32, 32, 16"
    load = [f"{name}.b16 r1, r1, 1, 2, 1, transpose=1" for name in LOADS]
    first = USE.format("f16", 16, 16, 16)
    if machine == A5:
        on_cube(fill, *load, first, machine=machine)
    on_cube(fill, *load, USE.format("f16", 16, 16, 32) + "   ;<- E204", machine=machine)


def test_marks_of_half_bytes() -> None:
    """b4: two elements a byte move as one byte."""
    fill = ("nd2nz_gm_l1 r1, r3, {}, 32, 32, 16", "mov_gm_l1 r2, r3, len=32")
    load = ("load_l1_l0a.b4 r1, r1, 1, 1, 1", "load_l1_l0b.b4 r1, r1, 1, 1, 1")
    scales = ("load_l1_l0a_mx r1, r2, 1, 1, 2", "load_l1_l0b_mx r1, r2, 1, 1, 2")
    use = USE.format("mxfp4", 16, 16, 64)
    full = fill[0].format(16)
    on_cube(full, fill[1], *load, *scales, use, machine=A5)
    on_cube(fill[0].format(15), fill[1], *load, *scales, use + "   ;<- E204", machine=A5)
    found = on_cube(full, *load, *scales, use + "   ;<- E204", machine=A5)
    assert len(found) == 1 and "times" not in found[0]["message"], "two tables, one execution"


@pytest.mark.parametrize("machine", BOTH)
def test_bias_and_scales(machine: str) -> None:
    """Tables are loaded in units of 64 bytes; what is not used of them may be anything."""
    fill = ("nd2nz_gm_l1 r1, r3, 16, 32, 32, 16", "mov_gm_l1 r2, r3, len=32")
    load = ("load_l1_l0a.b16 r1, r1, 1, 1, 1", "load_l1_l0b.b16 r1, r1, 1, 1, 1")
    bias = "mmad.f16 r1, r1, r1, 16, {}, 16, bias, r1"
    on_cube(*fill, *load, "mov_l1_bt r1, r2, 64", bias.format(8), machine=machine)
    on_cube(*fill, *load, "mov_l1_bt r1, r2, 64", bias.format(9) + "   ;<- E204", machine=machine)
    start = (*fill, *load, "mov_l1_fb r1, r2, 64", "mmad.s8 r1, r1, r1, 16, 16, 32, zero")
    out = "fix_l0c_gm.s32_s8 r4, r1, 16, {}, 1, 32, quant=vector, scale=r1"
    on_cube(*start, out.format(4), machine=machine)
    on_cube(*start, out.format(5) + "   ;<- E204", machine=machine)


# --- paths of the newer machine


def test_between_l1_and_ub() -> None:
    vector = first_core(
        BASE + lines("mov_gm_ub r1, r3, len=96", "mov_ub_l1 r1, r1, len=128")
        + "    cross_core_set_flag c1v, MTE3, 1\n"
    )  # fmt: skip
    cube = BASE + "    cross_core_wait_flag S, 1\n" + lines(
        "load_l1_l0a.b16 r1, r1, 1, 1, 1", "mmad.f16 r1, r1, r1, {}, 16, 16, zero   ;<- E204"
    )  # fmt: skip
    (found,) = finds(cube.format(3), vector, HEAD, machine=A5, modes=CARRIED)
    assert "L0B" in found["message"]
    found = finds(cube.format(4), vector, HEAD, machine=A5, modes=CARRIED)[0]
    assert "L0A bytes 96 .. 127" in found["message"]


def test_from_l1_to_ub() -> None:
    cube = BASE + lines("mov_gm_l1 r1, r3, len=64", "mov_l1_ub r1, r1, len=128, core=aiv0")
    cube += "    cross_core_set_flag c1v, MTE1, 1\n"
    use = "    cross_core_wait_flag V, 1\n    set_vector_mask 0, {}\n    vabs.f32 r2, r1{}\n"
    for mask, mark in ((0xFFFF, ""), (0x1FFFF, "   ;<- E204")):
        vector = first_core(BASE + use.format(mask, mark))
        finds(cube, vector, HEAD, machine=A5, modes=CARRIED)
