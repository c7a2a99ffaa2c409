"""Pieces on pipes take what the examples of `docs/timing.md` take, which timing mode runs."""

from __future__ import annotations

import npuemu
from npuemu.models.parts.cost import Costs
from npuemu.models.sharing.pipe import Memory, Move, Pipe

COSTS = Costs(npuemu.machine("ascend910b1"))


def test_back_to_back_pays_one_head() -> None:
    mmad, pipe = COSTS.of("mmad", "f16"), Pipe()
    assert pipe.run(1, mmad, mmad.work(32)) == 57
    assert pipe.run(0, mmad, mmad.work(32)) == 91
    assert pipe.busy == 2 * mmad.work(32)


def test_a_flag_shows_the_tail() -> None:
    to_a, to_b = COSTS.of("load_l1_l0a", "b16"), COSTS.of("load_l1_l0b", "b16")
    mmad, mte1, m = COSTS.of("mmad", "f16"), Pipe(), Pipe()
    mte1.run(1, to_a, to_a.work(8))
    loaded = mte1.run(0, to_b, to_b.work(8))
    assert loaded == 79
    assert m.run(loaded, mmad, mmad.work(8)) == 111


def test_a_flag_in_the_queue_leaves_the_pipe_idle() -> None:
    mmad, pipe = COSTS.of("mmad", "f16"), Pipe()
    pipe.wait(100)
    assert pipe.run(0, mmad, mmad.work(32)) == 100 + 11 + 34 + 11


def test_nothing_is_seen_before_what_went_before_it() -> None:
    """The first of two loads is isolated; the flag behind the second waits for both."""
    load, pipe = Costs(npuemu.machine("ascend950pr")).gm("mov_gm_ub"), Pipe()
    assert pipe.run(4, load, load.bytes_work(512)) == 4 + 217
    assert pipe.run(0, load, load.bytes_work(512)) == 4 + 217


def test_transfers_of_one_core_find_bandwidth() -> None:
    load, pipe, memory = COSTS.gm("mov_gm_ub"), Pipe(), Memory(COSTS)
    for fresh, aligned in ((4096, True), (0, True), (512, False)):
        work = load.bytes_work(4096, fresh, 1, aligned)
        end = memory.run(pipe, 4, [Move(load, work, 4096, fresh)], 1)
    assert end == 388


def test_all_cores_wait_for_the_memory() -> None:
    """48 cores ask for 4096 new bytes each: 256 cycles at 768 bytes a cycle, 86 by itself."""
    load = COSTS.gm("mov_gm_ub")
    move = Move(load, load.bytes_work(4096, 4096), 4096, 4096)
    memory, pipe = Memory(COSTS, 1000, 1000), Pipe()
    assert memory.run(pipe, 1000, [move], 48) == 1000 + load.head + 256
    late, unhurried = Memory(COSTS), Pipe()
    assert late.run(unhurried, 1000, [move], 48) == 1000 + load.head + 86  # left over by others
    assert Memory(COSTS).run(Pipe(), 1000, [move], 48, burst=True) == 1000 + load.head + 256
