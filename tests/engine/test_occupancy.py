"""Live bytes of the buffers and GM traffic, worked out by hand.

A byte is live from the completion of a write to the end of the last read before the next overwrite.
"""

from __future__ import annotations

from pathlib import Path

import npuemu
from tests.engine.harness import A5, check_accounting, registers, run, spans

GM = ".tensor IN u8 [65536] in\n.tensor OUT u8 [65536] out"
BASE = registers({1: 0, 2: 4096, 3: 8192, 4: "IN", 5: "OUT"}) + "\n"  # type: ignore[dict-item]
WAIT = "    pipe_barrier ALL\n"


def peak(done: npuemu.Run, name: str) -> tuple[int, int]:
    """(bytes, cycle)."""
    found = done.report["buffers"][name]
    return found["peak_bytes"], found["peak_cycle"]


def vector(*lines: str) -> npuemu.Run:
    """Lines on the first vector core, each after the one before has completed."""
    body = "    subblock_idx r9\n    bne r9, 0, done\n" + BASE
    body += "".join(f"    {line}\n{WAIT}" for line in lines) + "done:\n"
    return run(vector=body, head=GM, record=True)


def test_written_and_never_read_is_never_live() -> None:
    assert peak(vector("mov_gm_ub r1, r4, len=4096"), "UB") == (0, 0)


def test_read_and_never_written_is_never_live() -> None:
    assert peak(vector("mov_ub_gm r5, r1, len=4096"), "UB") == (0, 0)


def test_read_before_its_write_ends_is_never_live() -> None:
    """A race: V reads what the load has not yet written; what V writes meanwhile counts whole."""
    body = "    subblock_idx r9\n    bne r9, 0, done\n" + BASE
    body += """
    mov_gm_ub r1, r4, len=4096
    vadd.f32 r3, r1, r1, rep=16
    set_flag V, MTE3, 0
    wait_flag V, MTE3, 0
    mov_ub_gm r5, r3, len=1024
    done:
    """
    use = run(vector=body, head=GM, clean=False).report["buffers"]["UB"]
    assert use["peak_bytes"] == 1024
    assert [holder["bytes"] for holder in use["holders"]] == [1024]


def test_live_from_the_end_of_the_write() -> None:
    done = vector("mov_gm_ub r1, r4, len=4096", "mov_ub_gm r5, r1, len=4096")
    (write,) = spans(done, "mov_gm_ub")
    assert peak(done, "UB") == (4096, write[1])
    assert done.report["buffers"]["UB"]["core"] == "0.aiv0"


def test_only_the_bytes_that_are_read_count() -> None:
    done = vector("mov_gm_ub r1, r4, len=4096", "mov_ub_gm r5, r1, len=96")
    assert peak(done, "UB")[0] == 96


def test_strided_bytes_count_not_their_extent() -> None:
    done = vector("mov_gm_ub r1, r4, 4, 32, 512, 1024", "mov_ub_gm r5, r1, 4, 32, 1024, 32")
    assert peak(done, "UB")[0] == 128


def test_two_buffers_that_overlap_in_time_add_up() -> None:
    done = vector(
        "mov_gm_ub r1, r4, len=1024",
        "mov_gm_ub r2, r4, len=512",
        "mov_ub_gm r5, r2, len=512",
        "mov_ub_gm r5, r1, len=1024",
    )
    second = spans(done, "mov_gm_ub")[1]
    assert peak(done, "UB") == (1536, second[1])


def test_two_buffers_one_after_the_other_do_not() -> None:
    done = vector(
        "mov_gm_ub r1, r4, len=1024",
        "mov_ub_gm r5, r1, len=1024",
        "mov_gm_ub r2, r4, len=512",
        "mov_ub_gm r5, r2, len=512",
    )
    assert peak(done, "UB")[0] == 1024


def test_an_overwrite_ends_at_the_last_read_not_at_the_write() -> None:
    """Buffer A is read early and overwritten late; B lives in between and does not meet it."""
    done = vector(
        "mov_gm_ub r1, r4, len=1024",
        "mov_ub_gm r5, r1, len=1024",
        "mov_gm_ub r2, r4, len=1024",
        "mov_ub_gm r5, r2, len=1024",
        "mov_gm_ub r1, r4, len=1024",
    )
    assert peak(done, "UB")[0] == 1024


def test_an_instruction_in_place_keeps_its_bytes_live() -> None:
    done = vector("mov_gm_ub r1, r4, len=256", "vabs.f32 r1, r1", "mov_ub_gm r5, r1, len=256")
    (write,) = spans(done, "mov_gm_ub")
    assert peak(done, "UB") == (256, write[1])


def test_vector_operands_live_together() -> None:
    """Two sources until the add has ended, the sum from then on."""
    done = vector(
        "mov_gm_ub r1, r4, len=512",
        "mov_gm_ub r2, r4, len=512",
        "vadd.f32 r3, r1, r2, rep=2",
        "mov_ub_gm r5, r3, len=512",
    )
    assert peak(done, "UB") == (1024, spans(done, "mov_gm_ub")[1][1])


def test_cube_memories() -> None:
    lines = [
        "mov_gm_l1 r1, r4, len=8192",
        "load_l1_l0a.b16 r1, r1, 2, 4, 2",
        "load_l1_l0b.b16 r1, r2, 1, 4, 1",
        "mmad.f16 r1, r1, r1, 20, 16, 64, zero",
        "fix_l0c_gm.none_b32 r5, r1, 20, 16, 2, 64",
    ]
    done = run(BASE + "".join(f"    {line}\n{WAIT}" for line in lines), head=GM, record=True)
    peaks = {name: peak(done, name)[0] for name in ("L1", "L0A", "L0B", "L0C", "BT", "FB")}
    # L1: 2 x 4 fractals at 0 and 4 more at 4096; L0A: 20 rows of 4 fractals, 32 bytes each
    assert peaks == {
        "L1": 4096 + 2048,
        "L0A": 20 * 32 * 4,
        "L0B": 2048,
        "L0C": 20 * 64,
        "BT": 0,
        "FB": 0,
    }
    assert peak(done, "L0C")[1] == spans(done, "mmad")[0][1]
    assert peak(done, "L1")[1] == spans(done, "mov_gm_l1")[0][1]


def test_the_maximum_over_cores_is_shown() -> None:
    body = BASE + "    subblock_idx r9\n    block_idx r10\n    add r9, r9, r10\n    add r9, r9, 1\n"
    body += (
        f"    mul r9, r9, 1024\n    mov_gm_ub r1, r4, len=r9\n{WAIT}    mov_ub_gm r5, r1, len=r9\n"
    )
    found = run(vector=body, head=GM, blocks=2).report["buffers"]["UB"]
    assert (found["peak_bytes"], found["core"]) == (3072, "1.aiv1")


def test_scalar_accesses_count() -> None:
    done = vector("st.u32 r4, UB, r1", "ld.u32 r6, UB, r1")
    assert peak(done, "UB")[0] == 4


def test_both_unified_buffers_seen_from_the_cube_core() -> None:
    cube = (
        BASE + f"    mov_gm_l1 r1, r4, len=4096\n{WAIT}    mov_l1_ub r1, r1, len=4096, core=aiv1\n"
    )
    cube += "    cross_core_set_flag c1v, MTE1, 16\n"
    vector_body = (
        "    subblock_idx r9\n    beq r9, 0, done\n    cross_core_wait_flag MTE3, 0\n" + BASE
    )
    vector_body += "    mov_ub_gm r5, r1, len=2048\ndone:\n"
    found = run(cube, vector_body, GM, machine=A5).report["buffers"]
    assert (found["UB"]["peak_bytes"], found["UB"]["core"]) == (2048, "0.aiv1")
    assert found["L1"]["peak_bytes"] == 4096


def test_more_intervals_than_the_log_holds() -> None:
    """Every granule of UB is read at its own time, then all are written again."""
    body = BASE.replace("li r2, 4096", "li r2, 196608") + "    li r10, 0\nagain:\n    li r1, 0\n"
    body += f"    mov_gm_ub r1, r4, 3, 65536, 0, 65536\n{WAIT}read:\n    mov_ub_gm r5, r1, len=32\n"
    body += f"    add r1, r1, 32\n    blt r1, r2, read\n{WAIT}    add r10, r10, 1\n"
    body += "    blt r10, 6, again\n"
    assert peak(run(vector=body, head=GM, mode="timing"), "UB")[0] == 196608


def test_scalar_accesses_fill_the_log_too() -> None:
    body = "    li r1, 0\n    li r2, 0\nagain:\n    st.u8 r2, UB, r1\n    ld.u8 r3, UB, r1\n"
    done = run(vector=body + "    add r2, r2, 1\n    blt r2, 100000, again\n", mode="timing")
    assert peak(done, "UB") == (1, 3)


def test_the_log_has_room_for_the_largest_memory(tmp_path: Path) -> None:
    """One write ends 2^17 intervals: a machine with 8 MiB of L1."""
    path = tmp_path / "large.toml"
    path.write_text(
        'name = "large"\nbase = "ascend910b1"\n[memory]\nL1 = { value = 8388608, source = "x" }\n'
    )
    head = ".tensor S u8 [524288] scratch"
    move = f"    li r1, 0\n    mov_gm_l1 r1, r4, 16, 524288, 0, 524288\n{WAIT}"
    body = "    li r3, 0\n    li r4, S\n    li r5, 8388608\n" + move
    body += (
        "read:\n    mov_l1_bt r3, r1, 64\n    add r1, r1, 64\n    blt r1, r5, read\n" + WAIT + move
    )
    done = run(body, head=head, machine=str(path), mode="timing")
    assert peak(done, "L1")[0] == 8388608


# --- traffic


def test_traffic_by_tensor() -> None:
    done = vector(
        "mov_gm_ub r1, r4, 3, 100, 200, 128", "mov_ub_gm r5, r1, 2, 64, 128, 64", "st.u8 r1, GM, r5"
    )
    assert done.report["traffic"] == {
        "gm_read_bytes": 300,
        "gm_write_bytes": 129,
        "tensors": {"IN": {"read": 300, "write": 0}, "OUT": {"read": 0, "write": 129}},
    }


def test_every_read_of_the_same_bytes_counts() -> None:
    done = vector(*["mov_gm_ub r1, r4, len=1000"] * 3)
    assert done.report["traffic"]["gm_read_bytes"] == 3000


def test_work_counts() -> None:
    body = (
        registers({1: 0})
        + "\n    mmad.f16 r1, r1, r1, 3, 5, 7, zero\n    mmad.s8 r1, r1, r1, 16, 0, 7, zero\n"
    )
    body += "    mmad.bf16 r1, r1, r1, 16, 16, 16, zero\n"
    done = run(body)
    check_accounting(done.report)
    assert done.report["work"] == {"macs": {"f16": 105, "bf16": 4096}, "vector_elements": 0}
