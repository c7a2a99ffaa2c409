"""The state of a launch that its cores share."""

from __future__ import annotations

from dataclasses import dataclass, field

from npuemu.asm.program import Program
from tests.interpreter.machine import Machine
from tests.interpreter.memory import Access, Memories, merged
from tests.interpreter.order import Event, Order, members
from tests.interpreter.sync import Signals


@dataclass
class State:
    """fault: the code that ends the run, with the core and the instruction's index."""

    program: Program
    machine: Machine
    memories: Memories
    signals: Signals
    order: Order
    trace: bool
    fault: str | None = None
    fault_at: tuple[int, int] | None = None
    wraps: int = 0
    events: list[Event] = field(default_factory=list)

    def stop(self, fault: str, core: int, index: int) -> None:
        """The first fault ends the run."""
        self.fault, self.fault_at = fault, (core, index)

    def record(self, access: Access, pipe: int, index: int, name: str, dispatched: int) -> None:
        """An instruction has touched memory."""
        if not self.trace or not (access.reads or access.writes):
            return
        before = self.order.execute(access.core, pipe, len(self.events), dispatched)
        reads, writes = merged(access.reads), merged(access.writes)
        after = members(before)
        self.events.append(Event(access.core, pipe, index, name, reads, writes, after))
