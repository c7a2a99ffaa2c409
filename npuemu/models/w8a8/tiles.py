"""Which tiles gemm_w8a8 and gemm_w8a8_grouped have, in the order in which blocks take them."""

from __future__ import annotations

from dataclasses import dataclass

from npuemu.models.gemm.panels import halves
from npuemu.models.parts.estimate import cdiv, parts
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Tile:
    """A tile of C: its first row, its first row of W (of all groups'), and its size."""

    row: int
    weight: int
    rows: int
    cols: int

    @property
    def end(self) -> int:
        """The row behind it."""
        return self.row + self.rows


def group_sizes(plan: Plan) -> list[int]:
    """Rows of each group, as far as A has rows; those of ``inputs``, or even shares of all rows
    where these have no ``group_sizes``.
    """
    m, groups = plan["M"], plan["G"]
    even = [(i + 1) * m // groups - i * m // groups for i in range(groups)]
    found, left = [], m
    for size in plan.inputs.get("group_sizes", even):
        found.append(min(size, left))
        left -= found[-1]
    return found


def _across(plan: Plan, row: int, rows: int, weight: int) -> list[Tile]:
    """The tiles of a row tile, along the rows of C."""
    found = []
    for cols in parts(plan["N"], plan["gemm_tile_n"]):
        found.append(Tile(row, weight, rows, cols))
        weight += cols
    return found


def by_group(plan: Plan) -> bool:
    """Whether rows belong to groups with their own W."""
    return "G" in plan.program.params


def tiles(plan: Plan) -> list[Tile]:
    """All tiles; block b has tiles b, b + blocks, ..."""
    return _grouped(plan) if by_group(plan) else _banded(plan)


def _banded(plan: Plan) -> list[Tile]:
    """gemm_w8a8: along the rows of C in bands of row tiles, and down in a band."""
    height, band = plan["gemm_tile_m"], plan["BAND"]
    rows = list(parts(plan["M"], height))
    lines = [_across(plan, i * height, r, 0) for i, r in enumerate(rows)]
    found = []
    for first in range(0, len(lines), band):
        found += [
            tile for column in zip(*lines[first : first + band], strict=True) for tile in column
        ]
    return found


def _grouped(plan: Plan) -> list[Tile]:
    """gemm_w8a8_grouped: along the rows of C, then down, group by group."""
    found, row = [], 0
    for group, size in enumerate(group_sizes(plan)):
        for rows in parts(size, plan["gemm_tile_m"]):
            found += _across(plan, row, rows, group * plan["N"])
            row += rows
    return found


def core_rows(plan: Plan, tile: Tile) -> list[int]:
    """Rows that a vector core scales at a time, of both cores: none is left out but of 0 rows."""
    return [part for half in halves(plan, tile.rows) for part in (cdiv(half, 2), half // 2) if part]
