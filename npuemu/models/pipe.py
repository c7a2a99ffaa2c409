"""A pipe in a recurrence over pieces of work: when each starts and ends, by the engine's rules.

Where pieces wait for each other in turn - a ring between cores - no maximum of sums says what a run
takes; the times of one piece then follow from those of the pieces before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from npuemu.models.cost import Cost, Costs


@dataclass
class Pipe:
    """One pipe of one core; cycles from the start of the run.

    free: it takes the next piece; end: flags see the last one; busy: sum of work; after: nothing
    starts before that.
    """

    free: float = 0.0
    end: float = 0.0
    busy: float = 0.0
    after: float = 0.0

    def wait(self, until: float) -> None:
        """Nothing starts before ``until``: a flag that stands in the pipe's queue."""
        self.after = max(self.after, until)

    def run(self, ready: float, cost: Cost | None, work: float, lost: float = 0.0) -> float:
        """A piece of ``work`` cycles whose inputs are there at ``ready``; when flags see its end.

        cost: head, tail and isolated of its instructions, None where the work holds them; the head
        is paid on an idle pipe. lost: cycles that it waits for memory while it runs.
        """
        start = max(self.free, self.after, ready)
        idle = start >= self.end and start != self.free
        self.free = start + (cost.head if cost and idle else 0) + work + lost
        self.end = max(self.end, self.free + (cost.tail if cost else 0))
        if cost and idle:
            self.end = max(self.end, start + (cost.row.isolated or 0))
        self.busy += work
        return self.end


@dataclass(frozen=True)
class Move:
    """A transfer with GM. work: cycles at the core's own rate; moved: bytes that count at L2;
    lines: bytes of the lines that it touches first.
    """

    cost: Cost
    work: float
    moved: float
    lines: float = 0.0


@dataclass
class Memory:
    """L2 and the memory as a stream of transfers sees them: none of a transfer's bytes is there
    before all bytes that all cores have asked for earlier.

    Cores do not stay in step, so that what one leaves of the bandwidth another takes; only a
    transfer that all begin at once, a burst, has the others' bytes in front of it in any case.
    l2, hbm: when they have moved what was asked for.
    """

    costs: Costs
    l2: float = 0.0
    hbm: float = 0.0

    def hold(self, until: float) -> None:
        """No core asks for anything before that."""
        self.l2, self.hbm = max(self.l2, until), max(self.hbm, until)

    def run(
        self, pipe: Pipe, ready: float, moves: Iterable[Move], cores: float, burst: bool = False
    ) -> float:
        """Transfers one behind the other on ``pipe``, and at the same time on those of ``cores`` in
        all; when flags see the end of the last one.
        """
        end = ready
        for move in moves:
            begin = max(pipe.free, pipe.after, ready)
            l2, hbm = (n * cores / rate for n, rate in self._rates(move))
            self.l2 += l2
            self.hbm += hbm
            late = max(self.l2, self.hbm if hbm else 0.0, begin + max(l2, hbm) if burst else 0.0)
            end = pipe.run(ready, move.cost, move.work, max(0.0, late - begin - move.work))
        return end

    def _rates(self, move: Move) -> tuple[tuple[float, int], ...]:
        """Bytes and their rate at L2 and at the memory."""
        return (move.moved, self.costs.l2), (move.lines, self.costs.hbm)
