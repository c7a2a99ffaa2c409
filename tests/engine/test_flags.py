"""Flags and barriers inside a core."""

from __future__ import annotations

import itertools

import pytest

from npuemu.errors import NpuemuError
from npuemu.isa.table import CORE_PIPES
from tests.engine.harness import fails, pipe, registers, run, spans

HEAD = ".tensor IN u8 [65536] in\n.tensor OUT u8 [65536] out"
ADDRESSES = {
    "cube": {1: 0, 2: 0, 3: 0, 4: "IN", 5: "OUT"},
    "vector": {1: 0, 2: 4096, 4: "IN", 5: "OUT"},
}
WORK = {
    ("cube", "MTE2"): "mov_gm_l1 r1, r4, len=4096",
    ("cube", "MTE1"): "load_l1_l0a.b16 r1, r2, 1, 100, 1",
    ("cube", "M"): "mmad.f16 r1, r2, r3, 16, 16, 1600, zero",
    ("cube", "FIX"): "fix_l0c_gm.f32_bf16 r5, r1, 16, 128, 1, 256",
    ("vector", "MTE2"): "mov_gm_ub r1, r4, len=4096",
    ("vector", "V"): "vabs.f32 r1, r2, rep=100",
    ("vector", "MTE3"): "mov_ub_gm r5, r1, len=4096",
}
PAIRS = [(k, a, b) for k in CORE_PIPES for a, b in itertools.permutations(CORE_PIPES[k], 2)]
WORKING = [(k, a, b) for k, a, b in PAIRS if {(k, a), (k, b)} <= set(WORK)]
CORES = {"cube": "0.aic", "vector": "0.aiv0"}


def setup(kind: str) -> str:
    return "\n".join(f"    li r{n}, {v}" for n, v in ADDRESSES[kind].items()) + "\n"


@pytest.mark.parametrize(("kind", "src", "dst"), PAIRS)
def test_every_pair_and_event(kind: str, src: str, dst: str) -> None:
    body = "".join(
        f"    set_flag {src}, {dst}, {e}\n    wait_flag {src}, {dst}, {e}\n" for e in range(8)
    )
    body += "    li r9, 3\n" + f"    set_flag {src}, {dst}, r9\n    wait_flag {src}, {dst}, 3\n"
    done = run(**{kind: body})
    core = CORES[kind]
    assert pipe(done, "S", core)["instructions"] == 20
    for name in {src, dst} - {"S"}:
        assert pipe(done, name, core)["instructions"] == 9


@pytest.mark.parametrize(("kind", "src", "dst"), WORKING)
def test_the_waiting_pipe_starts_when_the_other_has_completed(
    kind: str, src: str, dst: str
) -> None:
    before, after = WORK[kind, src], WORK[kind, dst]
    body = (
        setup(kind) + f"    {before}\n    set_flag {src}, {dst}, 5\n    wait_flag {src}, {dst}, 5\n"
    )
    done = run(**{kind: body + f"    {after}\n"}, head=HEAD, record=True)
    core = CORES[kind]
    (first,) = spans(done, before.split()[0].split(".")[0], core)
    (second,) = spans(done, after.split()[0].split(".")[0], core)
    assert second[0] == first[1]
    stalls = pipe(done, dst, core)["stalls"]
    dispatched = first[0] + 2  # the wait comes two instructions later
    assert stalls == {"dispatch": dispatched, f"flag_{src}": first[1] - dispatched}


@pytest.mark.parametrize(("kind", "src"), list(WORK))
def test_the_scalar_unit_waits_for_a_pipe(kind: str, src: str) -> None:
    body = (
        setup(kind)
        + f"    {WORK[kind, src]}\n    set_flag {src}, S, 0\n    wait_flag {src}, S, 0\n"
    )
    done = run(**{kind: body + "    li r9, 1\n"}, head=HEAD, record=True)
    core = CORES[kind]
    ((_, end),) = spans(done, WORK[kind, src].split()[0].split(".")[0], core)
    clock = len(ADDRESSES[kind]) + 2
    assert pipe(done, "S", core)["stalls"] == {f"flag_{src}": end - clock}
    assert done.cycles == end + 3, "wait, li, halt"


@pytest.mark.parametrize(("kind", "dst"), list(WORK))
def test_a_pipe_waits_for_the_scalar_unit(kind: str, dst: str) -> None:
    body = (
        setup(kind) + f"    wait_flag S, {dst}, 7\n    {WORK[kind, dst]}\n" + "    li r9, 1\n" * 50
    )
    done = run(**{kind: body + f"    set_flag S, {dst}, 7\n"}, head=HEAD, record=True)
    core = CORES[kind]
    ((start, _),) = spans(done, WORK[kind, dst].split()[0].split(".")[0], core)
    waited_from = len(ADDRESSES[kind])
    assert start == waited_from + 52
    assert pipe(done, dst, core)["stalls"] == {"dispatch": waited_from, "flag_S": 52}


def test_a_flag_set_before_the_wait_costs_nothing() -> None:
    body = setup("vector") + "    set_flag S, V, 0\n" + "    li r9, 1\n" * 20
    done = run(vector=body + "    wait_flag S, V, 0\n    vadd.f32 r1, r2, r2\n", head=HEAD)
    assert "flag_S" not in pipe(done, "V", "0.aiv0")["stalls"]


def test_barrier_orders_one_pipe_only() -> None:
    body = setup("vector") + "    vadd.f32 r1, r2, r2, rep=100\n    pipe_barrier V\n"
    body += "    vadd.f32 r1, r2, r2, rep=100\n    mov_gm_ub r2, r4, len=32\n"
    done = run(vector=body, head=HEAD, record=True)
    first, second = spans(done, "vadd", "0.aiv0")
    (move,) = spans(done, "mov_gm_ub", "0.aiv0")
    assert second[0] == first[1] and move[0] < first[1]
    assert "barrier" not in pipe(done, "S", "0.aiv0")["stalls"]


def test_all_barrier_waits_for_every_pipe() -> None:
    body = setup("vector") + "    vadd.f32 r1, r2, r2, rep=100\n    mov_gm_ub r1, r4, len=4096\n"
    body += "    mov_ub_gm r5, r2, len=4096\n    pipe_barrier ALL\n    vadd.f32 r1, r2, r2\n"
    done = run(vector=body, head=HEAD, record=True)
    ends = [spans(done, n, "0.aiv0")[0][1] for n in ("vadd", "mov_gm_ub", "mov_ub_gm")]
    clock = 4 + 3
    assert pipe(done, "S", "0.aiv0")["stalls"] == {"barrier": max(ends) - clock}
    assert spans(done, "vadd", "0.aiv0")[1][0] == max(ends) + 1


def test_all_barrier_on_idle_pipes_costs_one_cycle() -> None:
    assert run("    pipe_barrier ALL\n    pipe_barrier ALL").cycles == 3


TWICE = "    set_flag V, MTE3, 2\n    set_flag V, MTE3, 2  ;!\n" + "    wait_flag V, MTE3, 2\n" * 2


def test_a_flag_raised_twice_before_its_wait() -> None:
    body = setup("vector") + "    wait_flag MTE2, MTE3, 0\n" + TWICE
    late = "    mov_gm_ub r1, r4, len=4096\n    set_flag MTE2, MTE3, 0\n"
    fails("E113", vector=body + late, head=HEAD, words="V -> MTE3 event 2")


def test_a_flag_of_the_scalar_unit_raised_twice() -> None:
    body = setup("vector") + "    vadd.f32 r1, r2, r2, rep=255\n    vadd.f32 r1, r2, r2\n"
    pair = "    set_flag S, V, 0\n    wait_flag S, V, 0\n"
    pair += pair.replace("0\n", "0  ;!\n", 1)
    fails("E113", vector=body + pair, head=HEAD, words="S -> V event 0")


def test_a_flag_may_be_raised_again_as_soon_as_its_wait_is_over() -> None:
    """The scalar unit runs ahead of the vector queue; only time decides whether the flag is
    still up.
    """
    body = setup("vector") + "    vabs.f32 r1, r2, rep=200\n    vabs.f32 r1, r2\n"
    pair = "    set_flag S, V, 0\n    wait_flag S, V, 0\n"
    run(vector=body + pair + "    li r9, 1\n" * 250 + pair, head=HEAD)


def test_a_later_set_of_a_pipe_is_judged_at_its_time() -> None:
    body = setup("vector") + "    vadd.f32 r1, r2, r2, rep=100\n    vadd.f32 r1, r2, r2\n"
    move = "    mov_gm_ub r1, r4, len={}\n    set_flag MTE2, V, 0\n"
    waits = "    wait_flag MTE2, V, 0\n" * 2
    run(vector=body + move.format(32) + move.format(65536) + waits, head=HEAD)


def test_a_wait_behind_a_barrier_keeps_its_flag_up() -> None:
    """The wait is known to come at the barrier's end; a set before that is the second one."""
    body = registers({1: 0, 2: 8192}) + "\n    set_flag S, V, 0\n    vadd.f32 r1, r2, r2, rep=255\n"
    body += "    pipe_barrier V\n    wait_flag S, V, 0\n    li r9, 1\n    set_flag S, V, 0  ;!\n"
    fails("E113", vector=body + "    wait_flag S, V, 0\n", words="S -> V event 0")


def test_left_over_flags_are_warnings() -> None:
    done = run("    set_flag M, FIX, 3\n", clean=False)
    assert [(d["code"], d["severity"]) for d in done.diagnostics] == [("W121", "warning")]
    assert "M -> FIX event 3" in done.diagnostics[0]["message"] and done.ok


@pytest.mark.parametrize("event", [8, 64, 512, 1 << 40, -1])
@pytest.mark.parametrize(
    "line", ["set_flag V, S, r1", "set_flag S, V, r1", "wait_flag V, S, r1", "wait_flag S, V, r1"]
)
def test_events_from_registers_are_checked(line: str, event: int) -> None:
    fails(
        "E101",
        vector=f"    li r1, {event}\n    {line}  ;!",
        words=f"event = {event} is outside 0 .. 7",
    )


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("vector", "set_flag V, V, 0"),
        ("vector", "set_flag M, S, 0"),
        ("vector", "wait_flag MTE1, S, 0"),
        ("vector", "pipe_barrier FIX"),
        ("cube", "wait_flag V, S, 0"),
        ("cube", "pipe_barrier V"),
        ("cube", "cross_core_wait_flag V, 0"),
    ],
)
def test_pipes_that_a_core_lacks_are_refused(kind: str, line: str) -> None:
    with pytest.raises(NpuemuError):
        run(**{kind: f"    {line}\n"})
