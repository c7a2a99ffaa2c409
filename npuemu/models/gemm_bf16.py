"""gemm_bf16: panels of A and W stream through L1, and the slowest pipe sets the pace panel by
panel; see `docs/models.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from npuemu.machine import Machine
from npuemu.models.cost import Costs
from npuemu.models.estimate import Estimate, Shape, align_up, cdiv, fresh_cases, parts

ROWS, COLUMNS = 128, 256
_PREAMBLE = 60  # scalar instructions before the first load


@dataclass(frozen=True)
class GemmBf16:
    """The model for one shape and machine. Lengths along k are counted in columns of 32 bytes."""

    shape: Shape
    machine: Machine

    @cached_property
    def costs(self) -> Costs:
        """Time rows."""
        return Costs(self.machine)

    @cached_property
    def columns(self) -> int:
        """Columns of 16 k each."""
        return self.shape.k // 16

    @cached_property
    def row_tiles(self) -> int:
        """Tiles over the rows."""
        return cdiv(self.shape.m, ROWS)

    @cached_property
    def tile_m(self) -> int:
        """Rows of a tile."""
        return align_up(cdiv(self.shape.m, self.row_tiles), 16)

    @cached_property
    def half_m(self) -> int:
        """Rows of the first half of a tile."""
        return align_up(cdiv(self.tile_m, 2), 16)

    @cached_property
    def tile_n(self) -> int:
        """Columns of C of a tile: narrower where that gives every block one."""
        s = self.shape
        rounds = cdiv(self.row_tiles * cdiv(s.n, COLUMNS), s.blocks)
        share = max(1, rounds * s.blocks // self.row_tiles)
        return min(COLUMNS, align_up(cdiv(s.n, share), 16))

    @cached_property
    def panel(self) -> int:
        """Columns of a panel in L1."""
        fit = self.machine.capacity["L1"] // (2 * (self.tile_m + self.tile_n) * 32)
        long = 64 if fit >= 64 else 32 if fit >= 32 else 16
        if self.columns >= 4 * long:
            return min(self.columns, long)
        return min(self.columns, min(long, 32) if self.columns >= 128 else 16)

    @cached_property
    def step(self) -> int:
        """Columns of a step in L0."""
        sizes = self.machine.capacity
        fit = min(sizes["L0A"] // self.tile_m, sizes["L0B"] // self.tile_n) // 64
        return 16 if fit >= 16 else 8 if fit >= 8 else 4 if fit >= 4 else 2

    def traffic(self) -> dict[str, tuple[int, int]]:
        """A once a column of tiles, W once a row of tiles, C once."""
        s = self.shape
        return {
            "A": (2 * s.m * s.k * cdiv(s.n, self.tile_n), 0),
            "W": (2 * s.n * s.k * self.row_tiles, 0),
            "C": (0, 2 * s.m * s.n),
        }

    def _load(self, rows: int, columns: int, fresh: bool) -> int:
        """MTE2: a panel of ``rows`` rows."""
        size = rows * columns * 32
        nd2nz = self.costs.gm("nd2nz_gm_l1")
        bursts = 1 if columns == self.columns else rows
        aligned = self.shape.k * 2 % self.machine.file.global_memory.align.value == 0
        aligned &= columns * 32 % 512 == 0 or columns == self.columns
        return nd2nz.bytes_work(size, size if fresh else 0, bursts, aligned)

    def _inner(self, rows: int, cols: int, columns: int) -> tuple[int, int]:
        """(MTE1, M) cycles of a panel: steps of L1 -> L0, and products by halves of the rows."""
        halves = [h for h in (min(rows, self.half_m), rows - self.half_m) if h > 0]
        a, b = self.costs.of("load_l1_l0a", "b16"), self.costs.of("load_l1_l0b", "b16")
        mmad = self.costs.of("mmad", "bf16")
        moved = made = 0
        for step in parts(columns, self.step):
            moved += b.work(cdiv(cols, 16) * step)
            for half in halves:
                moved += a.work(cdiv(half, 16) * step)
                made += mmad.work(cdiv(half, 16) * cdiv(cols, 16) * step)
        return moved, made

    def _tile(self, rows: int, cols: int, shares: tuple[float, float]) -> dict[str, float]:
        """Expected cycles of a tile's panels: each pipe alone, and the pace of the slowest."""
        sums = {"MTE2": 0.0, "MTE1": 0.0, "M": 0.0, "pace": 0.0}
        for columns in parts(self.columns, self.panel):
            moved, made = self._inner(rows, cols, columns)
            sums["MTE1"] += moved
            sums["M"] += made
            for weight, (a, w) in fresh_cases(*shares):
                load = self._load(rows, columns, a) + self._load(cols, columns, w)
                sums["MTE2"] += weight * load
                sums["pace"] += weight * max(load, moved, made)
        return sums

    def _shares(self, tile: int) -> tuple[float, float]:
        """Share of the first touches of A and of W that a tile's loads pay."""
        blocks, rows = self.shape.blocks, self.row_tiles
        now = tile // blocks
        first, last = now * blocks, (now + 1) * blocks
        row, column = tile % rows, tile // rows
        same_row = sum(1 for t in range(first + (row - first) % rows, last, rows))
        same_column = min(last, (column + 1) * rows) - max(first, column * rows)
        fresh_a = 1 / same_row if row // blocks == now else 0.0
        return fresh_a, 1 / same_column if column * rows // blocks == now else 0.0

    def estimate(self) -> Estimate:
        """Start, the slowest block's panels, and the last store; no faster than the memories."""
        s = self.shape
        tiles = self.row_tiles * cdiv(s.n, self.tile_n)
        kinds: dict[tuple[int, int, tuple[float, float]], dict[str, float]] = {}
        blocks: list[dict[str, float]] = []
        for block in range(min(s.blocks, tiles)):
            total: dict[str, float] = {}
            for tile in range(block, tiles, s.blocks):
                row, column = tile % self.row_tiles, tile // self.row_tiles
                rows = min(self.tile_m, s.m - row * self.tile_m)
                cols = min(self.tile_n, s.n - column * self.tile_n)
                key = (rows, cols, self._shares(tile))
                if key not in kinds:
                    kinds[key] = self._tile(*key)
                for name, cycles in kinds[key].items():
                    total[name] = total.get(name, 0.0) + cycles
                # The last panel is only multiplied: nothing is left to load beside it.
                over = (kinds[key]["pace"] - kinds[key]["M"]) / cdiv(self.columns, self.panel)
            total["pace"] -= over
            blocks.append(total)
        worst = max(blocks, key=lambda sums: sums["pace"])
        edges, moved = self._edges(), self.traffic()
        fresh = 2 * (s.m * s.k + s.n * s.k)
        memory = {
            "L2": cdiv(sum(r + w for r, w in moved.values()), self.costs.l2),
            "HBM": cdiv(fresh, self.costs.hbm),
        }
        terms = {name: round(worst[name]) for name in ("MTE2", "MTE1", "M")} | memory
        cycles = edges + max(round(worst["pace"]), *memory.values())
        return Estimate(cycles, moved, terms)

    def _edges(self) -> int:
        """Before the first product and behind the last one."""
        rows, cols = min(self.tile_m, self.shape.m), self.tile_n
        panel = min(self.panel, self.columns)
        nd2nz, fix = self.costs.gm("nd2nz_gm_l1"), self.costs.gm("fix_l0c_gm", "f32_bf16")
        loaded = nd2nz.head + self._load(rows, panel, True) + self._load(cols, panel, True)
        first = max(loaded, nd2nz.row.isolated or 0)
        moved, _ = self._inner(rows, cols, min(self.step, panel))
        to_l0 = self.costs.of("load_l1_l0a", "b16")
        half = min(rows, self.half_m) * cols * 2
        mmad = self.costs.of("mmad", "bf16")
        last = mmad.tail + fix.head + fix.bytes_work(half) + fix.tail
        return _PREAMBLE + first + to_l0.head + moved + to_l0.tail + mmad.head + last
