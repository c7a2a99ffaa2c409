"""Cross-core flags: who takes part, when they are seen, what they refuse."""

from __future__ import annotations

import pytest

import npuemu
from npuemu.errors import NpuemuError
from tests.engine.harness import A5, executed, fails, kernel, pipe, run, words

LATENCY = 500
HEAD = ".tensor S s32 [64] scratch\n.tensor OUT s32 [64] out"
SLOW = "    li r20, 0\nspin: add r20, r20, 1\n    blt r20, 1000, spin\n"
SLOW_CYCLES = 2001


def released(done: npuemu.Run, core: str) -> int:
    """Cycle at which the scalar unit went on after its one cross-core wait, from its stall."""
    return pipe(done, "S", core)["stalls"].get("cross_core_flag", 0)


def test_cube_to_both_vector_cores() -> None:
    done = run(SLOW + "    cross_core_set_flag cv, S, 4", "    cross_core_wait_flag S, 4")
    for core in ("0.aiv0", "0.aiv1"):
        assert released(done, core) == SLOW_CYCLES + LATENCY


def test_vector_cores_to_cube_needs_both() -> None:
    vector = "    subblock_idx r1\n    beq r1, 0, go\n" + SLOW + "go: cross_core_set_flag cv, S, 4"
    done = run("    cross_core_wait_flag S, 4", vector)
    assert released(done, "0.aic") == 2 + SLOW_CYCLES + LATENCY


def test_one_vector_core_is_not_enough() -> None:
    vector = "    subblock_idx r1\n    bne r1, 0, done\n    cross_core_set_flag cv, S, 4\ndone:"
    fails("E110", "    cross_core_wait_flag S, 4  ;!", vector, words="cross-core flag 4")


def test_pair_meets() -> None:
    vector = "    subblock_idx r1\n    beq r1, 0, go\n" + SLOW
    vector += "go: cross_core_set_flag pair, S, 15\n    cross_core_wait_flag S, 15"
    done = run(vector=vector, blocks=2)
    for block in (0, 1):
        assert released(done, f"{block}.aiv0") == SLOW_CYCLES + LATENCY - 1
        assert released(done, f"{block}.aiv1") == LATENCY - 1


@pytest.mark.parametrize("kind", ["cube", "vector"])
def test_all_cores_of_a_kind_meet(kind: str) -> None:
    body = "    block_idx r1\n    bne r1, 2, go\n" + SLOW
    body += "go: cross_core_set_flag all, S, 0\n    cross_core_wait_flag S, 0"
    done = run(**{kind: body}, blocks=3)
    for core in done.report["cores"]:
        late = core["core"].startswith("2.")
        assert released(done, core["core"]) == LATENCY - 1 + (0 if late else SLOW_CYCLES)


def test_groups_do_not_hear_each_other() -> None:
    """Only block 1's cube core raises the flag."""
    cube = "    block_idx r1\n    bne r1, 1, done\n    cross_core_set_flag cv, S, 4\ndone:"
    vector = "    block_idx r1\n    beq r1, 0, done\n    cross_core_wait_flag S, 4\ndone:"
    run(cube, vector, blocks=2)


def test_c1v_names_one_vector_core_each_way() -> None:
    cube = "    cross_core_set_flag c1v, S, 3\n    cross_core_set_flag c1v, S, 19\n"
    cube += "    cross_core_wait_flag S, 6\n    cross_core_wait_flag S, 22"
    vector = "    cross_core_wait_flag S, 3\n    cross_core_set_flag c1v, S, 6"
    run(cube, vector, machine=A5)


def test_c1v_reaches_only_that_core() -> None:
    vector = "    subblock_idx r1\n    beq r1, 0, done\n    cross_core_wait_flag S, 3\ndone:"
    run("    cross_core_set_flag c1v, S, 19", vector, machine=A5)
    fails("E110", "    cross_core_set_flag c1v, S, 3", vector, machine=A5, words="aiv1")


def test_a_queued_wait_blocks_its_pipe_only() -> None:
    vector = "    li r1, 0\n    cross_core_wait_flag V, 2\n    vadd.f32 r1, r1, r1\n"
    vector += "    mov_ub_gm r2, r1, len=32"
    done = run(
        SLOW + "    cross_core_set_flag cv, S, 2", "    li r2, OUT\n" + vector, HEAD, record=True
    )
    starts = {name: start for core, name, start, _ in executed(done) if core == "0.aiv0"}
    assert starts["vadd"] == SLOW_CYCLES + LATENCY and starts["mov_ub_gm"] < 10
    assert pipe(done, "V", "0.aiv0")["stalls"]["cross_core_flag"] == SLOW_CYCLES + LATENCY - 2


def test_a_queued_set_waits_for_its_pipe() -> None:
    """The reader sees what the move wrote."""
    vector = (
        "    li r1, 0\n    li r2, S\n    li r3, 41\n    vdup.b32 r1, r3\n    pipe_barrier ALL\n"
    )
    vector += "    mov_ub_gm r2, r1, len=256\n    cross_core_set_flag cv, MTE3, 1"
    cube = "    cross_core_wait_flag S, 1\n    li r1, S\n    ld.s32 r2, GM, r1, 252\n"
    done = run(cube + "    li r3, OUT\n    st.u32 r2, GM, r3", vector, HEAD)
    assert words(done)[0] == 41


def test_counters_count_to_15() -> None:
    sets, waits = "    cross_core_set_flag cv, S, 9\n", "    cross_core_wait_flag S, 9\n"
    run(sets * 15, SLOW + waits * 15)
    fails(
        "E114",
        sets * 15 + "    cross_core_set_flag cv, S, 9  ;!",
        SLOW + waits * 16,
        words="past 15",
    )


def test_arrivals_count_to_15() -> None:
    one = "    subblock_idx r1\n    bne r1, 0, done\n" + "    cross_core_set_flag pair, S, 0\n" * 15
    fails("E114", vector=one + "    cross_core_set_flag pair, S, 0  ;!\ndone:", words="past 15")


def test_flags_are_taken_oldest_first() -> None:
    cube = "    cross_core_set_flag cv, S, 1\n" + SLOW + "    cross_core_set_flag cv, S, 1"
    done = run(cube, "    cross_core_wait_flag S, 1\n    cross_core_wait_flag S, 1")
    assert released(done, "0.aiv0") == SLOW_CYCLES + 1 + LATENCY - 1


def test_two_pipes_of_a_core_share_a_counter() -> None:
    """One flag lets one of them go on; the other needs a second one."""
    vector = "    cross_core_wait_flag V, 2\n    cross_core_wait_flag MTE3, 2\n"
    one = "    cross_core_set_flag cv, S, 2\n"
    fails("E110", one, vector, words="MTE3 waits for cross-core flag 2")
    done = run(one + SLOW + one, vector)
    waits = [pipe(done, p, "0.aiv0")["stalls"]["cross_core_flag"] for p in ("V", "MTE3")]
    assert waits == [LATENCY, 1 + SLOW_CYCLES + LATENCY - 1]


def test_left_over_counters_are_warnings() -> None:
    done = run("    cross_core_set_flag cv, S, 9", "    li r1, 0", clean=False)
    assert [d["code"] for d in done.diagnostics] == ["W122"] * 2 and done.ok


@pytest.mark.parametrize(
    ("kind", "line", "machine"),
    [
        ("cube", "cross_core_set_flag cv, S, 16", A5),
        ("cube", "cross_core_wait_flag S, 16", "ascend910b1"),
        ("vector", "cross_core_wait_flag S, 16", A5),
        ("vector", "cross_core_set_flag c1v, S, 16", A5),
        ("cube", "cross_core_set_flag pair, S, 1", A5),
        ("cube", "cross_core_set_flag c1v, S, 1", "ascend910b1"),
    ],
)
def test_forms_that_mean_nothing_are_refused(kind: str, line: str, machine: str) -> None:
    with pytest.raises(NpuemuError):
        text = kernel(**{kind: f"    {line}"})
        npuemu.run(npuemu.assemble(text, machine=machine), machine)


@pytest.mark.parametrize("number", [16, 32, 1 << 50, -1])
def test_ids_from_registers_are_checked(number: int) -> None:
    for line in (
        "cross_core_set_flag cv, V, r1",
        "cross_core_wait_flag V, r1",
        "cross_core_set_flag cv, S, r1",
    ):
        fails("E101", vector=f"    li r1, {number}\n    {line}  ;!", words="is outside 0 .. 15")
