"""A pipe in a recurrence over pieces of work: when each starts and ends, by the engine's rules.

Where pieces wait for each other in turn - a ring between cores - no maximum of sums says what a run
takes; the times of one piece then follow from those of the pieces before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from npuemu.models.parts.cost import Cost, Costs, Transfer
from npuemu.models.parts.estimate import cdiv, new_lines


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

    def starts(self, ready: float = 0.0) -> float:
        """When a piece starts whose inputs are there at ``ready``."""
        return max(self.free, self.after, ready)

    def idle(self, start: float) -> bool:
        """A piece that starts then finds the pipe idle, and pays the head."""
        return start >= self.end and start != self.free

    def run(self, ready: float, cost: Cost | None, work: float, lost: float = 0.0) -> float:
        """A piece of ``work`` cycles whose inputs are there at ``ready``; when flags see its end.

        cost: head, tail and isolated of its instructions, None where the work holds them; the head
        is paid on an idle pipe. lost: cycles that it waits for memory while it runs.
        """
        start, tail, head = self.starts(ready), 0.0, 0.0
        if cost:
            tail = cost.tail
            if self.idle(start):
                head = cost.head
                tail = max(tail, (cost.row.isolated or 0) - head - work)
        self.free = start + head + work + lost
        self.end = max(self.end, self.free + tail)
        self.busy += work
        return self.end


@dataclass(kw_only=True)
class GroupPipes:
    """Pipes of a core group: of a vector core (load, v, mte3), which stands for both, and of the
    cube core.
    """

    load: Pipe = field(default_factory=Pipe)
    v: Pipe = field(default_factory=Pipe)
    mte3: Pipe = field(default_factory=Pipe)
    fetch: Pipe = field(default_factory=Pipe)
    mte1: Pipe = field(default_factory=Pipe)
    m: Pipe = field(default_factory=Pipe)
    fix: Pipe = field(default_factory=Pipe)

    @property
    def pipes(self) -> dict[str, Pipe]:
        """Pipes by the name that the estimate gives them."""
        return {
            "vector MTE2": self.load, "V": self.v, "MTE3": self.mte3, "cube MTE2": self.fetch,
            "MTE1": self.mte1, "M": self.m, "FIX": self.fix,
        }  # fmt: skip

    def hold(self, until: float) -> None:
        """No pipe starts before that."""
        for pipe in self.pipes.values():
            pipe.wait(until)

    @property
    def end(self) -> float:
        """When every pipe has ended."""
        return max(pipe.end for pipe in self.pipes.values())

    @property
    def busy(self) -> dict[str, int]:
        """Work of each pipe, in cycles."""
        return {name: round(pipe.busy) for name, pipe in self.pipes.items()}


@dataclass(frozen=True)
class Move:
    """A transfer with GM. work: cycles at the core's own rate; moved: bytes that count at L2;
    lines: bytes of the lines that it touches first.
    """

    cost: Cost
    work: float
    moved: float
    lines: float = 0.0


def rows_of(
    costs: Costs,
    load: Transfer,
    rows: int,
    span: tuple[int, int],
    pitch: int,
    fresh: bool = True,
    apart: bool = False,
) -> Move:
    """Bytes ``span`` = (first, behind the last) of ``rows`` rows of ``pitch`` bytes; a row is a
    burst, whole rows are one.

    fresh: nobody has touched lines of the rows that do not lie in front of them. apart: lines are
    counted as if every row began with one, as most do.
    """
    (first, last), line = span, costs.line
    size, bursts = last - first, 1 if last - first == pitch else rows
    aligned = first % costs.align == 0 and (bursts == 1 or pitch % costs.align == 0)
    count = 0
    if fresh and apart:
        count = rows * (cdiv(last, line) - cdiv(first, line))
    elif fresh:
        count = new_lines(pitch, first, size, rows, line)
    work = load.bytes_work(rows * size, count * line, bursts, aligned)
    return Move(load, work, max(rows * size, bursts * load.burst), count * line)


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
            begin = pipe.starts(ready)
            l2, hbm = (n * cores / rate for n, rate in self._rates(move))
            self.l2 += l2
            self.hbm += hbm
            late = max(self.l2, self.hbm if hbm else 0.0, begin + max(l2, hbm) if burst else 0.0)
            end = pipe.run(ready, move.cost, move.work, max(0.0, late - begin - move.work))
        return end

    def _rates(self, move: Move) -> tuple[tuple[float, int], ...]:
        """Bytes and their rate at L2 and at the memory."""
        return (move.moved, self.costs.l2), (move.lines, self.costs.hbm)
