"""V instruction by instruction, for kernels whose one text serves machines with and without
barriers between dependent vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from npuemu.models.banks import Side, conflicts
from npuemu.models.plan import Plan


@dataclass(frozen=True)
class Mark:
    """Where V waits for something or says that something is done. at: cycle where nothing was
    waited for; head: cycles more behind a wait, as the pipe is idle then.
    """

    what: str
    at: int
    waits: bool
    head: int = 0


class VectorProgram:
    """Instructions of V one behind the other; their operands are buffers of the kernel.

    free: cycle in which V takes the next one; end: in which flags and barriers see all of them;
    slot: of buffers with two.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.free = self.end = 0
        self.slot = 0
        self.marks: list[Mark] = []
        self._idle = True
        self._places = plan.program.constants | {b.name: b.address for b in plan.program.buffers}
        self._lost: dict[tuple[int, Side, Side, Side | None], int] = {}

    def at(self, buffer: str, offset: int = 0, step: int = 256, pitch: int = 32) -> Side:
        """An operand ``offset`` bytes into a buffer, or behind a constant that is an address.
        step: bytes from repeat to repeat; pitch: of the 32-byte blocks of a repeat.
        """
        blocks = 1 if step == 0 else min(8, max(1, step // pitch))
        return Side(self._places[buffer] + offset, step, blocks, pitch)

    def do(
        self, name: str, repeats: int, result: Side, first: Side, second: Side | None = None
    ) -> None:
        """One instruction: ``mnemonic.suffix.suffix``, its repeats and operands."""
        mnemonic, *suffixes = name.split(".")
        cost = self.plan.costs.of(mnemonic, *suffixes)
        key = repeats, result, first, second
        if key not in self._lost:
            self._lost[key] = conflicts(self.plan.machine, repeats, first, result, second)
        if self.marks and self.marks[-1].waits and self.marks[-1].head < 0:
            self.marks[-1] = replace(self.marks[-1], head=0 if self._idle else cost.head)
        self.free += (cost.head if self._idle else 0) + cost.work(repeats) + self._lost[key]
        self.end = max(self.end, self.free + cost.tail)
        self._idle = False

    def order(self) -> None:
        """`v_order`: a barrier, where the machine does not order V by itself."""
        if "l0c_ub" not in self.plan.machine.features:
            self.free, self._idle = self.end, True

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


def unit_times(plan: Plan, unit: Callable[[VectorProgram], None]) -> Steady:
    """Times of ``unit`` where others went before it: the mean of two that follow each other, as
    buffers with two slots have two places.
    """
    program = VectorProgram(plan)
    unit(program)
    first, count = program.free, len(program.marks)
    program.slot = 1
    unit(program)
    marks = tuple(replace(mark, at=mark.at - first) for mark in program.marks[count:])
    program.slot = 0
    unit(program)
    return Steady((program.free - first) // 2, marks)


def steady(plan: Plan, unit: Callable[[VectorProgram], None]) -> int:
    """Cycles from one unit's start to the next one's, where a unit follows another."""
    return unit_times(plan, unit).cycles
