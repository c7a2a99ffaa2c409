"""The order of events, the races and the unwritten reads of kernels small enough to see through.

Every case says which conflicts a reader of the rules finds; places are (core, index), and the
kernels are written so that each instruction's index can be counted.
"""

from __future__ import annotations

import pytest

import npuemu
from tests.interpreter.happens_before import never_written, races
from tests.interpreter.harness import interpreted
from tests.interpreter.run import Outcome

HEAD = """.kernel order
.machines ascend910b1, ascend950pr
.tensor X u8 [512] in
.tensor Y u8 [512] out
"""
VECTOR = """.section vector
subblock_idx r1
bne r1, 0, end
li r2, 0
li r3, 256
li r4, X
li r5, Y
"""
"""Six instructions: what follows has index 6 and on; only core 1 does it."""
CUBE = """.section cube
li r2, 0
li r4, X
li r5, Y
"""
"""Three instructions."""


def traced(text: str, machine: str = "ascend910b1", seed: int = 0) -> Outcome:
    """The outcome of a kernel that ends well."""
    program = npuemu.assemble(HEAD + text, machine=machine)
    outcome = interpreted(program, {"X": bytes(512)}, seed, trace=True)
    assert outcome.fault is None
    return outcome


def found(body: str, machine: str = "ascend910b1") -> set[tuple[str, int, int]]:
    """Races of a kernel on core 1, all orders together, as (kind, one index, other index)."""
    result = set()
    for seed in range(16):
        outcome = traced(f"{VECTOR}{body}\nend: halt", machine, seed)
        for kind, (_, a), (_, b) in races(outcome):
            result.add((kind, a, b))
    return result


FLAGS = {
    "MTE2 to V": "set_flag MTE2, V, 0\nwait_flag MTE2, V, 0",
    "V to MTE3": "set_flag V, MTE3, 0\nwait_flag V, MTE3, 0",
}
LOAD = "mov_gm_ub r2, r4, len=256"
STORE = "mov_ub_gm r5, r2, len=256"


def test_a_missing_flag_is_a_race_in_both_orders() -> None:
    assert found(f"{LOAD}\n{STORE}") == {("RAW", 6, 7), ("WAR", 7, 6)}


def test_a_flag_orders() -> None:
    assert found(f"{LOAD}\nset_flag MTE2, MTE3, 3\nwait_flag MTE2, MTE3, 3\n{STORE}") == set()


def test_a_flag_before_the_producer_orders_nothing() -> None:
    body = f"set_flag MTE2, MTE3, 3\n{LOAD}\nwait_flag MTE2, MTE3, 3\n{STORE}"
    assert found(body) == {("RAW", 7, 9), ("WAR", 9, 7)}


def test_a_wait_behind_the_consumer_orders_nothing() -> None:
    body = f"{LOAD}\nset_flag MTE2, MTE3, 3\n{STORE}\nwait_flag MTE2, MTE3, 3"
    assert found(body) == {("RAW", 6, 8), ("WAR", 8, 6)}


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("ascend910b1", {("RAW", 6, 7), ("WAW", 6, 7)}), ("ascend950pr", set())],
)
def test_a_pipe_orders_itself_only_where_it_is_protected(
    machine: str, expected: set[tuple[str, int, int]]
) -> None:
    assert found("vdup.b32 r2, r2\nvadds.f32 r2, r2, r2", machine) == expected


def test_a_barrier_orders_its_pipe_and_no_other() -> None:
    assert found("vdup.b32 r2, r2\npipe_barrier V\nvadds.f32 r2, r2, r2") == set()
    body = f"{LOAD}\npipe_barrier V\nvadds.f32 r2, r2, r2"
    assert found(body) == {("RAW", 6, 8), ("WAW", 6, 8), ("WAR", 8, 6), ("WAW", 8, 6)}


def test_what_a_pipe_has_learned_goes_on_with_its_flags() -> None:
    """MTE3 reads what MTE2 wrote; V, in the middle, has nothing to do with those bytes."""
    body = f"{LOAD}\n{FLAGS['MTE2 to V']}\n{FLAGS['V to MTE3']}\n{STORE}"
    assert found(body) == set()


def test_a_barrier_of_all_pipes_orders_what_comes_later() -> None:
    assert found(f"{LOAD}\npipe_barrier ALL\n{STORE}") == set()


def test_what_s_has_waited_for_orders_what_it_dispatches() -> None:
    body = f"{LOAD}\nset_flag MTE2, S, 0\nwait_flag MTE2, S, 0\n{STORE}\nld.u32 r6, UB, r2"
    assert found(body) == set()


def test_s_orders_its_own_accesses_and_those_it_dispatches_later() -> None:
    assert found(f"st.u32 r1, UB, r2\nld.u32 r6, UB, r2\n{STORE}") == set()


def test_s_does_not_wait_for_a_pipe() -> None:
    assert found(f"{LOAD}\nld.u32 r6, UB, r2") == {("RAW", 6, 7), ("WAR", 7, 6)}


def test_two_moves_of_one_pipe_are_in_no_order() -> None:
    assert found(f"{LOAD}\n{LOAD}") == {("WAW", 6, 7)}
    assert found(f"{LOAD}\npipe_barrier MTE2\n{LOAD}") == set()


def test_bytes_that_touch_but_do_not_meet_are_no_race() -> None:
    assert found(f"{LOAD}\nvdup.b32 r3, r2") == set()


CROSSING = """
.section vector
    subblock_idx r1
    li r2, 0
    mul r3, r1, 256
    li r5, Y
    add r5, r5, r3
    mov_ub_gm r5, r2, len=256
    {set_flag}
    halt
.section cube
    li r2, 0
    li r5, Y
    {wait}
    mov_gm_l1 r2, r5, len=512
    halt
"""


def test_the_count_of_a_gathered_flag_carries_both_cores() -> None:
    text = CROSSING.format(
        set_flag="cross_core_set_flag cv, MTE3, 5", wait="cross_core_wait_flag MTE2, 5"
    )
    for seed in range(16):
        assert races(traced(text, seed=seed)) == set()


def test_a_flag_of_one_core_carries_that_core() -> None:
    text = CROSSING.format(
        set_flag="cross_core_set_flag c1v, MTE3, 5", wait="cross_core_wait_flag MTE2, 5"
    )
    kinds = {race[1:] for seed in range(8) for race in races(traced(text, "ascend950pr", seed))}
    assert kinds == {((2, 5), (0, 3)), ((0, 3), (2, 5))}


def test_without_a_flag_both_cores_race() -> None:
    text = CROSSING.format(set_flag="", wait="")
    cores = {frozenset((a[0], b[0])) for s in range(8) for _, a, b in races(traced(text, seed=s))}
    assert cores == {frozenset((0, 1)), frozenset((0, 2))}


def test_the_second_count_is_the_second_waits() -> None:
    """One wait for two sets orders the first store alone; which is first, S has ordered."""
    text = """.section vector
    li r2, 0
    li r5, Y
    subblock_idx r1
    bne r1, 0, end
    mov_ub_gm r5, r2, len=32
    cross_core_set_flag c1v, MTE3, 0
    add r5, r5, 32
    mov_ub_gm r5, r2, len=32
    cross_core_set_flag c1v, MTE3, 0
end:
    halt
.section cube
    li r2, 0
    li r5, Y
    cross_core_wait_flag MTE2, 0
    mov_gm_l1 r2, r5, len=64
    cross_core_wait_flag MTE2, 0
    mov_gm_l1 r2, r5, len=64
    halt
"""
    met = set()
    for seed in range(20):
        met |= {(a, b) for kind, a, b in races(traced(text, "ascend950pr", seed)) if kind != "WAW"}
    assert met == {((1, 7), (0, 3)), ((0, 3), (1, 7))}


def test_a_racing_kernel_shows_it_and_an_ordered_one_does_not() -> None:
    def results(between: str) -> set[bytes]:
        text = f"{VECTOR}{LOAD}\n{between}\n{STORE}\nend: halt"
        return {bytes(traced(text, seed=seed).gm) for seed in range(12)}

    assert len(results("")) == 2
    assert len(results("pipe_barrier ALL")) == 1


def test_reads_of_what_nobody_wrote() -> None:
    inputs = [(4096, 4096 + 512)]
    body = f"{LOAD}\npipe_barrier ALL\nmov_ub_gm r5, r2, len=320\npipe_barrier ALL"
    outcome = traced(f"{VECTOR}{body}\nld.u32 r6, GM, r5\nld.u32 r6, GM, r5, 400\nend: halt")
    assert never_written(outcome, inputs) == {(1, 8), (1, 11)}
    assert (1, 6) in never_written(outcome, [])


def test_after_is_closed_and_looks_back() -> None:
    outcome = traced(f"{CUBE}ld.u32 r6, GM, r4\nst.u32 r6, L1, r2\nst.u32 r6, GM, r5\nhalt")
    assert [event.after for event in outcome.events] == [set(), {0}, {0, 1}]
    for position, event in enumerate(outcome.events):
        assert all(before < position for before in event.after)
        assert all(outcome.events[before].after <= event.after for before in event.after)


@pytest.mark.parametrize("name", ["gemm_bf16", "gemm_w8a16_lift", "gemm_w8a16_msd"])
def test_bundled_kernels_have_no_races(name: str) -> None:
    program = npuemu.load(name, M=17, N=32, K=64, blocks=2)
    inputs = {t.name: bytes(t.nbytes) for t in program.tensors if t.role == "in"}
    outcome = interpreted(program, inputs, trace=True)
    assert len(outcome.events) > 10
    assert races(outcome) == set()
