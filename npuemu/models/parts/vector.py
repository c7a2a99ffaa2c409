"""V instruction by instruction, for kernels whose one text serves machines with and without
barriers between dependent vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from npuemu.models.parts.banks import Banks, Operand, conflicts
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Mark:
    """Where V waits for something or says that something is done. at: cycle where nothing was
    waited for; head: cycles more behind a wait, as the pipe is idle then.
    """

    what: str
    at: int
    waits: bool
    head: int = 0


class VectorPipe:
    """Time of a list of instructions on V, one behind the other, from cycle 0 on.

    running: other work of V goes before the list; it then begins without a head where the machine
    orders V by itself, and behind a barrier where not. free: cycle in which V takes the next
    instruction; end: in which flags and barriers see all of them; entries: when each entry of the
    queue leaves it; marks: what V waits for and signals; slot: of buffers with two.
    """

    def __init__(self, plan: Plan, running: bool = False) -> None:
        self.plan = plan
        self.ordered = "l0c_ub" in plan.machine.features  # the rule of vector_order.inc
        self.free = self.end = 0
        self.entries: list[int] = []
        self.marks: list[Mark] = []
        self.slot = 0
        self._idle = not (running and self.ordered)
        self._banks = Banks.of(plan.machine)

    def at(self, buffer: str, offset: int = 0, step: int = 256, pitch: int = 32) -> Operand:
        """An operand ``offset`` bytes into a buffer, or behind a constant that is an address.
        step: bytes from repeat to repeat; pitch: of the 32-byte blocks of a repeat.
        """
        blocks = 1 if step == 0 else min(8, max(1, step // pitch))
        return Operand(self.plan.places[buffer] + offset, step, blocks, pitch)

    def op(
        self,
        name: str,
        repeats: int,
        result: Operand | None = None,
        first: Operand | None = None,
        second: Operand | None = None,
        *,
        times: int = 1,
        lost: int = 0,
    ) -> None:
        """``mnemonic.suffix.suffix``; none with 0 repeats.

        lost: cycles of bank conflicts where the operands are not given. times: so many alike.
        """
        if repeats <= 0 or times <= 0:
            return
        mnemonic, *suffixes = name.split(".")
        cost = self.plan.costs.of(mnemonic, *suffixes)
        if result and first:
            lost = conflicts(self._banks, repeats, result, first, second)
        head = cost.head if self._idle else 0
        if self.marks and self.marks[-1].waits and self.marks[-1].head < 0:
            self.marks[-1] = replace(self.marks[-1], head=cost.head - head)
        for _ in range(times):
            self.entries.append(self.free)
            self.free += head + cost.work(repeats) + lost
            head = 0
        self.end = max(self.end, self.free + cost.tail)
        self._idle = False

    def barrier(self) -> None:
        """What follows sees everything before it; nothing where the machine orders V by itself."""
        if not self.ordered:
            self.entries.append(self.end)
            self._idle |= self.end > self.free
            self.free = self.end

    def hold(self, until: int) -> None:
        """V waits for another pipe, if it comes there earlier."""
        self._idle |= until > self.end
        self.free, self.end = max(self.free, until), max(self.end, until)

    def flag(self) -> None:
        """A flag that V waits for or sets: an entry of its queue, without time of its own."""
        self.entries.append(self.free)

    def queued(self, depth: int) -> int:
        """Cycles for which the last ``depth`` entries keep V busy."""
        return self.free - (self.entries[-depth] if len(self.entries) >= depth else 0)

    def wait(self, what: str) -> None:
        """V goes on when ``what`` has happened: "load", "stored"."""
        self.marks.append(Mark(what, self.free, True, -1))

    def signal(self, what: str) -> None:
        """A flag behind all before: "release" of what was loaded, "made" what is to be stored."""
        self.marks.append(Mark(what, self.end, False))


@dataclass(frozen=True)
class Steady:
    """A unit of work that follows another. cycles: from its start to the next one's; marks: of its
    waits and signals, by cycle from its start.
    """

    cycles: int
    marks: tuple[Mark, ...]

    @property
    def stores(self) -> int:
        """Cycle in which it first needs buffers that an earlier unit's stores read."""
        return next(mark.at for mark in self.marks if mark.what == "stored")


def unit_times(plan: Plan, unit: Callable[[VectorPipe], None]) -> Steady:
    """Times of ``unit`` where others went before it: the mean of two that follow each other, as
    buffers with two slots have two places.
    """
    v = VectorPipe(plan)
    unit(v)
    first, count = v.free, len(v.marks)
    v.slot = 1
    unit(v)
    marks = tuple(replace(mark, at=mark.at - first) for mark in v.marks[count:])
    v.slot = 0
    unit(v)
    return Steady((v.free - first) // 2, marks)


def steady(plan: Plan, unit: Callable[[VectorPipe], None]) -> int:
    """Cycles from one unit's start to the next one's, where a unit follows another."""
    return unit_times(plan, unit).cycles
