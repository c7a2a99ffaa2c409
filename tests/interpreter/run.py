"""Runs a program: whatever unit can act may act, in an order drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from npuemu.asm.program import Program
from tests.interpreter import machine as machines
from tests.interpreter.core import Core
from tests.interpreter.memory import Memories
from tests.interpreter.order import Event, Order
from tests.interpreter.queues import Queue
from tests.interpreter.state import State
from tests.interpreter.sync import Signals

DEADLOCK = "E110"


class TooManySteps(Exception):
    """The program did not end within the steps it was given."""


@dataclass
class Outcome:
    """What a program left behind.

    gm: all of global memory. memories: bytes by (core, memory); core = group * 3 + 0 (cube), 1 or
    2 (vector). flags: (core, src pipe, dst pipe, event) still up. counters: counts left by
    (core, id). fault: the code that ended the run; fault_at: (core, index in its section).
    int32_wraps: INT32 words that wrapped. events: in the order of execution, if traced.
    """

    gm: bytearray
    memories: dict[tuple[int, str], bytearray]
    flags: set[tuple[int, int, int, int]]
    counters: dict[tuple[int, int], int]
    fault: str | None
    fault_at: tuple[int, int] | None
    int32_wraps: int
    events: list[Event]


class Schedule:
    """Units in no order but the one that chance gives them; those that cannot act stand aside."""

    def __init__(self, cores: list[Core], seed: int) -> None:
        self.random = random.Random(seed)
        self.ready: list[Core | Queue] = []
        self.core_of: dict[int, int] = {}
        for core in cores:
            units: list[Core | Queue] = [core, *core.queues.values()]
            self.core_of |= {id(unit): core.number for unit in units}
            self.ready += units
        self.aside: dict[int, list[Core | Queue]] = {}

    def step(self) -> bool:
        """Let one unit act; False if none can."""
        while self.ready:
            place = self.random.randrange(len(self.ready))
            unit = self.ready[place]
            core = self.core_of[id(unit)]
            if unit.act():
                self.ready += self.aside.pop(core, [])
                return True
            self.ready[place] = self.ready[-1]
            self.ready.pop()
            self.aside.setdefault(core, []).append(unit)
        return False

    def wake_all(self) -> None:
        """A signal between cores: everybody tries again."""
        for units in self.aside.values():
            self.ready += units
        self.aside.clear()


def _launch(state: State) -> list[Core]:
    kinds = state.program.code
    numbers = range(3 * state.program.blocks)
    return [Core(state, n) for n in numbers if ("vector" if n % 3 else "cube") in kinds]


def interpret(
    program: Program,
    machine: str,
    gm: bytearray,
    *,
    order_seed: int = 0,
    trace: bool = False,
    max_steps: int = 1_000_000,
) -> Outcome:
    """Execute a program from its words.

    gm: global memory from address 0, inputs filled in; it is not changed. order_seed: chooses
    among the orders that the rules allow. `TooManySteps` where no end comes.
    """
    facts = machines.load(machine)
    memories = Memories(program, facts, bytearray(gm))
    signals = Signals(program.blocks)
    state = State(program, facts, memories, signals, Order(facts.protected), trace)
    cores = _launch(state)
    schedule = Schedule(cores, order_seed)
    for _ in range(max_steps):
        signals.changed = False
        if not schedule.step() or state.fault:
            break
        if signals.changed:
            schedule.wake_all()
    else:
        raise TooManySteps(f"{program.name}: more than {max_steps} steps")
    stuck = [core for core in cores if not core.finished]
    if state.fault is None and stuck:
        state.stop(DEADLOCK, stuck[0].number, stuck[0].waiting_at)
    counters = {key: len(counts) for key, counts in signals.counters.items() if counts}
    return Outcome(
        memories.gm,
        memories.local,
        set(signals.flags),
        counters,
        state.fault,
        state.fault_at,
        state.wraps,
        state.events,
    )
