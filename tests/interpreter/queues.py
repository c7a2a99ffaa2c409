"""The queue of a pipe: instructions in order, data instructions checked and executed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.interpreter import cube, fixpipe, move, vector
from tests.interpreter.decode import Instruction
from tests.interpreter.lanes import Lanes, Mask, lanes_of
from tests.interpreter.memory import Access
from tests.interpreter.regions import (
    Region,
    audit,
    evaluate_let,
    operand_fault,
    region_fault,
    regions,
    scope,
    with_lanes,
)
from tests.interpreter.state import State
from tests.interpreter.step import Step

UNITS = {**move.UNITS, **vector.UNITS, **cube.UNITS, **fixpipe.UNITS}
VECTOR = 1


@dataclass(frozen=True)
class Entry:
    """A dispatched instruction: operands and mask as S read them; dispatched: what S knew."""

    ins: Instruction
    index: int
    ops: dict[str, int]
    mask: Mask
    dispatched: int


@dataclass(frozen=True)
class Start:
    """An instruction that may start: what its unit gets, and what it is declared to touch."""

    step: Step
    reads: list[Region]
    writes: list[Region]


def prepare(state: State, core: int, entry: Entry, access: Access) -> Start | str:
    """Every check of an instruction's start; the code of the fault if one fails."""
    ins = entry.ins
    fault = operand_fault(ins, entry.ops)
    if fault:
        return fault
    names = scope(entry.ops, state.machine)
    evaluate_let(ins, names)
    if names.get("bad", 0):
        return "E101"
    lanes: Lanes | None = None
    if ins.pipe == VECTOR:
        found = lanes_of(
            entry.mask, vector.lanes_per_repeat(ins), entry.ops["rep"], vector.paired(ins)
        )
        if isinstance(found, str):
            return found
        lanes = found
    with_lanes(names, lanes)
    reads, writes = regions(ins, names)
    fault = region_fault(state.memories, core, reads, writes)
    if fault is None and lanes is not None and lanes.too_many:
        fault = "E118"
    step = Step(ins, entry.ops, state.machine, access, lanes)
    return fault or Start(step, reads, writes)


def execute(state: State, core: int, pipe: int, entry: Entry) -> None:
    """A data instruction: all checks, then all effects at once."""
    access = Access(state.memories, core, state.trace)
    start = prepare(state, core, entry, access)
    if isinstance(start, str):
        state.stop(start, core, entry.index)
        return
    step = start.step
    UNITS[entry.ins.name](step)
    if step.fault:
        state.stop(step.fault, core, entry.index)
        return
    if state.trace:
        audit(access, start.reads, start.writes)
    access.commit()
    state.wraps += step.wraps
    state.record(access, pipe, entry.index, entry.ins.name, entry.dispatched)


class Queue:
    """The queue of one pipe of one core."""

    def __init__(self, state: State, core: int, pipe: int) -> None:
        self.state, self.core, self.pipe = state, core, pipe
        self.entries: deque[Entry] = deque()

    @property
    def full(self) -> bool:
        """Whether S has to wait until the head has started."""
        return len(self.entries) >= self.state.machine.queue_depth

    def act(self) -> bool:
        """Start the head if it may start; whether it did."""
        if not self.entries:
            return False
        if not synchronise(self.state, self.core, self.pipe, self.entries[0]):
            return False
        self.entries.popleft()
        return True


def _id_fault(state: State, core: int, ins: Instruction, ops: dict[str, int]) -> str | None:
    """Ids of 16 and more are for cube cores of machines with c1v, in that mode."""
    if ops.get("id", 0) < 16:
        return None
    wide = core % 3 == 0 and "c1v" in state.machine.features
    return None if wide and ins.symbols.get("mode", "c1v") == "c1v" else "E101"


def synchronise(state: State, core: int, pipe: int, entry: Entry) -> bool:
    """Execute an instruction on a pipe, S included; False if it has to wait."""
    ins, ops, order, signals = entry.ins, entry.ops, state.order, state.signals
    if ins.spec.data:
        execute(state, core, pipe, entry)
        return True
    fault = operand_fault(ins, ops) or _id_fault(state, core, ins, ops)
    if fault:
        state.stop(fault, core, entry.index)
    elif ins.name in ("set_flag", "wait_flag"):
        flag = core, ops["src"], ops["dst"], ops["event"]
        if ins.name == "set_flag":
            fault = signals.raise_flag(flag, order.signal(core, pipe, entry.dispatched))
        elif flag not in signals.flags:
            return False
        else:
            order.receive(core, pipe, signals.flags.pop(flag), entry.dispatched)
    elif ins.name == "pipe_barrier":
        order.barrier(core, pipe, entry.dispatched)
    elif ins.name == "cross_core_set_flag":
        carried = order.signal(core, pipe, entry.dispatched)
        fault = signals.set_cross(core, ins.symbols["mode"], ops["id"], carried)
    elif ins.name == "cross_core_wait_flag":
        counts = signals.counters[core, ops["id"]]
        if not counts:
            return False
        order.receive(core, pipe, counts.popleft(), entry.dispatched)
    else:
        raise AssertionError(ins.name)
    if fault:
        state.stop(fault, core, entry.index)
    return True
