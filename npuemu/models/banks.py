"""Bank conflicts of a vector instruction from the addresses of its operands; `docs/timing.md`."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.machine import Machine


@dataclass(frozen=True)
class Side:
    """One operand in UB. address: its first byte; step: bytes from repeat to repeat; blocks:
    32-byte blocks of a repeat, ``pitch`` bytes apart.
    """

    address: int
    step: int = 256
    blocks: int = 8
    pitch: int = 32


def conflicts(
    machine: Machine, repeats: int, first: Side, result: Side, second: Side | None = None
) -> int:
    """Cycles that ``repeats`` repeats lose: where both sources read a bank group, and where the
    result of an earlier repeat lands in a group and bank that the first source reads.
    """
    rules = machine.file.banks
    shift, count = rules.group_shift.value, rules.groups.value
    bank, banks = rules.bank_shift.value, rules.banks.value
    both = second is not None and rules.reads_per_group.value == 1
    lag = rules.write_lag.value

    def groups(side: Side, repeat: int) -> set[int]:
        start = side.address + repeat * side.step
        return {(start + b * side.pitch >> shift) % count for b in range(side.blocks)}

    def bank_of(side: Side, repeat: int) -> int:
        return (side.address + repeat * side.step >> bank) % banks

    lost = 0
    for r in range(repeats):
        read = groups(first, r)
        if both and second is not None and read & groups(second, r):
            lost += 1
        if r >= lag and bank_of(first, r) == bank_of(result, r - lag):
            lost += bool(read & groups(result, r - lag))
    return lost
