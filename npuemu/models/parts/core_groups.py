"""How `programs/include/core_groups.inc` divides C among the core groups of a launch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.models.parts.cost import Costs
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Group:
    """What a core group computes: columns of C and rows of C."""

    cols: int
    rows: int

    @property
    def size(self) -> int:
        """Elements of C."""
        return self.cols * self.rows


def core_groups(plan: Plan) -> list[Group]:
    """Every group with work: columns are divided first, rows where there are more blocks."""
    units_n, units_m = plan["UNITS_N"], plan["UNITS_M"]
    split_n, split_m = plan["SPLIT_N"], plan["SPLIT_M"]
    found = []
    for row in range(split_m):
        first, last = (i * units_m // split_m * 16 for i in (row, row + 1))
        for col in range(split_n):
            units = (col + 1) * units_n // split_n - col * units_n // split_n
            found.append(Group(units * 16, min(last, plan["M"]) - first))
    return found


@dataclass(frozen=True)
class Divided:
    """A model of a kernel whose groups divide C so."""

    plan: Plan

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return self.plan.costs

    @cached_property
    def groups(self) -> list[Group]:
        """Core groups."""
        return core_groups(self.plan)

    @cached_property
    def busiest(self) -> Group:
        """The group with most elements of C."""
        return max(self.groups, key=lambda g: g.size)

    @cached_property
    def alike(self) -> float:
        """Groups, counted by the work of the busiest."""
        return sum(g.size for g in self.groups) / self.busiest.size
