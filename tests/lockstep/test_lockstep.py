"""Random legal programs end alike on the emulator and on a plain interpreter, byte for byte.

1,000 programs here and 100,000 in the slow job, two processes at a time. A failure names the seed
and what repeats it; ``--shrink`` makes the program smaller.
"""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npuemu.machine import names
from tests.interpreter import interpret
from tests.interpreter.happens_before import races
from tests.lockstep import harness
from tests.lockstep.check import Bad, assembled, check, problem
from tests.lockstep.generate import Case, generate
from tests.lockstep.operands import forms
from tests.lockstep.regions import ISA
from tests.lockstep.weaken import shrink, tags, weaken, without

ROOT = Path(__file__).resolve().parents[2]
QUICK, BATCH = 1000, 100
SLOW, SLOW_BATCH, JOBS, SECONDS = 100_000, 2500, 2, 1800
COVERED = 500
"""Programs within which everything must have been generated."""


@pytest.mark.parametrize("first", range(0, QUICK, BATCH))
def test_programs_run_alike(first: int) -> None:
    for seed in range(first, first + BATCH):
        check(seed)


@settings(max_examples=30, deadline=None, database=None)
@given(st.integers(0, 2**62), st.sampled_from(names), st.integers(1, 6))
def test_programs_of_any_seed_machine_and_size_run_alike(seed: int, name: str, size: int) -> None:
    """Not the seeds of every time; a smaller size is tried where one fails."""
    check(seed, name, size)


def batch(first: int) -> str | None:
    """A batch in a process of its own; what went wrong."""
    command = [sys.executable, "-m", "tests.lockstep.worker", str(first), str(SLOW_BATCH),
               "--size", str(3 + first // SLOW_BATCH % 8)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=SECONDS)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode == 0 and text.count("begin ") == SLOW_BATCH:
        return None
    last = text[text.rfind("begin ") :].split("\n")[0]
    bad = text[text.find("BAD ") :][:6000] if "BAD " in text else ""
    return f"{' '.join(command)}: {done.returncode}, {last}\n{bad}\n{done.stderr[-2000:]!r}"


@pytest.mark.slow
@pytest.mark.timeout(SLOW // SLOW_BATCH * SECONDS)
def test_programs_run_alike_exhaustive() -> None:
    with ThreadPoolExecutor(JOBS) as pool:
        found = list(pool.map(batch, range(1_000_000, 1_000_000 + SLOW, SLOW_BATCH)))
    assert [f for f in found if f] == []


@cache
def cases(count: int) -> tuple[Case, ...]:
    """The first programs, only made, not run."""
    return tuple(generate(seed, size=3) for seed in range(count))


def test_every_instruction_and_every_form_is_generated() -> None:
    """Suffixes, casts with their rounding modes: a new record is covered without a word here."""
    made = cases(COVERED)
    words = {line.split()[0].split(".")[0] for c in made for line in c.text.splitlines() if line}
    assert [r.name for r in ISA.records if r.name not in words] == []
    used = set().union(*(c.used for c in made))
    tried = [r for r in ISA.records if r.is_data or r.name in ("ld", "st")]
    wanted = {
        (r.name, form) for r in tried for name in names for form in forms(harness.machine(name), r)
    }
    assert [w for w in wanted if w not in used] == []


def test_every_barrier_and_every_mode_is_generated() -> None:
    made = set().union(*(c.sync for c in cases(COVERED)))
    barriers = {("pipe_barrier", s) for s in ISA.enums["bpipe"].values}
    modes = {("cross_core_set_flag", s) for s in ISA.enums["mode"].values}
    assert made >= barriers | modes


def test_machines_blocks_and_sections_all_occur() -> None:
    made = cases(COVERED)
    assert {c.machine for c in made} == set(names)
    assert {c.blocks for c in made} == {1, 2, 3}
    sections = {(".section cube" in c.text, ".section vector" in c.text) for c in made}
    assert sections == {(True, True), (True, False), (False, True)}


def test_a_seed_is_one_program() -> None:
    assert generate(5).text == generate(5).text
    assert generate(5, "ascend910b1").machine == "ascend910b1"


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_the_generator_leaves_no_race(first: int) -> None:
    """By brute force over the interpreter's trace, which knows nothing of the generator's model."""
    for seed in range(first, first + 20):
        check(seed, size=3, trace=True)


def test_weakened_programs_end_and_many_of_them_race() -> None:
    """What was taken out was needed often enough to be worth looking for."""
    ends, raced, weakened = set(), 0, 0
    for seed in range(60):
        case = generate(seed, size=3)
        text = weaken(case.text, random.Random(seed))
        if text == case.text:
            assert not tags(text)
            continue
        weakened += 1
        program = assembled(Case(**{**case.__dict__, "text": text}))
        gm = case.memory(program)
        outcome = interpret(program, case.machine, bytearray(gm), order_seed=1, trace=True)
        ends.add(outcome.fault)
        assert not outcome.flags and not outcome.counters or outcome.fault
        raced += bool(races(outcome))
        harness.run(program, gm)
    assert ends <= {None, "E113"}
    assert weakened > 30 and raced > weakened // 5


def test_a_piece_of_synchronisation_goes_as_a_whole() -> None:
    text = "a ; sync 1\nset_flag V, S, 0  ; sync 1\nb\nwait_flag V, S, 0  ; sync 1\nc ; sync 12\n"
    assert tags(text) == [1, 12]
    assert without(text, 1) == "b\nc ; sync 12\n"
    assert weaken("halt\n", random.Random(0)) == "halt\n"


def test_failing_programs_are_made_smaller() -> None:
    text = "\n".join(["start:", *(f"    li r1, {i}" for i in range(40)), "    halt"]) + "\n"
    small = shrink(text, lambda t: "r1, 17\n" in t)
    assert small == "start:\n    li r1, 17\n    halt\n"


def test_a_wrong_bit_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison looks at all memories: one flipped bit in any of them is a failure."""
    case = next(c for c in cases(COVERED) if c.blocks == 2 and ".section cube" in c.text)
    program, original = assembled(case), harness.run
    assert problem(case, program) is None
    for place in (None, (0, "L1"), (3, "L0C"), (1, "UB"), (5, "UB"), (3, "BT")):

        def damaged(*arguments: object, place: tuple[int, str] | None = place) -> harness.State:
            state = original(*arguments)  # type: ignore[arg-type]
            memory = state.gm if place is None else state.memories[place]
            memory[memory.size // 3] ^= 4
            return state

        monkeypatch.setattr(harness, "run", damaged)
        why = problem(case, program)
        assert why is not None and (f"core {place[0]} {place[1]}" if place else "GM") in why
    monkeypatch.setattr(harness, "run", original)
    assert "seed 3" in str(Bad(generate(3), "why"))
