"""The vector pipe instruction by instruction: rounds between barriers, and the banks of UB."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from npuemu.machine import Machine
from npuemu.models.cost import Costs


@dataclass(frozen=True)
class Operand:
    """What a repeat of an instruction reads or writes in UB.

    at: byte address of the first repeat; step: bytes from repeat to repeat; blocks of 32 bytes,
    ``apart`` bytes from one to the next.
    """

    at: int
    step: int = 256
    blocks: int = 8
    apart: int = 32


@dataclass(frozen=True)
class Banks:
    """The machine's bank rule: group and bank of an address."""

    group_shift: int
    groups: int
    bank_shift: int
    banks: int
    ports: int
    lag: int

    @staticmethod
    def of(machine: Machine) -> Banks:
        """The rule of a machine."""
        b = machine.file.banks
        return Banks(
            b.group_shift.value, b.groups.value, b.bank_shift.value, b.banks.value,
            b.reads_per_group.value, b.write_lag.value,
        )  # fmt: skip

    def mask(self, operand: Operand, repeat: int) -> int:
        """Groups that a repeat touches, a bit each."""
        found = 0
        for block in range(operand.blocks):
            at = operand.at + repeat * operand.step + block * operand.apart
            found |= 1 << ((at >> self.group_shift) % self.groups)
        return found

    def bank(self, operand: Operand, repeat: int) -> int:
        """Bank of a repeat's first byte."""
        return (operand.at + repeat * operand.step) >> self.bank_shift & self.banks - 1


@lru_cache(maxsize=4096)
def conflicts(
    banks: Banks, repeats: int, to: Operand, first: Operand, second: Operand | None
) -> int:
    """Cycles that an instruction loses: two reads in a group (one port), or a result that is
    written ``lag`` repeats later into a group of the first source's bank.
    """
    lost = 0
    for r in range(repeats):
        read = banks.mask(first, r)
        if second and banks.ports == 1 and read & banks.mask(second, r):
            lost += 1
        w = r - banks.lag
        if w >= 0 and banks.bank(first, r) == banks.bank(to, w):
            lost += bool(read & banks.mask(to, w))
    return lost


@dataclass
class VPipe:
    """Time of a list of instructions on V, as if nothing else held it up.

    free: cycles until the pipe takes the next instruction; end: until flags see all of it;
    entries: when each entry of the queue leaves it. There is no barrier on machines that order V
    themselves.
    """

    costs: Costs
    ordered: bool
    free: int = 0
    end: int = 0
    entries: list[int] = field(default_factory=list)
    _idle: bool = False

    def __post_init__(self) -> None:
        self._idle = not self.ordered  # behind a barrier

    def op(
        self,
        name: str,
        suffixes: tuple[str, ...],
        repeats: int,
        to: Operand,
        first: Operand | None = None,
        second: Operand | None = None,
    ) -> None:
        """One instruction with its bank conflicts; none with 0 repeats."""
        if repeats <= 0:
            return
        cost = self.costs.of(name, *suffixes)
        lost = 0
        if first:
            lost = conflicts(Banks.of(self.costs.machine), repeats, to, first, second)
        self.entries.append(self.free)
        self.free += (cost.head if self._idle else 0) + cost.work(repeats) + lost
        self.end = max(self.end, self.free + cost.tail)
        self._idle = False

    def barrier(self) -> None:
        """What follows sees everything before it."""
        if not self.ordered:
            self.entries.append(self.end)
            self._idle |= self.end > self.free
            self.free = max(self.free, self.end)

    def hold(self, until: int) -> None:
        """V waits for another pipe, if it comes there earlier."""
        self._idle |= until > max(self.free, self.end)
        self.free, self.end = max(self.free, until), max(self.end, until)

    def flag(self) -> None:
        """A flag that V waits for or sets: an entry of its queue, without time of its own."""
        self.entries.append(self.free)

    def queued(self, depth: int) -> int:
        """Cycles for which the last ``depth`` entries keep V busy."""
        return self.free - (self.entries[-depth] if len(self.entries) >= depth else 0)
