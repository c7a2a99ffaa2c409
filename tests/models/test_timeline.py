"""Pieces of work in order of time, and the queues at L2 and the memory."""

from __future__ import annotations

import pytest

import npuemu
from npuemu.models.parts.cost import Costs
from npuemu.models.sharing.timeline import Process, Shared, Timeline


def test_processes_go_on_in_order_of_time() -> None:
    timeline, seen = Timeline(), list[str]()

    def first() -> Process:
        seen.append("a0")
        yield 30.0
        seen.append("a30")
        timeline.happens(("done", 1), 50.0)

    def second() -> Process:
        yield 10.0
        seen.append("b10")
        yield "done", 1
        seen.append("b50")
        yield 5.0
        seen.append("b5")

    def third() -> Process:
        yield 40.0
        seen.append("c40")
        yield "done", 1
        seen.append("c50")

    timeline.run([first(), second(), third()])
    assert seen == ["a0", "b10", "a30", "c40", "b50", "b5", "c50"]


def test_what_never_happens_is_an_error() -> None:
    def waits() -> Process:
        yield "done", 7

    with pytest.raises(RuntimeError, match=r"never happens: \('done', 7\)"):
        Timeline().run([waits()])


def test_l2_and_the_memory_serve_who_comes_first() -> None:
    """A request that L2 alone serves does not wait for the memory."""
    shared = Shared(Costs(npuemu.machine("ascend910b1")))  # 2640 and 768 bytes a cycle
    assert shared.serve(100, 76800, 76800) == 200
    assert shared.serve(110, 7680, 7680) == 210
    assert shared.serve(120, 26400) == pytest.approx(100 + (76800 + 7680 + 26400) / 2640)
    assert shared.serve(1000, 2640) == 1001
