"""The emulator's race checks against brute force over the interpreter's trace.

Programs that are legal by construction lose one piece of synchronisation. Brute force looks at
every pair of accesses and every byte; the emulator remembers the last writer and the readers since,
so it need not name every pair, but whatever it names must be a race, and it must see the first.
"""

from __future__ import annotations

import random

import pytest

from tests.interpreter import interpret
from tests.interpreter.happens_before import races
from tests.lockstep import harness
from tests.lockstep.check import assembled
from tests.lockstep.generate import Case, generate
from tests.lockstep.weaken import weaken

BATCH = 50


def compare(seed: int, size: int = 3) -> int:
    """Holds the rules against a weakened program; 1 if it races."""
    case = generate(seed, size=size)
    text = weaken(case.text, random.Random(seed))
    program = assembled(Case(**{**case.__dict__, "text": text}))
    gm = case.memory(program)
    outcome = interpret(program, case.machine, bytearray(gm), order_seed=seed, trace=True)
    if outcome.fault is not None:
        return 0  # an event is reused too early: another diagnostic
    expected = {frozenset({a, b}) for _, a, b in races(outcome)}
    state = harness.run(program, gm)
    assert state.races <= expected, (seed, sorted(map(sorted, state.races - expected)), text)
    # An error (racing offsets refused, a flag raised twice) may end a run between the two.
    if not any(row["code"] in ("E113", "E117") for row in state.report["diagnostics"]):
        assert bool(state.races) == bool(expected), (seed, sorted(map(sorted, expected)), text)
    return bool(expected)


@pytest.mark.parametrize("first", range(0, 400, BATCH))
def test_races_are_those_of_brute_force(first: int) -> None:
    raced = sum(compare(seed) for seed in range(first, first + BATCH))
    assert raced > BATCH // 8


@pytest.mark.slow
def test_races_are_those_of_brute_force_exhaustive() -> None:
    assert sum(compare(seed, size=5) for seed in range(1000, 11000)) > 1000
