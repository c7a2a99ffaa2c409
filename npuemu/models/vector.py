"""What V takes for a list of instructions, on machines whose vector pipe needs barriers or not."""

from __future__ import annotations

from collections.abc import Sequence

from npuemu.models.cost import Costs

Op = tuple[str, tuple[str, ...], int, int]
"""Mnemonic, suffixes, repeats of one instruction, and how many of them."""


def work(costs: Costs, ops: Sequence[Op]) -> int:
    """Work of a list of instructions, without what an idle pipe adds; no bank conflicts."""
    return sum(count * costs.of(name, *s).work(reps) for name, s, reps, count in ops)


def rounds(costs: Costs, listed: Sequence[Sequence[Op]]) -> int:
    """Groups of instructions with a barrier behind each: head, all work, the last one's tail."""
    total = 0
    for ops in listed:
        first, last = costs.of(ops[0][0], *ops[0][1]), costs.of(ops[-1][0], *ops[-1][1])
        total += first.head + work(costs, ops) + last.tail
    return total
