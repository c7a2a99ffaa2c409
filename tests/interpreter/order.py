"""What is certain to be complete before what: sets of events as bit masks.

Every set here is transitively closed: with an event it holds all that the event is ordered after.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import compress, count

from tests.interpreter.memory import Interval

S = 0
DIGITS = bytes.maketrans(b"01", b"\0\1")


@dataclass
class Event:
    """An executed instruction that touched memory.

    reads, writes: (owner core, memory, start, stop), the owner of GM is -1; after: positions of
    all events that are certain to be complete before this one starts.
    """

    core: int
    pipe: int
    index: int
    name: str
    reads: list[Interval]
    writes: list[Interval]
    after: frozenset[int]


class Order:
    """Knowledge of every pipe of every core.

    known: what everything later on the pipe is ordered after; done: what the pipe has executed.
    """

    def __init__(self, protected: frozenset[int]) -> None:
        self.protected = protected
        self.known: dict[tuple[int, int], int] = defaultdict(int)
        self.done: dict[tuple[int, int], int] = defaultdict(int)

    def execute(self, core: int, pipe: int, event: int, dispatched: int) -> int:
        """Event number `event` runs on the pipe; what it is ordered after.

        dispatched: what S was ordered after when it dispatched the instruction.
        """
        unit = core, pipe
        before = self.known[unit] | dispatched
        if pipe == S or pipe in self.protected:
            before |= self.done[unit]
        self.done[unit] |= before | 1 << event
        if pipe == S:
            self.known[unit] = before | 1 << event
        return before

    def signal(self, core: int, pipe: int, dispatched: int) -> int:
        """What a flag carries that this pipe raises now."""
        return self.known[core, pipe] | self.done[core, pipe] | dispatched

    def receive(self, core: int, pipe: int, carried: int, dispatched: int) -> None:
        """The pipe has waited for a flag that carries this."""
        self.known[core, pipe] |= carried | dispatched

    def barrier(self, core: int, pipe: int, dispatched: int) -> None:
        """The pipe waits for itself."""
        self.known[core, pipe] |= self.done[core, pipe] | dispatched

    def drain(self, core: int) -> None:
        """S waits for all pipes of its core."""
        for pipe in range(7):
            self.known[core, S] |= self.known[core, pipe] | self.done[core, pipe]


def members(mask: int) -> frozenset[int]:
    """Numbers of the bits that are set."""
    digits = bin(mask)[:1:-1].encode().translate(DIGITS)
    return frozenset(compress(count(), digits))
