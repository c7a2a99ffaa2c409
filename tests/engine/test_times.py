"""Cycles of micro-kernels, worked out by hand from the machine's figures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.harness import A5, pipe, registers, run, spans

ZERO = registers({1: 0, 2: 0, 3: 0})
ISOLATED_MMAD = 150
TILES = 2016 // 16


def mmads(count: int, shape: str = "16, 16, 2016") -> str:
    return ZERO + "\n" + f"    mmad.f16 r1, r2, r3, {shape}, zero\n" * count


def test_isolated_mmad() -> None:
    (only,) = spans(run(mmads(1), record=True), "mmad")
    assert abs(only[1] - only[0] - ISOLATED_MMAD) <= 1


@pytest.mark.parametrize(
    ("shape", "tiles"),
    [("16, 16, 2016", 126), ("16, 16, 16", 1), ("33, 48, 40", 27), ("1, 1, 1", 1)],
)
def test_streaming_mmads_cost_their_tiles_and_two(shape: str, tiles: int) -> None:
    starts = [start for start, _ in spans(run(mmads(5, shape), record=True), "mmad")]
    assert [b - a for a, b in zip(starts[1:], starts[2:], strict=False)] == [tiles + 2] * 3


@pytest.mark.parametrize(("load", "each"), [("load_l1_l0a", 2), ("load_l1_l0b", 4)])
@pytest.mark.parametrize("fractals", [1, 2, 7, 64])
def test_fractal_loads(load: str, each: int, fractals: int) -> None:
    line = f"    {load}.b16 r1, r2, 1, {fractals}, 1\n"
    found = spans(run(ZERO + "\n" + line * 5, record=True), load)
    steps = [b[0] - a[0] for a, b in zip(found[1:], found[2:], strict=False)]
    assert steps == [each * fractals + 1] * 3
    assert found[0][1] - found[0][0] == each * fractals + 1 + 28, "isolated: about 28 more"


def test_fractal_loads_of_the_newer_machine() -> None:
    line = "    load_l1_l0b.b16 r1, r2, 1, 8, 1{}\n"
    for extra, each in (("", 2), (", transpose=1", 4)):
        done = run(ZERO + "\n" + line.format(extra) * 4, record=True, machine=A5)
        starts = [start for start, _ in spans(done, "load_l1_l0b")]
        assert starts[3] - starts[2] == each * 8 + 1


def vadd(dst: int, src0: int, src1: int, repeats: int = 64) -> str:
    return registers({1: dst, 2: src0, 3: src1}) + f"\n    vadd.f32 r1, r2, r3, rep={repeats}\n"


@pytest.mark.parametrize(
    ("src1", "cycles", "conflicts"),
    [(65536 + 256, 86, 0), (65536, 150, 64), (65536 + 128, 150, 64), (65536 + 512, 150, 64)],
)
def test_vector_add_and_read_read_conflicts(src1: int, cycles: int, conflicts: int) -> None:
    done = run(vector=vadd(131072, 0, src1), record=True)
    start, end = spans(done, "vadd", "0.aiv0")[0]
    assert end - start == cycles
    stalls = pipe(done, "V", "0.aiv0")["stalls"]
    assert stalls.get("bank_conflict", 0) == conflicts


def test_read_write_conflicts_need_the_same_bank() -> None:
    """A write lands a repeat later: dst two groups of blocks behind the read meets it again."""
    clean = run(vector=vadd(131072, 0, 65536 + 256), record=True)
    dirty = run(vector=vadd(32768 + 256, 0, 65536 + 256), record=True)
    assert pipe(clean, "V", "0.aiv0")["stalls"].get("bank_conflict", 0) == 0
    assert pipe(dirty, "V", "0.aiv0")["stalls"]["bank_conflict"] == 63


@pytest.mark.parametrize(
    ("body", "conflicts"),
    [
        ("vmuls.f32 r1, r1, r2, rep=64", 0),
        ("vmuls.f32 r1, r1, r2, rep=16, dst_rep=16, src_rep=16", 15),
        ("vadd.f32 r1, r2, r3, rep=16, src0_rep=16, src1_rep=0", 0),
        ("vadd.f32 r1, r2, r4, rep=16, src0_rep=16, src1_rep=0", 16),
        ("vadd.f32 r1, r2, r4, rep=16, src1_blk=0, src1_rep=0", 8),
        ("set_mask_count\n set_vector_mask 0, 4096\n vmuls.f32 r1, r1, r2", 0),
        ("set_mask_count\n set_vector_mask 0, 4000\n vadd.f32 r1, r2, r3", 0),
        ("set_mask_count\n set_vector_mask 0, 4000\n vadd.f32 r1, r2, r4", 63),
        ("vconv.f32_f16.rint r5, r4, rep=64, dst_rep=4, src_rep=8", 32),
    ],
)
def test_conflicts_of_strided_repeats_and_of_counter_mode(body: str, conflicts: int) -> None:
    setup = f" li r1, 131072\n li r2, 0\n li r3, {65536 + 256}\n li r4, 65536\n li r5, 98304\n"
    done = run(vector=setup + body + "\n", mode="timing")
    assert pipe(done, "V", "0.aiv0")["stalls"].get("bank_conflict", 0) == conflicts


def test_two_reads_a_group_do_not_conflict_on_the_newer_machine() -> None:
    done = run(vector=vadd(131072, 0, 65536), machine=A5)
    assert pipe(done, "V", "0.aiv0")["stalls"].get("bank_conflict", 0) == 0


def test_short_vector_instructions_pay_the_floor() -> None:
    body = vadd(131072, 0, 65536 + 256, 1) + "    vadd.f32 r1, r2, r3\n" * 3
    starts = [s for s, _ in spans(run(vector=body, record=True), "vadd", "0.aiv0")]
    assert [b - a for a, b in zip(starts, starts[1:], strict=False)] == [14, 3, 3]


def test_a_barrier_shows_tail_and_head_again() -> None:
    body = vadd(131072, 0, 65536 + 256) + "    pipe_barrier V\n    vadd.f32 r1, r2, r3, rep=64\n"
    done = run(vector=body, record=True)
    first, second = spans(done, "vadd", "0.aiv0")
    assert second[0] == first[1] and second[1] - first[0] == 2 * 86
    assert pipe(done, "V", "0.aiv0")["busy"] == 2 * 86


def test_queue_of_32_fills_at_the_34th() -> None:
    """One instruction runs, 32 wait; the next dispatch waits for the second start."""
    first_work, work = 11 + TILES + 2, TILES + 2
    expected = {33: 0, 34: first_work - 33, 35: first_work - 33 + work - 1}
    for count, stall in expected.items():
        done = run(mmads(count))
        assert pipe(done, "S")["stalls"].get("queue_full", 0) == stall
        assert pipe(done, "M")["instructions"] == count


def test_flags_and_barriers_take_queue_places_too() -> None:
    """A flag that waits behind 32 others holds up the scalar unit until the first leaves."""
    body = (
        mmads(1) + "    set_flag M, FIX, 0\n    wait_flag FIX, M, 0\n" + "    pipe_barrier M\n" * 32
    )
    body += "    set_flag FIX, M, 0\n    wait_flag M, FIX, 0\n"
    message = run(body, clean=False).diagnostics[0]["message"]
    assert "room in the queue of M" in message


def test_dispatch_stall_is_the_wait_for_the_scalar_unit() -> None:
    body = ZERO + "\n    li r4, 0\nspin: add r4, r4, 1\n    blt r4, 200, spin\n"
    done = run(body + "    mmad.f16 r1, r2, r3, 16, 16, 16, zero\n", record=True)
    (only,) = spans(done, "mmad")
    assert only[0] == 4 + 400
    assert pipe(done, "M")["stalls"] == {"dispatch": 404}
    assert pipe(done, "MTE2")["stalls"] == {"dispatch": 406}, "the scalar unit lives 406 cycles"
    assert pipe(done, "MTE2")["idle"] == done.cycles - 406


GM = ".tensor IN u8 [1048576] in\n.tensor OUT u8 [1048576] out"


def moves(*lines: str) -> list[int]:
    """Work cycles of GM -> L1 moves behind each other (starts differ by the work of the one
    before).
    """
    body = registers({1: 0}) + "\n" + "\n".join(f"    {line}" for line in lines)
    body += "\n    li r2, IN + 1047552\n    mov_gm_l1 r1, r2, len=32\n"
    starts = [s for s, _ in spans(run(body, head=GM, record=True), "mov_gm_l1")]
    steps = [b - a for a, b in zip(starts, starts[1:], strict=False)]
    return [steps[0] - 205, *steps[1:]]


def test_first_touch_of_a_line_pays_memory_later_ones_l2() -> None:
    line = "li r2, IN\n    mov_gm_l1 r1, r2, len=32768"
    half = "li r2, IN + 16384\n    mov_gm_l1 r1, r2, len=32768"
    slow, fast = -(-32768 // 85), -(-32768 // 170)
    assert moves(line, line, half) == [slow, fast, -(-16384 * (85 + 170) // (85 * 170))]


def test_a_line_is_touched_as_a_whole() -> None:
    """Bytes of a line that was touched before are hits, also if they were not moved themselves."""
    first = "li r2, IN\n    mov_gm_l1 r1, r2, 64, 32, 512, 32"
    rest = "li r2, IN\n    mov_gm_l1 r1, r2, len=32768"
    assert moves(first, rest)[1] == -(-32768 // 170)


def test_misaligned_and_small_requests_cost_more() -> None:
    warm = "li r2, IN\n    mov_gm_l1 r1, r2, len=65536"
    shifted = "li r2, IN + 32\n    mov_gm_l1 r1, r2, len=32768"
    bursts = "li r2, IN\n    mov_gm_l1 r1, r2, 64, 32, 512, 32"
    _, misaligned, small = moves(warm, shifted, bursts)
    assert misaligned == -(-(32768 * 85 * 143 // 100) // (170 * 85))
    assert small == -(-64 * 128 // 170), "a burst counts at least 128 bytes"


def test_all_cores_share_the_bandwidth() -> None:
    """48 vector cores read 64 KB each, the same lines: 2640 bytes a cycle are left after the
    first touch.
    """
    body = registers({1: 0}) + "\n    li r2, IN\n" + "    mov_gm_ub r1, r2, len=65536\n" * 2
    one, all_cores = (run(vector=body, head=GM, blocks=n) for n in (1, 24))
    stalls = [pipe(all_cores, "MTE2", f"{b}.aiv{s}")["stalls"] for b in range(24) for s in (0, 1)]
    assert max(stall.get("shared_bandwidth", 0) for stall in stalls) > 100
    assert all_cores.cycles >= 96 * 65536 // 2640 > one.cycles
    assert all_cores.report["traffic"]["gm_read_bytes"] == 96 * 65536


BESIDE_HEADS = (
    """
    block_idx r1
    bne r1, 10, end
    li r1, 0
    li r2, OUT
    li r4, 0
spin: add r4, r4, 1
    blt r4, 70, spin
    fix_l0c_gm.none_b32 r2, r1, 16, 16, 1, 64
end:
""",
    """
    block_idx r1
    subblock_idx r2
    mul r3, r1, 2
    add r3, r3, r2
    li r4, 0
    li r5, 0
    li r6, IN
    bge r3, {loads}, other
spin: add r4, r4, 1
    blt r4, 60, spin
    mov_gm_ub r5, r6, len=128
    halt
other:
    bne r3, 21, end
    mov_gm_ub r5, r6, len=128
    mov_gm_ub r5, r6, len=128
end:
""",
)
"""Cores 0 .. 20 load in cycle 128, with heads of 200; beside these the last vector core's second
load starts without a head, as the cube core's store does.
"""


def test_heads_do_not_hold_l2() -> None:
    """Transfers that start while others pay their heads do not wait: 23 transfers of 128 bytes
    and a store of 1 KiB are a hundredth of what L2 moves meanwhile.
    """
    cube, vector = BESIDE_HEADS
    found = []
    for loads in (0, 21):
        done = run(cube, vector.format(loads=loads), GM, blocks=11, record=True)
        _, second = spans(done, "mov_gm_ub", "10.aiv1")
        (store,) = spans(done, "fix_l0c_gm", "10.aic")
        assert 128 < second[0] < 128 + 200 and 128 < store[0] < 128 + 200
        stalls = [p["stalls"] for c in done.report["cores"] for p in c["pipes"].values()]
        assert not any("shared_bandwidth" in stall for stall in stalls)
        assert second[1] - second[0] <= -(-128 // 48) and store[1] - store[0] == 82
        found.append((second, store))
    assert found[0] == found[1]


def test_the_head_lies_behind_the_turn() -> None:
    """48 vector cores load the same 64 KiB at once: each moves until L2 has served all before it
    and itself, and its last byte needs a head more. The first one's lines are new.
    """
    body = registers({1: 0}) + "\n    li r2, IN\n    mov_gm_ub r1, r2, len=65536\n"
    done = run(vector=body, head=GM, blocks=24, record=True)
    ends = sorted(end - start - 200 for start, end in spans(done, "mov_gm_ub"))
    own, new = -(-65536 // 113), -(-65536 // 48)
    turns = [max(own, -(-n * 65536 // 2640)) for n in range(2, 49)]
    assert ends == pytest.approx(sorted([new, *turns]), abs=1)
    lost = [pipe(done, "MTE2", f"{n // 2}.aiv{n % 2}")["stalls"] for n in range(1, 48)]
    found = [stalls.get("shared_bandwidth", 0) for stalls in lost]
    assert found == pytest.approx([turn - own for turn in turns], abs=1)


def test_busy_counts_head_and_tail() -> None:
    done = run(mmads(3))
    assert pipe(done, "M")["busy"] == 11 + 3 * (TILES + 2) + 11


def test_same_cycles_for_any_data() -> None:
    body = ZERO + "\n    li r4, IN\n    mov_gm_l1 r1, r4, len=4096\n    pipe_barrier ALL\n"
    body += "    load_l1_l0a.b16 r1, r2, 1, 4, 1\n    load_l1_l0b.b16 r1, r2, 1, 4, 1\n"
    body += "    pipe_barrier ALL\n" + mmads(2, "16, 16, 64")
    found = {
        run(body, head=GM, inputs={"IN": np.full(1 << 20, v, np.uint8)}).cycles for v in (0, 7, 255)
    }
    assert len(found) == 1
