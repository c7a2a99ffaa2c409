"""GEMMs on the cube cores alone (`include/cube_gemm.inc`): panels of A and W stream through L1, and
the slowest pipe sets the pace panel by panel; see `docs/models.md`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from npuemu.models.gemm.panels import COLUMN, SCALES, Formats, Panels, halves
from npuemu.models.parts import scalar
from npuemu.models.parts.estimate import Estimate, fresh_cases
from npuemu.models.parts.plan import Plan


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a tile of C; shares of the first touches of A and of W that it pays."""

    rows: int
    cols: int
    fresh_a: float
    fresh_w: float


@dataclass(frozen=True)
class CubeGemm(Panels):
    """The model for one plan."""

    # --- what kernels with hooks in the loop change

    @property
    def new_a(self) -> bool:
        """Nobody has touched the lines of A before the cube cores."""
        return True

    def place(self, tile: int) -> tuple[int, int]:
        """Row and column of tiles: down the columns of C."""
        return tile % self.plan["gemm_m_tiles"], tile // self.plan["gemm_m_tiles"]

    def ready(self, tile: int) -> float:
        """When the cube cores may load a tile, in cycles from the start."""
        return 0.0

    def meanwhile(self, start: float, end: float) -> float:
        """Bytes of lines that vector cores are the first to touch between two times."""
        return 0.0

    def traffic(self) -> dict[str, tuple[int, int]]:
        """A once a column of tiles, W once a row of tiles, their scales likewise, C once."""
        plan = self.plan
        a = plan["M"] * self.columns * plan["gemm_n_tiles"]
        w = plan["N"] * self.columns * plan["gemm_m_tiles"]
        moved = {"A": (COLUMN * a, 0), "W": (COLUMN * w, 0), "C": (0, 2 * plan["M"] * plan["N"])}
        if self.formats.mx:
            moved |= {"A_scale": (SCALES * a, 0), "W_scale": (SCALES * w, 0)}
        return moved

    # --- pace

    def _work(self, tile: Tile) -> list[tuple[int, int]]:
        """(MTE1, M) cycles of every panel of a tile."""
        return [self.products(tile.rows, tile.cols, columns) for _, columns in self.panels()]

    def _pace(self, tile: Tile, before: int, alike: int = 0) -> dict[str, float]:
        """Expected cycles of a tile's panels: each pipe alone, and the pace, where a panel is
        loaded beside the work on the one before; ``before``: that work for the first panel. No
        panel is there before HBM has sent its lines and those in front of it to ``alike`` blocks.
        """
        sums = {"MTE2": 0.0, "MTE1": 0.0, "M": 0.0, "pace": 0.0}
        sent = 0.0
        for (start, columns), (moved, made) in zip(self.panels(), self._work(tile), strict=True):
            sums["MTE1"] += moved
            sums["M"] += made
            for weight, (a, w) in fresh_cases(tile.fresh_a, tile.fresh_w):
                load = self.parts_of_a * self.load(tile.rows, start, columns, a)
                load += self.load(tile.cols, start, columns, w)
                sums["MTE2"] += weight * load
                sums["pace"] += weight * max(load, before)
            lines = tile.fresh_a * self.lines(tile.rows, start, columns)
            lines += tile.fresh_w * self.lines(tile.cols, start, columns)
            sent += alike * lines / self.costs.hbm
            sums["pace"] = max(sums["pace"], sent)
            before = max(moved, made)
        return sums

    # --- all of it

    def _rounds(self) -> Iterator[list[Tile]]:
        """The tiles that the blocks have at the same time."""
        plan, count = self.plan, self.plan["gemm_tiles"]
        sides = (("M", plan["gemm_tile_m"]), ("N", plan["gemm_tile_n"]))
        seen: tuple[set[int], set[int]] = set(), set()
        for first in range(0, count, plan.blocks):
            places = [self.place(t) for t in range(first, min(first + plan.blocks, count))]
            sharing = [Counter(place[axis] for place in places) for axis in (0, 1)]
            tiles = []
            for place in places:
                rows, cols = (
                    min(size, plan[name] - i * size)
                    for (name, size), i in zip(sides, place, strict=True)
                )
                fresh_a, fresh_w = (
                    0.0 if i in seen[axis] else 1 / sharing[axis][i] for axis, i in enumerate(place)
                )
                tiles.append(Tile(rows, cols, fresh_a if self.new_a else 0.0, fresh_w))
            for axis in (0, 1):
                seen[axis].update(sharing[axis])
            yield tiles

    def _memory(self, tiles: list[Tile], stored: int) -> dict[str, float]:
        """Shared bandwidth in a round: every byte at L2, first touches at the memory; ``stored``
        bytes of C of the round before leave beside it.
        """
        read = sum(self.parts_of_a * t.rows + t.cols for t in tiles) * self.row_bytes
        fresh = sum(t.rows * t.fresh_a + t.cols * t.fresh_w for t in tiles) * self.row_bytes
        return {
            "L2": (read + stored) / self.costs.l2,
            "HBM": (fresh + stored) / self.costs.hbm,
        }

    def estimate(self) -> Estimate:
        """Round by round the slowest pipe or memory of the slowest block, between the edges."""
        blocks = [dict.fromkeys(("MTE2", "MTE1", "M"), 0.0) for _ in range(self.plan.blocks)]
        memory = {"L2": 0.0, "HBM": self.meanwhile(0.0, math.inf) / self.costs.hbm}
        pace = cache(self._pace)
        ends, before, stored = [0.0] * self.plan.blocks, [0] * self.plan.blocks, 0
        for i, tiles in enumerate(self._rounds()):
            shared = self._memory(tiles, stored)
            memory = {name: memory[name] + shared[name] for name in memory}
            for block, tile in enumerate(tiles):
                found = pace(tile, before[block], len(tiles))
                start = max(ends[block], self.ready(i * self.plan.blocks + block))
                taken = max(found["pace"], *shared.values())
                beside = self.meanwhile(start, start + taken) / self.costs.hbm
                # First come, first served: two that both wait for the memory take turns.
                ends[block] = start + max(taken, shared["HBM"] + min(beside, shared["HBM"]))
                blocks[block] = {n: cycles + found[n] for n, cycles in blocks[block].items()}
                before[block] = max(self._work(tile)[-1])
            stored = sum(2 * t.rows * t.cols for t in tiles)
        slowest = max(range(self.plan.blocks), key=lambda block: ends[block] + before[block])
        cycles = self._edges(stored) + ends[slowest] + before[slowest]
        terms = {name: round(v) for name, v in {**blocks[slowest], **memory}.items()}
        return Estimate(round(cycles), self.traffic(), terms)

    def _edges(self, stored: int) -> float:
        """Before the first panel, its first step, and the store behind the last product; the blocks
        store ``stored`` bytes at the same time.
        """
        plan, of = self.plan, self.costs.of
        rows, cols = min(plan["gemm_tile_m"], plan["M"]), plan["gemm_tile_n"]
        nd2nz, fix = self.costs.gm("nd2nz_gm_l1"), self.costs.gm("fix_l0c_gm", "f32_bf16")
        to_l0, mmad = of("load_l1_l0a", self.formats.width), of("mmad", self.formats.type)
        moved, made = self.step(rows, cols, min(self.step_columns, plan["gemm_panel_k"]))
        first = nd2nz.head + nd2nz.tail + to_l0.head + moved + to_l0.tail + mmad.head
        # The first half of a tile leaves beside the products of the second.
        sizes = [half * cols * 2 for half in halves(plan, rows)]
        beside = made[-1] if len(sizes) > 1 else 0
        own = max(beside, fix.bytes_work(sizes[0])) + sum(map(fix.bytes_work, sizes[1:])) - beside
        out = max(own, stored / self.costs.hbm - beside)
        return scalar.CUBE_GEMM + first + mmad.tail + fix.head + out + fix.tail


BF16 = Formats("b16", "bf16")
MXFP4 = Formats("b4", "mxfp4", mx=True)


def bf16(plan: Plan) -> Estimate:
    """gemm_bf16."""
    return CubeGemm(plan, BF16).estimate()


def mxfp4(plan: Plan) -> Estimate:
    """gemm_mxfp4."""
    return CubeGemm(plan, MXFP4).estimate()
