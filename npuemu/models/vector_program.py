"""V instruction by instruction, for kernels whose one text serves machines with and without
barriers between dependent vector instructions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from npuemu.models.banks import Side, conflicts
from npuemu.models.plan import Plan


class VectorProgram:
    """Instructions of V one behind the other; their operands are buffers of the kernel.

    free: cycle in which V takes the next one; end: in which flags and barriers see all of them;
    stores: in which the last `wait_stores` came.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.free = self.end = self.stores = 0
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
        self.free += (cost.head if self._idle else 0) + cost.work(repeats) + self._lost[key]
        self.end = max(self.end, self.free + cost.tail)
        self._idle = False

    def order(self) -> None:
        """`v_order`: a barrier, where the machine does not order V by itself."""
        if "l0c_ub" not in self.plan.machine.features:
            self.free, self._idle = self.end, True

    def wait_stores(self) -> None:
        """From here on buffers are written that an earlier unit's stores read."""
        self.stores = self.free


@dataclass(frozen=True)
class Steady:
    """A unit of work that follows another. cycles: from its start to the next one's; stores: to
    where it waits until an earlier unit's results have left; edge: what the first unit's head and
    the last one's tail add.
    """

    cycles: int
    stores: int
    edge: int


def unit_times(plan: Plan, unit: Callable[[VectorProgram], None]) -> Steady:
    """Times of ``unit``, which says `wait_stores` where it needs the buffers of its results."""
    program = VectorProgram(plan)
    unit(program)
    first, seen = program.free, program.end
    unit(program)
    cycles = program.free - first
    return Steady(cycles, program.stores - first, seen - cycles)


def steady(plan: Plan, unit: Callable[[VectorProgram], None]) -> int:
    """Cycles from one unit's start to the next one's, where a unit follows another."""
    return unit_times(plan, unit).cycles
