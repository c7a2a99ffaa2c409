"""Bank conflicts of a vector instruction from the addresses of its operands; `docs/timing.md`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from npuemu.machine import Machine


@dataclass(frozen=True)
class Operand:
    """One operand in UB. address: its first byte; step: bytes from repeat to repeat; blocks:
    32-byte blocks of a repeat, ``pitch`` bytes apart.
    """

    address: int
    step: int = 256
    blocks: int = 8
    pitch: int = 32


@dataclass(frozen=True)
class Banks:
    """A machine's rule: bank group and bank of an address, reads a group and cycle (``ports``),
    and by how many repeats results are written later (``lag``).
    """

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
        found, at = 0, operand.address + repeat * operand.step
        for block in range(operand.blocks):
            found |= 1 << ((at + block * operand.pitch >> self.group_shift) % self.groups)
        return found

    def bank(self, operand: Operand, repeat: int) -> int:
        """Bank of a repeat's first byte."""
        return (operand.address + repeat * operand.step >> self.bank_shift) % self.banks


@lru_cache(maxsize=1 << 15)
def conflicts(
    rule: Banks, repeats: int, result: Operand, first: Operand, second: Operand | None = None
) -> int:
    """Cycles that ``repeats`` repeats lose: where both sources read a bank group with one port, and
    where the result of an earlier repeat lands in a group and bank that the first source reads.
    """
    lost = 0
    for r in range(repeats):
        read = rule.mask(first, r)
        if second and rule.ports == 1 and read & rule.mask(second, r):
            lost += 1
        w = r - rule.lag
        if w >= 0 and rule.bank(first, r) == rule.bank(result, w):
            lost += bool(read & rule.mask(result, w))
    return lost
