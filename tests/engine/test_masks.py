"""Mask and counter mode reach the vector instructions that are dispatched after them."""

from __future__ import annotations

import pytest

from tests.engine.harness import run, words

HEAD = ".tensor OUT u32 [512] out"
OLD = 0xFFFF_FFFF
START = "    subblock_idx r9\n    bne r9, 0, done\n    li r1, 0\n    li r2, 7\n    li r3, OUT\n"
END = "    pipe_barrier ALL\n    mov_ub_gm r3, r1, len=2048\ndone:\n"


def lanes(*lines: str) -> list[int]:
    """UB words 0 .. 511 after some lines: 1 where a vdup of 7 has been."""
    body = START + "".join(f"    {line}\n" for line in lines) + END
    found = words(run(vector=body, head=HEAD))
    assert set(found) <= {7, OLD}
    return [int(v == 7) for v in found]


@pytest.mark.parametrize("mask", [0, 1, 1 << 63, 0xF0F0, (1 << 64) - 1, 0x8000_0000_0000_0001])
def test_bit_mask_of_32_bit_lanes(mask: int) -> None:
    found = lanes(f"li r4, {mask}", "set_vector_mask 0, r4", "vdup.b32 r1, r2, rep=2")
    one = [mask >> i & 1 for i in range(64)]
    assert found == one * 2 + [0] * 384


def test_high_bits_are_the_upper_half_of_16_bit_lanes() -> None:
    body = START + "    set_vector_mask 3, 0\n    vdup.b16 r1, r2\n" + END
    found = words(run(vector=body, head=HEAD))
    assert found[:34] == [OLD] * 32 + [0x0007_0007] + [OLD]


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200, 512])
def test_counter_mode(count: int) -> None:
    found = lanes("set_mask_count", f"set_vector_mask 0, {count}", "vdup.b32 r1, r2, rep=1")
    assert found == [1] * count + [0] * (512 - count)


def test_counter_mode_of_8_bit_lanes() -> None:
    body = START + "    set_mask_count\n    set_vector_mask 0, 258\n    vdup.b8 r1, r2\n" + END
    found = words(run(vector=body, head=HEAD))
    assert found[:66] == [0x0707_0707] * 64 + [0xFFFF_0707, OLD]


def test_the_mask_is_read_at_dispatch() -> None:
    """A vector instruction that waits in its queue keeps the mask of its dispatch."""
    found = lanes(
        "set_vector_mask 0, 1",
        "wait_flag S, V, 0",
        "vdup.b32 r1, r2",
        "set_vector_mask 0, 2",
        "set_mask_count",
        "set_flag S, V, 0",
    )
    assert found == [1] + [0] * 511


def test_back_to_bit_masks() -> None:
    found = lanes("set_mask_count", "set_vector_mask 0, 3", "set_mask_norm", "vdup.b32 r1, r2")
    assert found == [1, 1] + [0] * 510


def test_a_mask_immediate_is_sign_extended() -> None:
    assert lanes("set_vector_mask -1, -1", "vdup.b32 r1, r2") == [1] * 64 + [0] * 448


def test_elements_are_the_active_lanes() -> None:
    body = (
        "    li r1, 0\n    set_vector_mask 0, 7\n    vabs.f32 r1, r1, rep=5\n    set_mask_count\n"
    )
    body += "    set_vector_mask 0, 100\n    vabs.f32 r1, r1\n"
    assert run(vector=body).report["work"]["vector_elements"] == 2 * (15 + 100)


def test_inactive_lanes_are_outside_the_checks() -> None:
    """Only bytes up to the highest active lane must lie inside the memory."""
    run(vector="    li r1, 196608 - 32\n    set_vector_mask 0, 255\n    vabs.f32 r1, r1\n")
