"""E206: a flag that is raised again while, in another legal timing, it may still be up."""

from __future__ import annotations

import pytest

import npuemu
from tests.engine.harness import kernel

ROUND = "    set_flag MTE1, M, {}\n    wait_flag MTE1, M, {}\n"


def round_of(event: int = 0) -> str:
    """A signal from MTE1 to M."""
    return ROUND.format(event, event)


def back(event: int = 0) -> str:
    """A signal from M to MTE1."""
    return f"    set_flag M, MTE1, {event}\n    wait_flag M, MTE1, {event}\n"


ORDERED = {
    "once": round_of(),
    "another event": round_of(0) + round_of(1),
    "a flag back": round_of() + back() + round_of(),
    "a flag back on the way over S": (
        round_of()
        + "    set_flag M, S, 0\n    wait_flag M, S, 0\n"
        + "    set_flag S, MTE1, 0\n    wait_flag S, MTE1, 0\n"
        + round_of()
    ),
    "the scalar unit has waited": (
        round_of() + "    set_flag M, S, 0\n    wait_flag M, S, 0\n" + round_of()
    ),
    "a barrier of all pipes": round_of() + "    pipe_barrier ALL\n" + round_of(),
    "back and forth": (round_of() + back()) * 4,
    "a later flag back": round_of() + round_of(1) + back() + round_of() + back() + round_of(1),
}
OPEN = {
    "nothing": round_of() + round_of(),
    "a barrier of the raising pipe": round_of() + "    pipe_barrier MTE1\n" + round_of(),
    "a barrier of the waiting pipe": round_of() + "    pipe_barrier M\n" + round_of(),
    "the flag back comes from before": (
        "    set_flag M, MTE1, 0\n" + round_of() + "    wait_flag M, MTE1, 0\n" + round_of()
    ),
    "a flag forth": round_of() + round_of(1) + round_of(),
}


def codes(body: str, **options: int) -> list[str]:
    """Codes of a cube program's findings."""
    program = npuemu.assemble(kernel(body), machine="ascend910b1")
    return [d["code"] for d in npuemu.run(program, **options).diagnostics]


@pytest.mark.parametrize("body", ORDERED.values(), ids=ORDERED)
def test_ordered_raises_are_clean(body: str) -> None:
    assert codes(body, shuffle=20) == []


@pytest.mark.parametrize("body", OPEN.values(), ids=OPEN)
def test_raises_that_nothing_orders_are_found(body: str) -> None:
    found = codes(body)
    assert found == ["E206"]


def test_another_timing_shows_what_the_finding_means() -> None:
    """The waiting pipe is busy when the second signal comes: the run itself ends in E113."""
    body = "    li r1, 0\n    li r2, 0\n    li r3, 0\n"
    late = body + "    mmad.f16 r1, r2, r3, 16, 16, 1600, zero\n    pipe_barrier M\n"
    assert "E113" in codes(late + OPEN["nothing"])
    assert "E113" not in codes(late + ORDERED["a flag back"])


def test_the_finding_names_both_lines_and_the_repair() -> None:
    program = npuemu.assemble(kernel(round_of(3) * 3), machine="ascend910b1")
    first, second = npuemu.run(program).diagnostics
    assert "flag MTE1 -> M event 3" in first["message"]
    places = [d["where"].split(":")[1] for d in (first, second)]
    assert places == ["7", "9"]
    assert "set_flag M, MTE1, 0 after line 6 and wait_flag M, MTE1, 0 before line 7" in str(first)
