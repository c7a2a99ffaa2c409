"""What must be true of every random program: both machines agree, and the report adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import npuemu
from npuemu.asm.program import Program
from tests import accounting
from tests.interpreter import Outcome, interpret
from tests.interpreter.happens_before import races
from tests.lockstep import harness
from tests.lockstep.generate import Case, generate

WARNINGS = {"W120", "W210", "W211"}
"""Findings that a legal program may have."""


@dataclass
class Bad(Exception):
    """A program that breaks a rule, with what repeats it."""

    case: Case
    why: str

    def __str__(self) -> str:
        again = f"python -m tests.lockstep.worker {self.case.seed} 1 --machine {self.case.machine}"
        return f"seed {self.case.seed}: {self.why}\n{again}\n{self.case.text}"


def assembled(case: Case) -> Program:
    """The case's program."""
    return npuemu.assemble(case.text, machine=harness.machine(case.machine))


def identities(report: dict[str, Any]) -> str | None:
    """The first rule of a report that does not hold."""
    broken = accounting.labels(report) or accounting.breakdown(report)
    if broken is not None:
        return broken
    traffic = report["traffic"]
    for total, side in (("gm_read_bytes", "read"), ("gm_write_bytes", "write")):
        if traffic[total] != sum(t[side] for t in traffic["tensors"].values()):
            return f"{total} {traffic[total]} is not the sum over tensors"
    return None


def first_difference(mine: bytearray, theirs: np.ndarray[Any, Any]) -> str | None:
    """Where two memories differ, and how."""
    left = np.frombuffer(mine, np.uint8)
    if left.size != theirs.size:
        return f"sizes {left.size} and {theirs.size}"
    if np.array_equal(left, theirs):
        return None
    at = int((left != theirs).argmax())
    part = slice(at - at % 8, at - at % 8 + 16)
    return (
        f"byte {at} of {int((left != theirs).sum())}: interpreter {left[part].tobytes().hex()}, "
        f"emulator {theirs[part].tobytes().hex()}"
    )


def disagreement(outcome: Outcome, state: harness.State) -> str | None:
    """The first thing on which the interpreter and the emulator disagree."""
    if outcome.fault is not None:
        return f"the interpreter ends in {outcome.fault} at {outcome.fault_at}"
    found = first_difference(outcome.gm, state.gm)
    if found is not None:
        return f"GM: {found}"
    for place, theirs in state.memories.items():
        mine = outcome.memories.get(place, bytearray())
        found = first_difference(mine, theirs) if theirs.size else None
        if found is not None:
            return f"core {place[0]} {place[1]}: {found}"
    if outcome.flags != state.flags:
        return f"flags {outcome.flags}, {state.flags}"
    if outcome.counters != state.counters:
        return f"counters {outcome.counters}, {state.counters}"
    wraps = any(d["code"] == "W120" for d in state.report["diagnostics"])
    if bool(outcome.int32_wraps) != wraps:
        return f"INT32 wraps: {outcome.int32_wraps}, {state.report['diagnostics']}"
    return None


def problem(case: Case, program: Program, *, trace: bool = False) -> str | None:
    """What is wrong with a legal program's run; None if nothing is.

    trace: also look for races by brute force, so that the generator is checked too (slow).
    """
    start = case.memory(program)
    state = harness.run(program, start.copy())
    findings = [d for d in state.report["diagnostics"] if d["code"] not in WARNINGS]
    if findings:
        return f"a legal program has findings: {findings}"
    broken = identities(state.report) or accounting.recorded(state.report, state.recording)
    if broken is not None:
        return broken
    broken = accounting.chained(state.report, state.recording)
    if broken is not None:
        return broken
    again = harness.run(program, start.copy())
    if again.report != state.report:
        return "a second run has another report"
    timing = harness.run(program, start.copy(), "timing")
    if timing.report["cycles"] != state.report["cycles"]:
        return f"cycles {state.report['cycles']}, in timing mode {timing.report['cycles']}"
    outcome = interpret(program, case.machine, bytearray(start), order_seed=case.seed, trace=trace)
    found = disagreement(outcome, state)
    if found is None and trace and races(outcome):
        return f"races by brute force: {sorted(races(outcome))[:4]}"
    return found


def check(seed: int, machine: str | None = None, size: int = 3, trace: bool = False) -> Case:
    """Make the program of a seed and hold all rules against it; raises `Bad`."""
    case = generate(seed, machine, size)
    why = problem(case, assembled(case), trace=trace)
    if why is not None:
        raise Bad(case, why)
    return case
