"""The chain that decides a run: worked by hand on small texts, whole on every kernel."""

from __future__ import annotations

import pytest

import npuemu
from npuemu.profiling.critical_path import critical_path, shares
from tests import accounting
from tests.engine.harness import run
from tests.kernels.shapes import KERNELS

LOAD_AND_MULTIPLY = """
    li r1, 0
    load_l1_l0a.b16 r1, r1, 1, 8, 1
    load_l1_l0b.b16 r1, r1, 1, 8, 1
    set_flag MTE1, M, 0
    wait_flag MTE1, M, 0
    mmad.f16 r1, r1, r1, 16, 16, 128, init=zero
"""


def chain(done: npuemu.Run) -> list[tuple[str, str, int, int]]:
    """(mnemonic, part, start, stop) of every step."""
    assert done.recording is not None
    code, rows = done.recording.code, done.recording.events["row"]
    return [
        (code[rows[s.event]].name, s.part, s.start, s.stop) for s in critical_path(done.recording)
    ]


def test_a_chain_worked_by_hand() -> None:
    """docs/timing.md works out the same text: loads until 65, seen at 79, then M for 32."""
    done = run(LOAD_AND_MULTIPLY, record=True)
    assert done.cycles == 111
    assert chain(done) == [
        ("load_l1_l0a", "scalar", 0, 1),
        ("load_l1_l0a", "head", 1, 15),
        ("load_l1_l0a", "work", 15, 32),
        ("load_l1_l0b", "work", 32, 65),
        ("load_l1_l0b", "tail", 65, 79),
        ("mmad", "head", 79, 90),
        ("mmad", "work", 90, 100),
        ("mmad", "tail", 100, 111),
    ]


def test_the_scalar_unit_may_decide() -> None:
    done = run("    li r1, 0\n" + "    add r1, r1, 0\n" * 500 + LOAD_AND_MULTIPLY, record=True)
    assert chain(done)[0] == ("load_l1_l0a", "scalar", 0, 502)


def test_flags_between_cores_are_under_way() -> None:
    cube = "    cross_core_wait_flag MTE1, 0\n    li r1, 0\n    load_l1_l0a.b16 r1, r1, 1, 8, 1"
    vector = (
        "    subblock_idx r2\n    li r1, 0\n    vabs.f32 r1, r1\n    cross_core_set_flag cv, V, 0"
    )
    done = run(cube, vector, record=True)
    assert [step[:2] for step in chain(done)][-4:] == [
        ("cross_core_set_flag", "cross_core"),
        ("load_l1_l0a", "head"),
        ("load_l1_l0a", "work"),
        ("load_l1_l0a", "tail"),
    ]
    assert accounting.chained(done.report, done.recording) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [1, 3])
@pytest.mark.parametrize(("name", "machine"), KERNELS)
def test_cycles_add_up_and_the_chain_is_whole(name: str, machine: str, blocks: int) -> None:
    """Per pipe, per cause, per line; and the events, replayed, give the same."""
    done = npuemu.run(name, machine, blocks=blocks, mode="timing", record=True)
    assert done.recording is not None
    accounting.check(done.report, done.recording)
    assert accounting.chained(done.report, done.recording) is None
    steps = critical_path(done.recording)
    assert sum(share.cycles for share in shares(done.recording, steps)) == done.cycles


def test_other_timings_add_up_too() -> None:
    for jitter in range(1, 6):
        done = npuemu.run("gemm_w8a8", blocks=2, mode="timing", record=True, jitter=jitter)
        accounting.check(done.report, done.recording)


def test_a_window_keeps_its_events_alone() -> None:
    whole = npuemu.run("gemm_bf16", mode="timing", record=True).recording
    part = npuemu.run("gemm_bf16", mode="timing", record=(2000, 4000)).recording
    assert whole is not None and part is not None and part.window == (2000, 4000)
    chosen = (whole.events["start"] < 4000) & (whole.events["end"] >= 2000)
    for column in ("core", "pipe", "kind", "row", "start", "free", "end"):
        assert (whole.events[chosen][column] == part.events[column]).all()
